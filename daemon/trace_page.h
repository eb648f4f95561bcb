/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ring-buffer pages of the kernel's tracing, as per_cpu/cpuN/trace_pipe_raw gives them: bytes → records.
 *
 * A pure function of the bytes; a hostile page yields at worst wrong records, never a read past its end or an
 * endless loop. Source: include/linux/ring_buffer.h, kernel/trace/ring_buffer.c, events/header_event.
 */
#ifndef DAEMON_TRACE_PAGE_H
#define DAEMON_TRACE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where things stand in a page: from events/header_page. */
struct trace_page_layout {
	size_t time_offset; /* u64: time of the first record */
	size_t commit_offset; /* length of the data and flags */
	size_t commit_size; /* 4 or 8 bytes */
	size_t data_offset;
	size_t data_size; /* of a full page */
};

/* The reading position in one page. Borrows the bytes. */
struct trace_page {
	const uint8_t *data;
	size_t len; /* committed bytes */
	size_t pos;
	uint64_t time; /* of the record read last */
	uint64_t
		lost; /* records overwritten before this page was read; at least 1 when the kernel gives no number */
};

struct trace_record {
	uint64_t time; /* in units of the trace clock: ns */
	const uint8_t *bytes; /* in the page */
	size_t len;
};

/* Reads the text of events/header_page: 0, or ERR_MALFORMED / ERR_UNSUPPORTED (a layout that makes no sense here). */
int trace_page_layout_parse(const char *text, size_t len, struct trace_page_layout *ret);

/* The length of a whole page. */
size_t trace_page_size(const struct trace_page_layout *layout);

/* Starts at the first record of a page of which `len` bytes are there. 0, or ERR_MALFORMED: nothing in it can be read. */
int trace_page_init(struct trace_page *page, const struct trace_page_layout *layout,
	const uint8_t *bytes, size_t len);

/*
 * For a page that the kernel still writes to (a mapped one): takes in what was committed since. 1: there is more; 0: nothing new;
 * ERR_MALFORMED: it shrank, so it is another page by now.
 */
int trace_page_grow(
	struct trace_page *page, const struct trace_page_layout *layout, const uint8_t *bytes);

/* Whether the kernel has left this page for the next one, so that it never grows again. */
bool trace_page_is_final(const struct trace_page *page, const struct trace_page_layout *layout);

/*
 * The next record: 1 and *ret, 0 at the end of the page, ERR_MALFORMED when a length in it is wrong (the rest of the page is
 * then given up: the next call returns 0).
 */
int trace_page_next(struct trace_page *page, struct trace_record *ret);

#endif
