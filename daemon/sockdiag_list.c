/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All connected sockets, by a dump of inet_diag. */
#include "config.h"

#include "daemon/sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define ANSWER_SIZE 32768
#define N_PORTS 65536

struct listing {
	void (*fn)(void *ctx, const struct flow *flow, const struct sock_owner *owner,
		bool is_inbound);
	void *ctx;
	int fd;
	uint8_t proto;
	uint8_t listens[N_PORTS / 8]; /* local ports of listeners, a bit each */
	_Alignas(NLMSG_ALIGNTO) uint8_t buf[ANSWER_SIZE];
};

static void take_listener(struct listing *l, const struct inet_diag_msg *m)
{
	uint16_t port = ntohs(m->id.idiag_sport);

	l->listens[port / 8] = (uint8_t)(l->listens[port / 8] | 1u << port % 8);
}

static void take_socket(struct listing *l, const struct inet_diag_msg *m)
{
	struct sock_owner owner = { .inode = m->idiag_inode,
		.uid = m->idiag_uid,
		.cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0],
		.state = m->idiag_state };
	bool six = m->idiag_family == AF_INET6;
	struct flow f;

	flow_init(&f);
	f.proto = l->proto;
	f.src = six ? ip_addr_v6(m->id.idiag_src) : ip_addr_v4(m->id.idiag_src);
	f.dst = six ? ip_addr_v6(m->id.idiag_dst) : ip_addr_v4(m->id.idiag_dst);
	f.src_port = ntohs(m->id.idiag_sport);
	f.dst_port = ntohs(m->id.idiag_dport);
	if (f.dst_port == 0)
		return;
	l->fn(l->ctx, &f, &owner, l->listens[f.src_port / 8] & 1u << f.src_port % 8);
}

/* Dumps one family in these states. */
static int dump(struct listing *l, uint8_t family, uint32_t states,
	void (*take)(struct listing *l, const struct inet_diag_msg *m))
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 diag;
	} r = { 0 };

	r.header.nlmsg_len = sizeof(r);
	r.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	r.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	r.diag.sdiag_family = family;
	r.diag.sdiag_protocol = l->proto;
	r.diag.idiag_states = states;
	if (send(l->fd, &r, sizeof(r), 0) < 0)
		return err_from_errno(errno);
	for (;;) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)l->buf;
		ssize_t got = recv(l->fd, l->buf, sizeof(l->buf), 0);
		size_t len = (size_t)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_from_errno(errno);
		for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR)
				return 0;
			if (nlh->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
				take(l, NLMSG_DATA(nlh));
		}
	}
}

int sockdiag_list(void (*fn)(void *ctx, const struct flow *flow, const struct sock_owner *owner,
			  bool is_inbound),
	void *ctx)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	uint32_t live = 1u << TCP_ESTABLISHED | 1u << TCP_SYN_SENT | 1u << TCP_CLOSE_WAIT;
	_cleanup_free_ struct listing *l = calloc(1, sizeof(*l));
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int r = 0;

	if (!l || fd < 0)
		return l ? err_from_errno(errno) : ERR_NOMEM;
	l->fn = fn;
	l->ctx = ctx;
	l->fd = fd;
	l->proto = IPPROTO_TCP;
	for (size_t i = 0; i < array_len(families) && r == 0; i++)
		r = dump(l, families[i], 1u << TCP_LISTEN, take_listener);
	for (size_t i = 0; i < array_len(families) && r == 0; i++)
		r = dump(l, families[i], live, take_socket);
	l->proto = IPPROTO_UDP;
	memset(l->listens, 0, sizeof(l->listens));
	for (size_t i = 0; i < array_len(families) && r == 0; i++)
		r = dump(l, families[i], 1u << TCP_ESTABLISHED, take_socket);
	return r;
}
