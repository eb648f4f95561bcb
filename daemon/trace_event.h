/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The events that attribution lives on: which there are, and their records decoded to plain values.
 *
 *   fib:fib_table_lookup     a process looks for the route of a flow, just before its first packet: whole tuple
 *   fib6:fib6_table_lookup   the same for IPv6; TCP has no source port yet
 *   sock:inet_sock_set_state CLOSE -> SYN_SENT: the destination of a TCP connect over IPv6; over IPv4 where it uses a socket of IPv6,
 *                            or where the task's look-ups are left out (trace_omit.h)
 *   task:task_newtask        a process or thread is born; sched:sched_process_exec, sched_process_exit
 *
 * Every task look-up of a route happens in its own context; look-ups in interrupts (forwarding, answers) carry
 * flags that say so and are left out, as are those for received packets (iif is not the loopback device's 1).
 */
#ifndef DAEMON_TRACE_EVENT_H
#define DAEMON_TRACE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/trace_format.h"
#include "lib/flow.h"

enum trace_source_id {
	TRACE_SOURCE_FIB,
	TRACE_SOURCE_FIB6,
	TRACE_SOURCE_STATE,
	TRACE_SOURCE_NEWTASK,
	TRACE_SOURCE_EXEC,
	TRACE_SOURCE_EXIT,
	TRACE_SOURCE_COUNT_,
};

/* Each is traced in an instance of its own: a task that is left out of one is still seen in the other. */
enum trace_part {
	TRACE_TASKS, /* births, programs, deaths, connects */
	TRACE_ROUTES, /* look-ups of routes: one for each datagram of an unconnected socket */
	TRACE_PART_COUNT_,
};

/* One kind of event: where it is, and which records of it we want. */
struct trace_source {
	enum trace_part part;
	const char *system;
	const char *name;
	const char *filter; /* in the kernel's filter language; NULL: all */
	bool required; /* without it there is no tracing; the others come with a module, or never */
};

extern const struct trace_source trace_sources[TRACE_SOURCE_COUNT_];

enum trace_event_type {
	TRACE_EVENT_CLAIM, /* this task is about to send to there */
	TRACE_EVENT_FORK,
	TRACE_EVENT_EXEC,
	TRACE_EVENT_EXIT,
};

/* One event. Pointers live until the callback that it is given to returns. */
struct trace_event {
	enum trace_event_type type;
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	int32_t tid; /* of the task that did it, in the initial PID namespace */
	int cpu; /* that it ran on then */
	struct flow
		flow; /* CLAIM: source address may be 0.0.0.0 or ::, ports 0 when not known yet */
	int32_t child_tid; /* FORK */
	bool is_thread; /* FORK: the child is a thread of its parent's process */
	const char *filename; /* EXEC: as given to execve, not NUL-terminated */
	size_t filename_len;
	bool is_group; /* EXIT: the last thread of its process, as far as the kernel tells */
	bool has_group; /* EXIT: is_group is told by the kernel (Linux 6.16) */
};

/* The fields of each source, resolved against this kernel's formats. */
struct trace_decoder;

struct trace_decoder *trace_decoder_new(void);
void trace_decoder_free(struct trace_decoder *d);

/* Takes in the text of a source's `format` file. 0; ERR_MALFORMED; ERR_UNSUPPORTED when a field that we need is missing; ERR_NOMEM. */
int trace_decoder_add(
	struct trace_decoder *d, enum trace_source_id source, const char *format_text, size_t len);

/*
 * Decodes one record. True and *ret (time_ns is the caller's to set) when it is an event that matters; false for records of other
 * events, look-ups that are not a local sender's, and what is malformed.
 */
bool trace_decoder_decode(
	const struct trace_decoder *d, const uint8_t *record, size_t len, struct trace_event *ret);

#endif
