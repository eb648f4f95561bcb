/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who sends datagrams so fast that tracing each costs, and floods the ring: a task with one pair of ports, told again and again. The
 * kernel's filter then leaves out this task with these ports, for some seconds, and its claim stands meanwhile. Every
 * other task with the same ports is traced as before.
 */
#ifndef DAEMON_TRACE_FLOOD_H
#define DAEMON_TRACE_FLOOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/trace_event.h"

#define TRACE_FLOOD_MAX 4 /* left out at once; the expression costs all others a little */
#define TRACE_FLOOD_COUNTED 64
#define TRACE_FLOOD_TEXT 512

/* A task that is left out. */
struct trace_flooder {
	struct flow flow; /* of the last claim: protocol, ports and source count, any destination */
	int32_t tid;
	uint64_t since_ns; /* CLOCK_MONOTONIC; 0: free */
};

struct trace_flood {
	struct {
		struct flow flow;
		int32_t tid;
		unsigned n;
	} counted[TRACE_FLOOD_COUNTED]; /* since the last tick */
	struct trace_flooder flooders[TRACE_FLOOD_MAX];
	bool changed;
};

/* One claim, before or after it is taken in. */
void trace_flood_note(struct trace_flood *f, const struct trace_event *claim);

/* A task began with this number: what is said of the number is void. */
void trace_flood_forget(struct trace_flood *f, int32_t tid);

/*
 * Every 100 ms or so: true when what is to be left out changed. Then `text` is the expression for the kernel's filter, "" for nothing.
 */
bool trace_flood_tick(struct trace_flood *f, uint64_t now_ns, char text[static TRACE_FLOOD_TEXT]);

/* Whether what this task sends may be this flow. */
bool trace_flooder_fits(const struct trace_flooder *f, const struct flow *flow);

#endif
