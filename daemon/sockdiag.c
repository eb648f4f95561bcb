/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests to inet_diag for one socket each; the kernel answers before send(2) returns. */
#include "config.h"

#include "daemon/sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cleanup.h"

#define ANSWER_SIZE 4096
#define DUMP_SIZE 16384 /* more than the kernel puts into one datagram of a dump */

struct sockdiag {
	int fd;
	uint32_t seq;
};

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 diag;
};

/* One end of a flow. */
struct endpoint {
	struct ip_addr addr;
	uint16_t port;
};

/* ---- one request, one answer */

static int family_of(const struct flow *flow)
{
	return flow->src.family == 4 ? AF_INET : AF_INET6;
}

static void init_request(struct request *r, const struct flow *flow, uint32_t ifindex)
{
	memset(r, 0, sizeof(*r));
	r->header.nlmsg_len = sizeof(*r);
	r->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	r->header.nlmsg_flags = NLM_F_REQUEST;
	r->diag.sdiag_family = (uint8_t)family_of(flow);
	r->diag.sdiag_protocol = flow->proto;
	r->diag.idiag_states = UINT32_MAX;
	r->diag.id.idiag_if = ifindex;
	r->diag.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	r->diag.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

static void set_ends(struct request *r, const struct endpoint *src, const struct endpoint *dst)
{
	memcpy(r->diag.id.idiag_src, src->addr.bytes, sizeof(r->diag.id.idiag_src));
	memcpy(r->diag.id.idiag_dst, dst->addr.bytes, sizeof(r->diag.id.idiag_dst));
	r->diag.id.idiag_sport = htons(src->port);
	r->diag.id.idiag_dport = htons(dst->port);
}

static int error_of(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = NLMSG_DATA(nlh);

	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*e)))
		return ERR_MALFORMED;
	return e->error ? err_from_errno(-e->error) : 0;
}

/*
 * Sends the request and reads its answer: 0 with *ret for a socket (untouched for an
 * acknowledgement), or a code. What is left over of an earlier request is passed over.
 */
static int ask(struct sockdiag *sd, struct request *r, struct inet_diag_msg *ret)
{
	_Alignas(NLMSG_ALIGNTO) uint8_t buf[ANSWER_SIZE];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
	ssize_t n;

	r->header.nlmsg_seq = ++sd->seq;
	do
		n = send(sd->fd, r, sizeof(*r), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_from_errno(errno);
	for (;;) {
		n = recv(sd->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (n < 0)
			return ERR_IO;
		if (!NLMSG_OK(nlh, (size_t)n) || nlh->nlmsg_seq != sd->seq)
			continue;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			return error_of(nlh);
		if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
			nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*ret)))
			return ERR_MALFORMED;
		memcpy(ret, NLMSG_DATA(nlh), sizeof(*ret));
		return 0;
	}
}

/* ---- is it the socket that was asked for? */

static struct ip_addr answer_addr(const struct inet_diag_msg *m, const void *bytes)
{
	/*
	 * A dual-stack socket answers as IPv6 with mapped addresses; ip_addr_v6() makes them IPv4.
	 */
	return m->idiag_family == AF_INET ? ip_addr_v4(bytes) : ip_addr_v6(bytes);
}

static bool has_tuple(const struct inet_diag_msg *m, const struct flow *flow)
{
	struct ip_addr src = answer_addr(m, m->id.idiag_src);
	struct ip_addr dst = answer_addr(m, m->id.idiag_dst);

	return ip_addr_equal(&src, &flow->src) && ip_addr_equal(&dst, &flow->dst) &&
	       ntohs(m->id.idiag_sport) == flow->src_port &&
	       ntohs(m->id.idiag_dport) == flow->dst_port;
}

/* Not connected, or connected to the far end of the flow; and bound to its near end or its port. */
static bool can_send(const struct inet_diag_msg *m, const struct flow *flow)
{
	struct ip_addr src = answer_addr(m, m->id.idiag_src);

	if (ntohs(m->id.idiag_sport) != flow->src_port ||
		(m->id.idiag_dport && ntohs(m->id.idiag_dport) != flow->dst_port))
		return false;
	return ip_addr_is_any(&src) || ip_addr_equal(&src, &flow->src) ||
	       ip_addr_equal(&src, &flow->dst);
}

/* ---- look-ups */

static int find_tcp(
	struct sockdiag *sd, const struct flow *flow, uint32_t ifindex, struct inet_diag_msg *ret)
{
	struct endpoint local = { flow->src, flow->src_port };
	struct endpoint remote = { flow->dst, flow->dst_port };
	struct request r;
	int e;

	init_request(&r, flow, ifindex);
	set_ends(&r, &local, &remote);
	e = ask(sd, &r, ret);
	if (e < 0)
		return e;
	/* Where no connection has the tuple, the kernel goes on to a listener of the local port. */
	return has_tuple(ret, flow) ? 0 : ERR_NOT_FOUND;
}

/* The kernel looks for who would receive from `remote`: the ends stand the other way round. */
static int find_udp_bound(struct sockdiag *sd, const struct flow *flow,
	const struct ip_addr *local_addr, uint32_t ifindex, struct inet_diag_msg *ret)
{
	struct endpoint local = { *local_addr, flow->src_port };
	struct endpoint remote = { flow->dst, flow->dst_port };
	struct request r;
	int e;

	init_request(&r, flow, ifindex);
	set_ends(&r, &remote, &local);
	e = ask(sd, &r, ret);
	if (e < 0)
		return e;
	return can_send(ret, flow) ? 0 : ERR_NOT_FOUND;
}

static bool is_multicast(const struct ip_addr *a)
{
	return a->family == 4 ? a->bytes[0] >= 224 : a->bytes[0] == 0xff;
}

static int find_udp(
	struct sockdiag *sd, const struct flow *flow, uint32_t ifindex, struct inet_diag_msg *ret)
{
	int e = find_udp_bound(sd, flow, &flow->src, ifindex, ret);

	/*
	 * A socket bound to a group sends from the interface's address, but is found by the group.
	 */
	if (e == ERR_NOT_FOUND && is_multicast(&flow->dst))
		e = find_udp_bound(sd, flow, &flow->dst, ifindex, ret);
	return e;
}

static int find_socket(
	struct sockdiag *sd, const struct flow *flow, uint32_t ifindex, struct inet_diag_msg *ret)
{
	if (flow->src.family != flow->dst.family)
		return ERR_INVALID;
	switch (flow->proto) {
	case IPPROTO_TCP:
		return find_tcp(sd, flow, ifindex, ret);
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return find_udp(sd, flow, ifindex, ret);
	default:
		return ERR_UNSUPPORTED;
	}
}

int sockdiag_find(
	struct sockdiag *sd, const struct flow *flow, uint32_t ifindex, struct sock_owner *ret)
{
	struct inet_diag_msg m;
	int e = find_socket(sd, flow, ifindex, &m);

	if (e < 0)
		return e;
	ret->inode = m.idiag_inode;
	ret->uid = m.idiag_uid;
	ret->cookie = (uint64_t)m.id.idiag_cookie[1] << 32 | m.id.idiag_cookie[0];
	ret->state = m.idiag_state;
	return 0;
}

/* ---- several sockets of one port */

struct twins {
	const struct flow *flow;
	unsigned n;
};

/* Counts what one datagram of a dump tells. False: that was the last. */
static bool count_twins(struct twins *t, const uint8_t *buf, size_t len, uint32_t seq)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;

	for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
		struct inet_diag_msg m;

		if (nlh->nlmsg_seq != seq)
			continue;
		if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
			nlh->nlmsg_len < NLMSG_LENGTH(sizeof(m)))
			return false;
		memcpy(&m, NLMSG_DATA(nlh), sizeof(m));
		t->n += m.id.idiag_dport ? has_tuple(&m, t->flow) : can_send(&m, t->flow);
	}
	return true;
}

static void dump_twins(struct sockdiag *sd, uint8_t family, struct twins *t)
{
	_Alignas(NLMSG_ALIGNTO) uint8_t buf[DUMP_SIZE];
	struct request r;
	ssize_t n;

	init_request(&r, t->flow, 0);
	r.header.nlmsg_flags |= NLM_F_DUMP;
	r.header.nlmsg_seq = ++sd->seq;
	r.diag.sdiag_family = family;
	r.diag.id.idiag_sport = htons(t->flow->src_port);
	if (send(sd->fd, &r, sizeof(r), 0) < 0)
		return;
	do
		n = recv(sd->fd, buf, sizeof(buf), MSG_DONTWAIT);
	while ((n < 0 && errno == EINTR) || (n > 0 && count_twins(t, buf, (size_t)n, sd->seq)));
}

bool sockdiag_has_twins(struct sockdiag *sd, const struct flow *flow)
{
	struct twins t = { flow, 0 };

	if (flow->proto != IPPROTO_UDP || !flow->src_port)
		return false;
	dump_twins(sd, AF_INET6, &t); /* of both families, where it is of both */
	if (flow->src.family == 4)
		dump_twins(sd, AF_INET, &t);
	return t.n > 1;
}

int sockdiag_destroy(struct sockdiag *sd, const struct flow *flow, uint32_t ifindex)
{
	struct inet_diag_msg m;
	struct request r;
	int e = find_socket(sd, flow, ifindex, &m);

	if (e < 0)
		return e;
	if (flow->proto != IPPROTO_TCP && m.idiag_state != TCP_ESTABLISHED)
		return ERR_NOT_FOUND;
	init_request(&r, flow, ifindex);
	r.header.nlmsg_type = SOCK_DESTROY;
	r.header.nlmsg_flags |= NLM_F_ACK;
	/*
	 * Here UDP's ends are not swapped. The cookie makes sure that it is still the same socket.
	 */
	set_ends(&r, &(struct endpoint) { flow->src, flow->src_port },
		&(struct endpoint) { flow->dst, flow->dst_port });
	memcpy(r.diag.id.idiag_cookie, m.id.idiag_cookie, sizeof(r.diag.id.idiag_cookie));
	return ask(sd, &r, &m);
}

/* ---- open and close */

/* Opens a socket of our own, bound to the loopback address, and looks it up. 0, or a code. */
static int find_own(struct sockdiag *sd, int type, int proto)
{
	_cleanup_close_ int fd = socket(AF_INET, type | SOCK_CLOEXEC, proto);
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	struct endpoint own, none;
	struct inet_diag_msg m;
	struct request r;
	struct flow flow;

	/* In a namespace whose loopback is down nothing can be tested, which proves nothing. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
		(type == SOCK_STREAM && listen(fd, 1) < 0) ||
		getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return 0;
	flow_init(&flow);
	flow.src = ip_addr_v4(&sa.sin_addr);
	flow.proto = (uint8_t)proto;
	own = (struct endpoint) { flow.src, ntohs(sa.sin_port) };
	none = (struct endpoint) { flow.src, 0 };
	init_request(&r, &flow, 0);
	set_ends(&r, type == SOCK_STREAM ? &own : &none, type == SOCK_STREAM ? &none : &own);
	return ask(sd, &r, &m);
}

static int self_test(struct sockdiag *sd, struct error *err)
{
	if (find_own(sd, SOCK_STREAM, IPPROTO_TCP) < 0)
		return error_set(err, ERR_UNSUPPORTED, NULL,
			"the kernel does not tell of TCP sockets: load 'modprobe tcp_diag'");
	if (find_own(sd, SOCK_DGRAM, IPPROTO_UDP) < 0)
		return error_set(err, ERR_UNSUPPORTED, NULL,
			"the kernel does not tell of UDP sockets: load 'modprobe udp_diag'");
	return 0;
}

int sockdiag_open(struct sockdiag **ret, struct error *err)
{
	struct sockdiag *sd = calloc(1, sizeof(*sd));
	int r;

	if (!sd)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	sd->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (sd->fd < 0)
		r = error_set(err, err_from_errno(errno), NULL,
			"cannot open a sock_diag socket: %s", strerror(errno));
	else
		r = self_test(sd, err);
	if (r < 0) {
		sockdiag_close(sd);
		return r;
	}
	*ret = sd;
	return 0;
}

void sockdiag_close(struct sockdiag *sd)
{
	if (!sd)
		return;
	cleanup_close(&sd->fd);
	free(sd);
}
