/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tracefs instances of our own: set up, read, watched over, removed. There are two, so that look-ups of routes, which may be very many,
 * neither push out what tells of tasks nor are left out together with it.
 *
 * Nobody else's tracing is touched: events, filters, clock and buffers are an instance's. The clock is CLOCK_MONOTONIC;
 * old records are overwritten when nobody reads them in time, which is noticed and counted.
 * Source: Documentation/trace/ftrace.rst, kernel/trace/trace.c.
 */
#ifndef DAEMON_TRACE_H
#define DAEMON_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/trace_event.h"
#include "daemon/trace_omit.h"
#include "lib/err.h"

struct trace;

/*
 * Makes (or, after a crash, takes over) the instances `name` and `name`-routes under `tracefs` and starts tracing. 0, or a code with
 * `err`: ERR_NOT_FOUND (no tracefs there), ERR_PERMISSION (lockdown, or not root), ERR_UNSUPPORTED (an event or field that we
 * need is missing), ERR_NOMEM, ERR_IO. Nothing is left behind on failure.
 */
int trace_open(const char *tracefs, const char *name, struct trace **ret, struct error *err);

/* Stops tracing and removes the instances. NULL is fine. 0, or ERR_BUSY (somebody has a file of one open) or ERR_IO. */
int trace_close(struct trace *t);

/*
 * Gives every event there is now to `fn`, in the order in which they happened, without waiting. Events of several CPUs are merged by
 * their time; those of one CPU come in order, whichever instance they are from. Their number. An event that another CPU is just
 * writing may come with the next call, and then be older than what was given.
 */
unsigned trace_drain(
	struct trace *t, void (*fn)(void *ctx, const struct trace_event *ev), void *ctx);

/*
 * Looks whether the instances still stand and trace: 0 when all is well, or when something is being written (look again later); 1 when something had been switched off and is on again
 * (events are missing, and counted as one lost); or a code with `err` when it is beyond repair: close, and open another.
 */
int trace_check(struct trace *t, struct error *err);

/* Soon, these route look-ups are not traced, and all others are. Returns at once. */
void trace_leave_out(struct trace *t, const struct trace_omissions *omissions);

/* Whether a whole task can be left out. */
bool trace_can_mute(const struct trace *t);

/* "fib, fib6, ..." : what is traced. Borrowed. */
const char *trace_what(const struct trace *t);

struct trace_stats {
	uint64_t events; /* given */
	uint64_t lost; /* never more than were lost, but at least one when any was */
	/* Of a processor's ring buffer; one that has nothing new is not read, where that can be seen before. */
	uint64_t reads;
	uint64_t empty_reads; /* of those, such that found nothing */
};

/* So far. */
void trace_stats(const struct trace *t, struct trace_stats *ret);

/* Such that tell of tasks: lost so far. What was traced of a task since may not be all. */
uint64_t trace_tasks_lost(const struct trace *t);

#endif
