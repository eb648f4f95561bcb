/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of one tracefs instance: made, configured, checked, removed. Used by trace.c alone.
 */
#ifndef DAEMON_TRACE_INSTANCE_H
#define DAEMON_TRACE_INSTANCE_H

#include <stdbool.h>

#include "daemon/trace_event.h"
#include "daemon/trace_omit.h"
#include "daemon/trace_page.h"
#include "lib/err.h"

struct trace_instance;

/* Makes the instance for the sources of this part, or takes over one that stands. 0, or a code with `err` (see trace_open()). */
int trace_instance_make(const char *tracefs, const char *name, enum trace_part part,
	struct trace_instance **ret, struct error *err);

/*
 * Everything but starting: events off, buffers cleared and sized, clock, filters; fills the decoder with its sources, and the layout.
 * *ret_mono: the clock is CLOCK_MONOTONIC. 0, or a code with `err`.
 */
int trace_instance_prepare(struct trace_instance *in, struct trace_decoder *decoder,
	struct trace_page_layout *ret_layout, bool *ret_mono, struct error *err);

int trace_instance_start(struct trace_instance *in, struct error *err);

/* Events off; nothing is recorded any more. */
void trace_instance_stop(struct trace_instance *in);

/* Removes it and frees `in`, in any case. 0, ERR_BUSY or ERR_IO. All descriptors of its files must be closed. */
int trace_instance_remove(struct trace_instance *in);

/* Whether this source is being traced. */
bool trace_instance_has(const struct trace_instance *in, enum trace_source_id source);

/* CPUs that this machine can have: their numbers are below this. */
unsigned trace_instance_cpus(const struct trace_instance *in);

/* The raw buffer of a CPU: a non-blocking descriptor of the caller's, or a code with `err`. */
int trace_instance_open_cpu(struct trace_instance *in, unsigned cpu, struct error *err);

/* Writes a record of nobody's into the buffer of the CPU that we are on. */
void trace_instance_mark(struct trace_instance *in);

/* ---- what is left out (see trace_omit.h); the kernel may take its time */

/* Of the routes: look-ups for which the expression is not true are not traced; "": all are. */
void trace_instance_narrow(struct trace_instance *in, const char *but_if);

/* Whether this kernel can leave out tasks (Linux 5.7). */
bool trace_instance_can_mute(const struct trace_instance *in);

/* Of the routes: these tasks are not traced; `anew`: no others are left out. */
void trace_instance_mute(struct trace_instance *in, const int32_t *tids, unsigned n, bool anew);

/* Of the tasks: the connects of these are told over IPv4 too, which else their look-ups tell. */
void trace_instance_tell_connects(struct trace_instance *in, const int32_t *tids, unsigned n);

/*
 * As trace_check(); `muted` (or NULL) is what ought to be left out. *ret_again: what is left out is to be told once more, for something
 * of it is gone.
 */
int trace_instance_check(struct trace_instance *in, struct trace_decoder *decoder,
	const struct trace_omissions *muted, bool *ret_again, struct error *err);

#endif
