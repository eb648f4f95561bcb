/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One netlink socket, one group, one packet a message. */
#include "config.h"

#include "daemon/nflog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_arp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/limits.h"

#define MESSAGE_SIZE (65536 + 2048) /* a whole packet and the attributes around it */

struct nflog {
	struct mnl_socket *nl;
	int fd;
	uint32_t seq;
	uint64_t lost;
	bool has_seq;
	uint32_t next_seq; /* of the group's messages: a gap is a loss */
	_Alignas(NLMSG_ALIGNTO) char buf[MESSAGE_SIZE];
};

struct parse_state {
	struct nflog_packet packet;
	bool is_loopback;
	bool has_seq;
	uint32_t seq;
};

static int parse_attr(const struct nlattr *attr, void *data)
{
	struct parse_state *s = data;
	struct nfulnl_msg_packet_hdr h;

	switch (mnl_attr_get_type(attr)) {
	case NFULA_PACKET_HDR:
		if (mnl_attr_get_payload_len(attr) < sizeof(h))
			break;
		memcpy(&h, mnl_attr_get_payload(attr), sizeof(h));
		s->packet.hook = h.hook;
		break;
	case NFULA_HWADDR:
		s->packet.is_from_link = true;
		break;
	case NFULA_HWTYPE:
		s->is_loopback = mnl_attr_validate(attr, MNL_TYPE_U16) >= 0 &&
				 ntohs(mnl_attr_get_u16(attr)) == ARPHRD_LOOPBACK;
		break;
	case NFULA_PAYLOAD:
		s->packet.payload = mnl_attr_get_payload(attr);
		s->packet.payload_len = mnl_attr_get_payload_len(attr);
		break;
	case NFULA_SEQ:
		s->has_seq = mnl_attr_validate(attr, MNL_TYPE_U32) >= 0;
		if (s->has_seq)
			s->seq = ntohl(mnl_attr_get_u32(attr));
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static void note_seq(struct nflog *n, uint32_t seq)
{
	if (n->has_seq && seq != n->next_seq)
		n->lost += seq - n->next_seq;
	n->has_seq = true;
	n->next_seq = seq + 1;
}

/* All messages of one datagram. The number of packets in it. */
static int read_datagram(
	struct nflog *n, int len, void (*fn)(void *ctx, const struct nflog_packet *p), void *ctx)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)n->buf;
	int packets = 0;

	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		struct parse_state s = { 0 };

		if (nlh->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) ||
			mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nfgenmsg))
			continue;
		mnl_attr_parse(nlh, sizeof(struct nfgenmsg), parse_attr, &s);
		s.packet.is_from_link &= !s.is_loopback;
		if (s.has_seq)
			note_seq(n, s.seq);
		if (!s.packet.payload)
			continue;
		fn(ctx, &s.packet);
		packets++;
	}
	return packets;
}

int nflog_read(struct nflog *n, unsigned max, void (*fn)(void *ctx, const struct nflog_packet *p),
	void *ctx)
{
	int packets = 0;

	while (packets < (int)max) {
		ssize_t len = recv(n->fd, n->buf, sizeof(n->buf), MSG_DONTWAIT);

		/* ENOBUFS tells of a loss, which the sequence numbers count. */
		if (len < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (len <= 0)
			break;
		packets += read_datagram(n, (int)len, fn, ctx);
	}
	return packets;
}

uint64_t nflog_lost(const struct nflog *n)
{
	return n->lost;
}

/* The answer to a request: 0 or an errno value. Copies that stand before it are of no use yet. */
static int read_answer(struct nflog *n)
{
	for (;;) {
		ssize_t len = recv(n->fd, n->buf, sizeof(n->buf), MSG_DONTWAIT);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)n->buf;
		const struct nlmsgerr *e;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return errno;
		if (!mnl_nlmsg_ok(nlh, (int)len) || nlh->nlmsg_type != NLMSG_ERROR ||
			nlh->nlmsg_seq != n->seq)
			continue;
		e = mnl_nlmsg_get_payload(nlh);
		return mnl_nlmsg_get_payload_len(nlh) < sizeof(*e) ? EBADMSG : -e->error;
	}
}

static int bind_group(struct nflog *n, uint16_t group)
{
	_Alignas(NLMSG_ALIGNTO) char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfulnl_msg_config_cmd cmd = { .command = NFULNL_CFG_CMD_BIND };
	struct nfulnl_msg_config_mode mode = { .copy_mode = NFULNL_COPY_PACKET };
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = ++n->seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = AF_UNSPEC;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(group);
	mnl_attr_put(nlh, NFULA_CFG_CMD, sizeof(cmd), &cmd);
	mnl_attr_put(nlh, NFULA_CFG_MODE, sizeof(mode), &mode); /* range 0: all of it */
	mnl_attr_put_u32(nlh, NFULA_CFG_QTHRESH, htonl(1)); /* never wait for a second one */
	mnl_attr_put_u16(nlh, NFULA_CFG_FLAGS, htons(NFULNL_CFG_F_SEQ));
	if (mnl_socket_sendto(n->nl, nlh, nlh->nlmsg_len) < 0)
		return errno;
	return read_answer(n);
}

static int open_socket(struct nflog *n, uint16_t group, struct error *err)
{
	int size = LIMIT_NFLOG_RCVBUF, e;

	n->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!n->nl || mnl_socket_bind(n->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return error_set(err, err_from_errno(errno), NULL,
			"cannot open a netlink socket: %s", strerror(errno));
	n->fd = mnl_socket_get_fd(n->nl);
	if (setsockopt(n->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(n->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	e = bind_group(n, group);
	if (e == EBUSY || e == EPERM)
		return error_set(err, ERR_BUSY, NULL,
			"the log group %u is taken by another program: choose another queue number",
			group);
	if (e == EINVAL || e == EPROTONOSUPPORT)
		return error_set(err, ERR_UNSUPPORTED, NULL,
			"this kernel has no NFLOG: load it with 'modprobe nfnetlink_log'");
	if (e)
		return error_set(err, err_from_errno(e), NULL, "cannot bind the log group %u: %s",
			group, strerror(e));
	return 0;
}

int nflog_open(uint16_t group, struct nflog **ret, struct error *err)
{
	struct nflog *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	r = open_socket(n, group, err);
	if (r < 0) {
		nflog_close(n);
		return r;
	}
	*ret = n;
	return 0;
}

void nflog_close(struct nflog *n)
{
	if (!n)
		return;
	if (n->nl)
		mnl_socket_close(n->nl);
	free(n);
}

int nflog_fd(const struct nflog *n)
{
	return n->fd;
}
