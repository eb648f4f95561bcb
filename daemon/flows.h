/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Live flows: every connection that was let through, from its decision until the kernel forgets it, with what went over it.
 *
 * A plain table: engine_flows.c feeds it from decisions and from conntrack. One tuple is one flow at a time. Bounded by
 * LIMIT_FLOWS; the one that was looked at longest ago goes first. New flows wait aside until the caller enters them, so that
 * a decision costs no look through a big table.
 */
#ifndef DAEMON_FLOWS_H
#define DAEMON_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/connection.h"
#include "daemon/conntrack.h"
#include "lib/hash.h"

struct flows;

struct live_flow {
	uint64_t id;
	struct connection connection; /* owned */
	bool before_start; /* it is older than the daemon, and nobody judged it */
	uint32_t inode; /* of its socket; before the start only */
	enum action action;
	enum reason reason;
	bool nolog;
	uint64_t generation; /* of the rule set that judged it last; 0: none did */
	char *rule; /* NULL: none */
	uint32_t ct_id; /* 0: its conntrack entry was not seen yet */
	uint64_t bytes_out, bytes_in, packets_out, packets_in;
	uint64_t polled_ns; /* CLOCK_MONOTONIC */
	uint64_t added_ns;
	uint32_t told; /* number of the telling that it was told in last, or began in */
	struct live_flow *prev,
		*next; /* the flow polled longest ago first, or the newest last of the new ones; for flows.c */
	struct live_flow *port_prev,
		*port_next; /* of UDP with the same low bits of the source port; for flows.c */
	struct hash_node by_tuple;
};

/* `first_id` starts the ids, which rise by one. */
struct flows *flows_new(uint64_t first_id);
void flows_free(struct flows *t); /* NULL is fine */

/* A new flow with this connection, which gets a reference to its process. It waits to be entered. NULL: out of memory. */
struct live_flow *flows_add(struct flows *t, const struct connection *c, uint64_t now_ns);

/* The oldest of those that wait to be entered, or NULL; how many there are. */
struct live_flow *flows_waiting(const struct flows *t);
unsigned flows_count_waiting(const struct flows *t);

/*
 * Enters the one that waits longest. The caller has removed an older one of the same tuple, and made room. False: out of memory,
 * and it is gone.
 */
bool flows_enter(struct flows *t);

/* Only one that was entered; so all functions below. */
void flows_remove(struct flows *t, struct live_flow *f);

struct live_flow *flows_find(const struct flows *t, const struct flow *tuple);
/* By walking all: it is a person who asks for one by its id, now and then. */
struct live_flow *flows_find_id(const struct flows *t, uint64_t id);

/* All of them, the one polled longest ago first; removing the current one is safe when next was fetched before. */
struct live_flow *flows_first(const struct flows *t);
struct live_flow *flows_next(const struct live_flow *f);

/* Those of UDP that come from this port of ours, newest last; as above. */
struct live_flow *flows_first_from(const struct flows *t, uint16_t src_port);
struct live_flow *flows_next_from(const struct live_flow *f);

/* It was looked at now. */
void flows_polled(struct flows *t, struct live_flow *f, uint64_t now_ns);

unsigned flows_count(const struct flows *t);

#endif
