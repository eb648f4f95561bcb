/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own table of connections: what begins and ends, bytes and packets both ways, and how to end an entry.
 *
 * Works on the network namespace of the caller at conntrack_open(), for good. Counting is switched on there
 * (nf_conntrack_acct) and put back at the end. No look at the whole table: entries are asked for by their tuple.
 * Sources: net/netfilter/nf_conntrack_netlink.c, linux/netfilter/nfnetlink_conntrack.h.
 */
#ifndef DAEMON_CONNTRACK_H
#define DAEMON_CONNTRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/flow.h"

struct conntrack;

#define CONNTRACK_BATCH 64 /* tuples asked for at once */

/* An entry as an event or an answer tells it. */
struct conntrack_entry {
	struct flow flow; /* as the first packet went, before any address translation */
	uint32_t id; /* of the entry, told from a later one with the same tuple; 0: not told */
	bool is_end; /* it is gone */
	bool is_over; /* TCP: both sides are done, and the entry waits for late packets only */
	bool has_counters;
	uint64_t bytes_out, bytes_in, packets_out, packets_in;
};

typedef void (*conntrack_fn)(void *ctx, const struct conntrack_entry *entry);

int conntrack_open(struct conntrack **ret, struct error *err);
void conntrack_close(struct conntrack *ct); /* NULL is fine */

/* Whether the kernel counts bytes here; conntrack_open() logs why not. */
bool conntrack_counts(const struct conntrack *ct);

/*
 * Calls `fn` for the entries that ended, at most `max` messages. Nothing begins here: the queue tells the id of a packet's
 * entry. To be called now and then; nobody is woken for it. False: events were lost since the last call.
 */
bool conntrack_read(struct conntrack *ct, unsigned max, conntrack_fn fn, void *ctx);

/*
 * Asks for the entries of up to CONNTRACK_BATCH tuples: `fn` once for each, in order; one that is not there has is_end and the
 * tuple asked for. No waiting: the kernel answers inside the call.
 */
int conntrack_get(
	struct conntrack *ct, const struct flow *flows, unsigned n, conntrack_fn fn, void *ctx);

/* Removes the entry: a later packet of it is a new connection. 0, ERR_NOT_FOUND, or a code. */
int conntrack_delete(struct conntrack *ct, const struct flow *flow);

#endif
