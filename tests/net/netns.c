/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Namespace and sockets for tests on the real kernel. */
#include "config.h"

#include "tests/net/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/cleanup.h"

static ino_t netns_inode(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_ino : 0;
}

void netns_assert_own(void)
{
	ino_t own = netns_inode("/proc/thread-self/ns/net");

	assert_int_not_equal(own, 0);
	assert_int_not_equal(own, netns_inode("/proc/1/ns/net"));
}

static int bring_lo_up(void)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	return fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &ifr);
}

static void remove_lock(void)
{
	const char *path = getenv("XTABLES_LOCKFILE");

	if (path)
		unlink(path);
}

int netns_group_setup(void **state)
{
	char path[] = "/tmp/opensnitch-test-lock-XXXXXX";
	int fd;

	(void)state;
	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root: network namespaces and netfilter rules\n");
		exit(0);
	}
	if (unshare(CLONE_NEWNET) < 0 || bring_lo_up() < 0)
		return -1;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -1;
	close(fd);
	setenv("XTABLES_LOCKFILE", path, 1);
	return atexit(remove_lock);
}

socklen_t netns_loopback(int af, uint16_t port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (af == AF_INET) {
		struct sockaddr_in *sa = (struct sockaddr_in *)ret;

		sa->sin_family = AF_INET;
		sa->sin_port = htons(port);
		sa->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*sa);
	}
	((struct sockaddr_in6 *)ret)->sin6_family = AF_INET6;
	((struct sockaddr_in6 *)ret)->sin6_port = htons(port);
	((struct sockaddr_in6 *)ret)->sin6_addr = in6addr_loopback;
	return sizeof(struct sockaddr_in6);
}

int netns_socket(int af, int type)
{
	int fd = socket(af, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

int netns_bound(int af, int type, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = netns_loopback(af, port, &sa);
	int fd = netns_socket(af, type);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

int netns_listener(int af)
{
	int fd = netns_bound(af, SOCK_STREAM, 0);

	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

uint16_t netns_port(int fd)
{
	struct sockaddr_in6 sa = { 0 }; /* sockaddr_in has its port at the same place */
	socklen_t len = sizeof(sa);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	return ntohs(sa.sin6_port);
}

int netns_connect(int af, int type, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = netns_loopback(af, port, &sa);
	int fd = netns_socket(af, type);
	int r = connect(fd, (struct sockaddr *)&sa, len);

	assert_true(r == 0 || errno == EINPROGRESS);
	return fd;
}

int netns_connect_result(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int e = 0;

	if (poll(&p, 1, ms) != 1)
		return ETIMEDOUT;
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len), 0);
	return e;
}

bool netns_readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* The two lines of a group: names, then values. */
uint64_t netns_counter(const char *file, const char *group, const char *name)
{
	_cleanup_fclose_ FILE *f = fopen(file, "re");
	char names[4096], values[4096], *n, *v, *np, *vp;

	assert_non_null(f);
	while (fgets(names, sizeof(names), f) && fgets(values, sizeof(values), f)) {
		n = strtok_r(names, " \n", &np);
		v = strtok_r(values, " \n", &vp);
		if (!n || strncmp(n, group, strlen(group)) != 0 || n[strlen(group)] != ':')
			continue;
		while (n && v) {
			if (strcmp(n, name) == 0)
				return strtoull(v, NULL, 10);
			n = strtok_r(NULL, " \n", &np);
			v = strtok_r(NULL, " \n", &vp);
		}
	}
	fail_msg("no counter %s %s", group, name);
	return 0;
}
