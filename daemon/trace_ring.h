/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's ring buffer of one CPU: its records in order, without waiting.
 *
 * Where the kernel can map its buffer (Linux 6.10), looking for new records is one load from memory; else it is
 * one read(2) (0.35 us when there is nothing, 0.7 us for a page). The record that was peeked at stays valid until
 * trace_ring_pop(). Source: kernel/trace/ring_buffer.c, include/uapi/linux/trace_mmap.h.
 */
#ifndef DAEMON_TRACE_RING_H
#define DAEMON_TRACE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/trace_page.h"

/* What was met in all rings of a trace together. */
struct trace_ring_counts {
	uint64_t reads; /* of a ring: new records taken in, or the kernel asked for them */
	uint64_t empty_reads; /* of those, such that found none */
	uint64_t lost; /* records that were overwritten before they could be read */
	uint64_t malformed; /* pages given up half-way */
};

struct trace_ring {
	int fd; /* trace_pipe_raw, non-blocking */
	const struct trace_page_layout *layout; /* borrowed */
	uint8_t *buf; /* one page, when it is read */
	const struct trace_meta *meta; /* the kernel's page about the mapping; NULL: not mapped */
	const uint8_t *pages;
	size_t pages_len;
	const uint8_t *bytes; /* the current page: buf, or one of the mapped */
	struct trace_page page;
	struct trace_record next;
	bool has_next;
	bool online; /* its CPU is, or was: there may be records */
	struct trace_ring_counts *counts; /* borrowed */
};

/* Takes `fd`, and will read from it; borrows the others. 0, or ERR_NOMEM (the fd is then closed). */
int trace_ring_open(struct trace_ring *ring, int fd, const struct trace_page_layout *layout,
	struct trace_ring_counts *counts);
void trace_ring_close(struct trace_ring *ring);

/* Maps the buffer instead, where the kernel can and the CPU is online; else nothing changes. */
void trace_ring_map(struct trace_ring *ring);

/* The oldest record not popped yet, or NULL: nothing there now. */
const struct trace_record *trace_ring_peek(struct trace_ring *ring);
void trace_ring_pop(struct trace_ring *ring);

#endif
