/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A netlink socket in the multicast groups of ended UDP sockets. */
#include "config.h"

#include "daemon/socket_ends.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define RECEIVE_BUFFER (1 << 20) /* some 1,000 sockets, while we wait for a processor */
#define MESSAGE_SIZE 4096

struct socket_ends {
	int fd;
	_Alignas(NLMSG_ALIGNTO) char in[MESSAGE_SIZE];
};

static int join_groups(int fd)
{
	static const int groups[] = { SKNLGRP_INET_UDP_DESTROY, SKNLGRP_INET6_UDP_DESTROY };
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };

	/* One without an address would count as the kernel's own, which does not tell itself. */
	if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		return -1;
	for (size_t i = 0; i < array_len(groups); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			    sizeof(groups[i])) < 0)
			return -1;
	return 0;
}

struct socket_ends *socket_ends_open(void)
{
	const int size = RECEIVE_BUFFER;
	struct socket_ends *s = malloc(sizeof(*s));
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);

	if (!s || fd < 0 || join_groups(fd) < 0) {
		free(s);
		return NULL;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	s->fd = steal_fd(&fd);
	return s;
}

void socket_ends_close(struct socket_ends *s)
{
	if (!s)
		return;
	close(s->fd);
	free(s);
}

int socket_ends_fd(const struct socket_ends *s)
{
	return s ? s->fd : -1;
}

void socket_ends_parse(
	const void *buf, size_t len, void (*fn)(void *ctx, const struct socket_end *end), void *ctx)
{
	const struct nlmsghdr *nlh = buf;
	int left = (int)len; /* below 0 behind a last one that is not padded */

	for (; NLMSG_OK(nlh, left); nlh = NLMSG_NEXT(nlh, left)) {
		const struct inet_diag_msg *m = NLMSG_DATA(nlh);
		struct socket_end end;

		if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
			nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*m)) ||
			(m->idiag_family != AF_INET && m->idiag_family != AF_INET6))
			continue;
		end = (struct socket_end) {
			.addr = m->idiag_family == AF_INET6 ? ip_addr_v6(m->id.idiag_src)
							    : ip_addr_v4(m->id.idiag_src),
			.port = ntohs(m->id.idiag_sport),
			.cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0],
		};
		if (end.port)
			fn(ctx, &end);
	}
}

void socket_ends_read(struct socket_ends *s, unsigned max,
	void (*fn)(void *ctx, const struct socket_end *end), void *ctx)
{
	for (unsigned i = 0; s && i < max; i++) {
		ssize_t n = recv(s->fd, s->in, sizeof(s->in), 0);

		if (n > 0)
			socket_ends_parse(s->in, (size_t)n, fn, ctx);
		else if (n == 0 || (errno != EINTR && errno != ENOBUFS))
			break;
	}
}
