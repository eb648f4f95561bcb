/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Held packets, grouped by flow into prompts, with deadlines. Knows nothing of kernels: a callback takes packets out.
 *
 * A prompt is one question to a person: program (or user, where no program is known) + host (or address, where no host is known) +
 * port + protocol. TCP is one protocol over both IP families, since programs race them for one host. Each held flow
 * belongs to one prompt and keeps the ids of its packets. A packet is an owned object: whoever drops a flow or a prompt, the
 * callback gets every id exactly once, so no path can leave a packet without a verdict.
 *
 * A flow may have no packet for a moment: between the verdict QUEUE_HOLD and its coming again from the hold queue.
 */
#ifndef DAEMON_PENDING_H
#define DAEMON_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/connection.h"
#include "lib/flow.h"
#include "lib/verdict.h"

struct pending;

struct held_packet {
	uint16_t queue_num;
	uint32_t id;
	uint32_t
		mark; /* the packet's own mark: with the rest, the struct queue_ref of its verdict */
};

struct held_flow {
	struct connection connection; /* owned */
	struct prompt *prompt;
	/* the rest is pending.c's to change; iterate with pending_first_flow() and pending_next_flow() */
	unsigned n_packets;
	struct held_packet packets[LIMIT_HELD_PER_FLOW];
	struct held_flow *prev, *next; /* in its prompt, oldest first */
};

struct prompt {
	uint64_t id;
	uint64_t opened_us; /* CLOCK_REALTIME */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC */
	uint64_t deadline_us; /* CLOCK_REALTIME */
	unsigned n_packets; /* held now, in all its flows */
	unsigned n_flows;
	bool told; /* for the user of pending: the console knows of it as it is now */
};

/* Takes a packet out with this action: called for every packet, once. It must not call back into pending. */
typedef void (*pending_release_fn)(
	void *ctx, const struct held_flow *flow, struct held_packet packet, enum action action);

/* `first_id` starts the prompt ids. */
struct pending *pending_new(uint64_t first_id, pending_release_fn release, void *ctx);

/* The ids of all prompts until now: *ret_from <= id < *ret_to. */
void pending_ids(const struct pending *p, uint64_t *ret_from, uint64_t *ret_to);

/* Releases everything with `action`, then frees. NULL is fine. */
void pending_free(struct pending *p, enum action action);

/* The held flow of this tuple, or NULL. */
struct held_flow *pending_find_flow(struct pending *p, const struct flow *flow);
struct prompt *pending_find(struct pending *p, uint64_t id);

/*
 * Holds a new flow: joins the open prompt of the same question, or opens one with this deadline (which a later flow does not
 * move). Takes *connection on success (it is then zeroed). 0 with *ret and *ret_opened; ERR_FULL past LIMIT_PROMPTS, LIMIT_HELD,
 * LIMIT_HELD_PER_PROMPT or LIMIT_HELD_PER_PROCESS (flows that wait for their packet count as one); ERR_EXISTS when the flow is held
 * already; ERR_NOMEM. A failure leaves all as it was.
 */
int pending_hold(struct pending *p, struct connection *connection, uint64_t deadline_ns,
	uint64_t opened_us, uint64_t deadline_us, struct held_flow **ret, bool *ret_opened);

/* Adds a packet to its flow. 0, or ERR_FULL past LIMIT_HELD_PER_FLOW or the bounds above: the packet is still the caller's. */
int pending_attach(struct pending *p, struct held_flow *flow, struct held_packet packet);

/* Decides one flow: releases its packets, frees it, and its prompt when it was the last. The number of packets released. */
unsigned pending_decide_flow(struct pending *p, struct held_flow *flow, enum action action);

/* Iteration; deciding the current flow is safe when next was fetched before. */
struct prompt *pending_first(struct pending *p); /* oldest */
struct prompt *pending_next(struct prompt *prompt);
struct held_flow *pending_first_flow(struct prompt *prompt);
struct held_flow *pending_next_flow(struct held_flow *flow);

/* The prompt whose deadline is first, or NULL; when to wake up. */
struct prompt *pending_earliest(struct pending *p);

unsigned pending_count(const struct pending *p); /* prompts */
unsigned pending_packets(const struct pending *p); /* packets held, those on their way included */

#endif
