/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who sends datagrams so fast that tracing each costs, and floods the ring: a task with one pair of ports, told again and again. It is
 * left out of the tracing for some seconds, and its claim stands meanwhile, and a little longer.
 *
 * Where somebody else can name the sender of each datagram the task is muted: none of its look-ups is traced, and none costs. Else
 * the kernel's filter leaves out this task with these ports: the record is made and thrown away, and all else that the task sends
 * is traced as before. Every other task with the same ports is traced in any case.
 */
#ifndef DAEMON_TRACE_FLOOD_H
#define DAEMON_TRACE_FLOOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/trace_event.h"
#include "daemon/trace_omit.h"

#define TRACE_FLOOD_MAX TRACE_MUTED_MAX /* at once; the expression costs all others a little */
#define TRACE_FLOOD_COUNTED 64

/* A task that is left out. */
struct trace_flooder {
	struct flow flow; /* of the last claim: protocol, ports and source count, any destination */
	int32_t tid;
	bool is_muted; /* the owner's to set when it is found: the whole task is left out */
	uint64_t since_ns; /* CLOCK_MONOTONIC; 0: free */
	uint64_t ended_ns; /* not left out any more; but the kernel is told a little later */
};

struct trace_flood_count {
	struct flow flow;
	int32_t tid;
	unsigned n;
	uint64_t since_ns; /* when the first of them was made */
};

struct trace_flood {
	struct trace_flood_count counted[TRACE_FLOOD_COUNTED]; /* since the last tick */
	struct trace_flooder flooders[TRACE_FLOOD_MAX];
	bool has_more, has_less; /* than what the kernel was told */
	uint64_t told_less_ns;
};

/* One claim, before or after it is taken in. With it a task may be found to flood: that is returned, not muted. Else NULL. */
struct trace_flooder *trace_flood_note(struct trace_flood *f, const struct trace_event *claim);

/* A task began with this number: what is said of the number is void. */
void trace_flood_forget(struct trace_flood *f, int32_t tid);

/* The task ended, runs something else, or may not be left out any more. What it has sent may still be to be judged. */
void trace_flood_end(struct trace_flood *f, int32_t tid, uint64_t now_ns);

/* Whether the task is muted, or was a moment ago: then its connects are told in another way. */
bool trace_flood_is_muted(const struct trace_flood *f, int32_t tid);

/* Every 100 ms or so: true when what is to be left out changed. It is in *ret then. */
bool trace_flood_tick(struct trace_flood *f, uint64_t now_ns, struct trace_omissions *ret);

/* Whether what this task sends may be this flow. */
bool trace_flooder_fits(const struct trace_flooder *f, const struct flow *flow);

#endif
