/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows decided a moment ago: their retransmits and further packets get the same verdict, without a second event or prompt.
 *
 * A TCP packet belongs to the decided try when its sequence number is the same; a datagram when the flow had one in the last
 * 30 s. A bounded table: a new entry takes the place of that used longest ago among a few.
 */
#ifndef DAEMON_RECENT_H
#define DAEMON_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/flow.h"
#include "lib/verdict.h"

struct recent;

struct recent_decision {
	enum action action;
	enum reason reason;
	uint64_t
		generation; /* of the rule set that decided; a newer one decides again, except after an answer or timeout */
};

/* At least `capacity` places, but no more than twice that. NULL: out of memory. */
struct recent *recent_new(uint32_t capacity);
void recent_free(struct recent *r);

/* Remembers (or renews) the decision about this flow. `now_ns` is CLOCK_MONOTONIC. */
void recent_add(struct recent *r, const struct flow *flow, uint32_t tcp_seq,
	const struct recent_decision *d, uint64_t now_ns);

/* True and *ret when this packet belongs to a decided try; renews its time. Entries older than 130 s (TCP) or 30 s do not count. */
bool recent_find(struct recent *r, const struct flow *flow, uint32_t tcp_seq, uint64_t now_ns,
	struct recent_decision *ret);

/* Its next packet is judged anew. */
void recent_forget(struct recent *r, const struct flow *flow);

#endif
