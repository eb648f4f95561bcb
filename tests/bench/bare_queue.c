/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The yardstick: a queue program that accepts every packet at once and knows nothing. What a firewall takes
 * longer than this is its own doing. Prints "ready" when bound; ends with a signal.
 */
#include "config.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define COPY_RANGE 128 /* bytes of a packet: its headers */
#define QUEUE_MAXLEN 4096
#define RCVBUF (8 << 20)

struct queue {
	struct mnl_socket *nl;
	uint16_t num;
};

static void send_message(const struct queue *q, const struct nlmsghdr *nlh)
{
	if (mnl_socket_sendto(q->nl, nlh, nlh->nlmsg_len) < 0)
		err(1, "send");
}

static void bind_queue(const struct queue *q)
{
	char buf[4096];
	struct nlmsghdr *nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, q->num);
	ssize_t len;

	nfq_nlmsg_cfg_put_cmd(nlh, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
	nfq_nlmsg_cfg_put_params(nlh, NFQNL_COPY_PACKET, COPY_RANGE);
	nfq_nlmsg_cfg_put_qmaxlen(nlh, QUEUE_MAXLEN);
	mnl_attr_put_u32(nlh, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_GSO));
	mnl_attr_put_u32(nlh, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO));
	nlh->nlmsg_flags |= NLM_F_ACK;
	send_message(q, nlh);
	len = mnl_socket_recvfrom(q->nl, buf, sizeof(buf));
	if (len < 0 ||
		mnl_cb_run(buf, (size_t)len, 0, mnl_socket_get_portid(q->nl), NULL, NULL) < 0)
		err(1, "bind to queue %u", q->num);
}

static int accept_packet(const struct nlmsghdr *nlh, void *arg)
{
	const struct queue *q = arg;
	struct nlattr *attr[NFQA_MAX + 1] = { 0 };
	char buf[128];
	struct nlmsghdr *verdict;
	const struct nfqnl_msg_packet_hdr *header;

	if (nfq_nlmsg_parse(nlh, attr) < 0 || !attr[NFQA_PACKET_HDR])
		return MNL_CB_OK;
	header = mnl_attr_get_payload(attr[NFQA_PACKET_HDR]);
	verdict = nfq_nlmsg_put(buf, NFQNL_MSG_VERDICT, q->num);
	nfq_nlmsg_verdict_put(verdict, (int)ntohl(header->packet_id), NF_ACCEPT);
	send_message(q, verdict);
	return MNL_CB_OK;
}

int main(int argc, char **argv)
{
	static char buf[65536];
	struct queue q = { 0 };
	ssize_t len;

	if (argc != 2)
		errx(2, "usage: bare_queue NUMBER");
	q.num = (uint16_t)atoi(argv[1]);
	q.nl = mnl_socket_open(NETLINK_NETFILTER);
	if (!q.nl || mnl_socket_bind(q.nl, 0, MNL_SOCKET_AUTOPID) < 0)
		err(1, "netlink");
	setsockopt(mnl_socket_get_fd(q.nl), SOL_SOCKET, SO_RCVBUFFORCE, &(int) { RCVBUF },
		sizeof(int));
	mnl_socket_setsockopt(q.nl, NETLINK_NO_ENOBUFS, &(int) { 1 }, sizeof(int));
	bind_queue(&q);
	puts("ready");
	fflush(stdout);
	while (true) {
		len = mnl_socket_recvfrom(q.nl, buf, sizeof(buf));
		if (len < 0)
			err(1, "receive");
		/* an error message says that a packet was gone before its verdict: nothing to do */
		mnl_cb_run(buf, (size_t)len, 0, 0, accept_packet, &q);
	}
}
