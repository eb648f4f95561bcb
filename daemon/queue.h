/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NFQUEUE: packets in, verdicts out (libmnl + libnetfilter_queue, one netlink socket).
 *
 * Two queues are bound on one socket. `num` takes the first look at every new flow and stays short;
 * `num + 1` keeps what is held for a person, because before Linux 6.12 a verdict searches its queue
 * as a list. A held packet moves by the verdict QUEUE_HOLD and comes again, with a new id, from
 * `num + 1`. Order on the one socket makes sure that it comes after its first message.
 *
 * Sources: net/netfilter/nfnetlink_queue.c, libnetfilter_queue(3).
 */
#ifndef DAEMON_QUEUE_H
#define DAEMON_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct queue;

enum queue_verdict {
	QUEUE_ACCEPT,
	QUEUE_DROP,
	QUEUE_REJECT, /* goes on to our REJECT rule, which knows it by ct_mark */
	QUEUE_HOLD, /* on to the second queue */
};

/* Names one queued packet; a plain value that outlives the callback. */
struct queue_ref {
	uint16_t queue_num;
	uint32_t id;
	uint32_t mark; /* its packet mark, set by somebody else (VPNs, policy routing); 0: none */
};

/* One packet as the kernel tells it. Pointers live until the callback returns. */
#define QUEUE_MAC_LEN 6 /* Ethernet */

struct queue_packet {
	struct queue_ref ref;
	uint8_t hook; /* NF_INET_LOCAL_IN 1, NF_INET_LOCAL_OUT 3, NF_INET_FORWARD 2 */
	uint32_t ifindex_in; /* 0: none */
	uint32_t ifindex_out; /* 0: none */
	bool has_mac;
	uint8_t mac[QUEUE_MAC_LEN]; /* of the sender, as the packet came in: its own word */
	bool has_uid;
	uint32_t uid; /* fsuid of the socket's creator */
	bool has_ct; /* never without queue_has_conntrack() */
	uint32_t ct_info; /* enum ip_conntrack_info; >= 3 (IP_CT_IS_REPLY): the reply direction */
	uint32_t ct_mark;
	uint32_t ct_id; /* of its conntrack entry; 0: not told */
	const uint8_t *payload;
	size_t payload_len; /* captured */
	uint32_t packet_len; /* on the wire */
};

struct queue_stats {
	uint64_t received;
	uint64_t verdicts;
	uint64_t verdict_lost; /* ENOENT: flushed by the kernel before its verdict */
	uint64_t verdict_errors; /* any other refusal */
	uint64_t dropped; /* by the kernel: queue full (both queues) */
	uint64_t user_dropped; /* by the kernel: our socket buffer was full */
	uint64_t malformed; /* netlink messages that no parser understood */
};

/*
 * Opens and binds both queues in this network namespace, with settings in one message each. On
 * failure `err` says in one line what to do: ERR_BUSY (the number is taken by another firewall),
 * ERR_PERMISSION, ERR_UNSUPPORTED (no nfnetlink_queue).
 */
int queue_open(uint16_t num, struct queue **ret, struct error *err);

/*
 * Whether this kernel lets a verdict write the conntrack mark (CONFIG_NETFILTER_NETLINK_GLUE_CT,
 * which distributions have). Where it does not, queue_verdict() sets the same bits in the packet
 * mark instead, and the rules of firewall.h carry them on.
 */
bool queue_has_conntrack(const struct queue *q);

/* Unbinds and closes: the kernel drops what is still queued. NULL is fine. */
void queue_close(struct queue *q);

/* Readable when packets wait. */
int queue_fd(const struct queue *q);

#define QUEUE_READ_MAX 64 /* packets in one queue_read(), so that other work gets its turn */

/*
 * Reads what waits now, at most QUEUE_READ_MAX packets (fewer: no more waited),
 * calls `fn` for each, then sends the verdicts given meanwhile. The number of packets, or a
 * negative code (ERR_CLOSED: the socket is dead).
 */
int queue_read(struct queue *q, void (*fn)(void *ctx, const struct queue_packet *p), void *ctx);

/* The number of the batch of packets that queue_read() is at: all of one batch were in the socket before the first is told. */
uint64_t queue_batch(const struct queue *q);

/* How many messages this queue_read() has read so far; 0 outside of it. */
int queue_batch_len(const struct queue *q);

/*
 * Notes a verdict for one packet; queue_flush() or the end of queue_read() sends it, that for a packet alone goes at once. With ACCEPT
 * and REJECT, the conntrack mark of the flow becomes (old & ~ct_mask) | ct_mark; ct_mask 0 leaves
 * it alone. Verdicts of one queue keep their order.
 *
 * Without queue_has_conntrack(), an accepted packet with a mark of its own keeps that as it is (a
 * VPN's packet would take another way with one bit more), so the next packet of its flow is queued
 * as well.
 */
void queue_verdict(struct queue *q, const struct queue_ref *ref, enum queue_verdict v,
	uint32_t ct_mark, uint32_t ct_mask);

/* Sends all noted verdicts now. */
void queue_flush(struct queue *q);

/* Own counters, and the kernel's from /proc/self/net/netfilter/nfnetlink_queue (one read). */
void queue_stats(struct queue *q, struct queue_stats *ret);

#endif
