/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A witness for each test, and what it saw of flows over loopback. After cmocka's headers. */
#ifndef TESTS_NET_WITNESS_KIT_H
#define TESTS_NET_WITNESS_KIT_H

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/witness.h"
#include "tests/net/netns.h"

#define MS NETNS_DEADLINE_MS

static const int families[] = { AF_INET, AF_INET6 };

static inline int setup(void **state)
{
	struct witness *w;

	netns_assert_own();
	w = witness_open();
	assert_non_null(w);
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	witness_close(*state);
	return 0;
}

static inline void need_senders(const struct witness *w)
{
	if (witness_has_senders(w))
		return;
	print_message("eBPF sees %s\n", witness_what(w));
	skip();
}

/* Whether this part is among what is seen, and not in the reasons behind it. */
static inline bool sees(const struct witness *w, const char *part)
{
	const char *at = strstr(witness_what(w), part), *missing = strchr(witness_what(w), '(');

	return at && (!missing || at < missing);
}

static inline bool sees_creators(const struct witness *w)
{
	return sees(w, "creators");
}

static inline struct ip_addr address(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? ip_addr_v4(&((const struct sockaddr_in *)a)->sin_addr)
				       : ip_addr_v6(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

/* What a socket sends to this port of loopback. */
static inline struct flow flow_of(int fd, uint8_t proto, uint16_t port)
{
	struct sockaddr_storage local = { 0 };
	socklen_t len = sizeof(local);
	struct flow f;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&local, &len), 0);
	flow_init(&f);
	f.proto = proto;
	f.src = f.dst = address(&local);
	f.src_port = netns_port(fd);
	f.dst_port = port;
	return f;
}

static inline uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
	return cookie;
}

/* `words` end with NULL. False: there is no such table here. */
static inline bool add_rule(const char *const *words)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		execvp(words[0], (char *const *)(uintptr_t)words);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status == 0;
}

#endif
