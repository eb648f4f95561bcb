/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tasks were about to send, as traced: "this task, to there", found again by the flow of the packet that follows.
 *
 * Bounded, and in lanes: a task that makes very many claims pushes out its own, and hardly any of the few that share its lane.
 */
#ifndef DAEMON_CLAIMS_H
#define DAEMON_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/flow.h"

struct claims;
struct process_image;

struct claim {
	struct flow flow; /* the source address may be 0.0.0.0 or ::, the source port 0 */
	int32_t tid;
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	struct process_image *image; /* that the task ran then; borrowed, or NULL */
};

/* NULL when out of memory. */
struct claims *claims_new(void);
void claims_free(struct claims *c); /* NULL is fine */

/* Adds one; its image is copied by reference. The task's own last claim of the same is replaced by it. */
void claims_add(struct claims *c, const struct claim *claim);

/*
 * The claims of a flow, made with this source port (0: before it was chosen) at `since_ns` or later, newest first, at most `max`. Each is
 * valid until the next claims_add(). How many.
 */
unsigned claims_find(const struct claims *c, const struct flow *flow, uint16_t src_port,
	uint64_t since_ns, struct claim *ret, unsigned max);

#endif
