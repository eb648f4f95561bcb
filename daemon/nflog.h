/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NFLOG: copies of packets, which go on their way without waiting for us. DNS is watched through it.
 *
 * The kernel puts the copy into our socket before the packet goes on: who drains it first has seen an answer before the
 * connection that is made of it. Sources: net/netfilter/nfnetlink_log.c, xt_NFLOG.c.
 */
#ifndef DAEMON_NFLOG_H
#define DAEMON_NFLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct nflog;

struct nflog_packet {
	uint8_t hook; /* NF_INET_LOCAL_IN 1, NF_INET_FORWARD 2, NF_INET_LOCAL_OUT 3 */
	bool is_from_link; /* it came with a link-layer address: not over loopback, nor sent to a group by this machine itself */
	const uint8_t *payload; /* from the network header on; lives until the callback returns */
	size_t payload_len;
};

/* Binds the group in this network namespace, packets whole. 0, or a code with `err`. */
int nflog_open(uint16_t group, struct nflog **ret, struct error *err);
void nflog_close(struct nflog *n); /* NULL is fine */

/* Readable when copies wait. */
int nflog_fd(const struct nflog *n);

/*
 * Calls `fn` for what waits now, at most `max` packets. The number of them. Copies that the kernel had to throw away are
 * counted in nflog_lost().
 */
int nflog_read(struct nflog *n, unsigned max, void (*fn)(void *ctx, const struct nflog_packet *p),
	void *ctx);

uint64_t nflog_lost(const struct nflog *n);

#endif
