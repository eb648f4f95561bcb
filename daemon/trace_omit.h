/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is left out of the tracing of routes, told to the kernel on a thread of its own: some of these writes wait until no processor can
 * still be in the old list (measured on Linux 6.18: 1 ms for the first task, 35 ms for one more, 80 ms to clear the list; before
 * that a filter takes as long). The thread is started with the first request and owns no state; the last request counts.
 */
#ifndef DAEMON_TRACE_OMIT_H
#define DAEMON_TRACE_OMIT_H

#include <stdbool.h>
#include <stdint.h>

#define TRACE_OMIT_TEXT 512
#define TRACE_MUTED_MAX 4

struct trace_instance;

struct trace_omissions {
	/* Look-ups for which this expression is not true are not traced; made all the same, and thrown away. "": all are. */
	char but_if[TRACE_OMIT_TEXT];
	/* Tasks of which no look-up is traced, and made. Their TCP connects are told by inet_sock_set_state, without a source port. */
	int32_t muted[TRACE_MUTED_MAX];
	unsigned n_muted;
};

struct trace_omitter;

/* Borrows the instances. NULL when out of memory. */
struct trace_omitter *trace_omitter_new(
	struct trace_instance *tasks, struct trace_instance *routes);

/* Waits for the write that goes on just now. NULL is fine. */
void trace_omitter_free(struct trace_omitter *o);

/* Soon, these are what is left out. Never waits. */
void trace_omitter_set(struct trace_omitter *o, const struct trace_omissions *wanted);

/* The same again: somebody else changed it. Only while idle. */
void trace_omitter_repeat(struct trace_omitter *o);

/* True when nothing is left to write: only then may others use the instances' filters and lists. */
bool trace_omitter_is_idle(struct trace_omitter *o);

/* What is left out now. Borrowed; only while idle. */
const struct trace_omissions *trace_omitter_now(const struct trace_omitter *o);

#endif
