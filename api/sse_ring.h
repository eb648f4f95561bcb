/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring of recent events: at most LIMIT_SSE_RING of them in LIMIT_SSE_RING_BYTES. Old ones make room.
 *
 * Events are numbered from 1. Bytes stand in one buffer; an event never wraps around its end, so it can be
 * used in place until something is added.
 */
#ifndef API_SSE_RING_H
#define API_SSE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sse_ring;

struct sse_event {
	unsigned type; /* the user's */
	bool raw; /* the user's: not JSON text yet */
	const void *data; /* 8-aligned */
	size_t len;
	uint64_t pos; /* bytes that were ever added before it */
};

/* Returns owned, or NULL. `n_max` events in `bytes` bytes. */
struct sse_ring *sse_ring_new(unsigned n_max, size_t bytes);
void sse_ring_free(struct sse_ring *r);

/* Adds a copy; its number, or 0 when it is too big for the ring (over a quarter of it). */
uint64_t sse_ring_add(struct sse_ring *r, unsigned type, bool raw, const void *data, size_t len);

/* The event with this number; false when it is gone or not there yet. Valid until the next add. */
bool sse_ring_get(const struct sse_ring *r, uint64_t number, struct sse_event *ret);

/* Numbers of the oldest event held and of the next one to come; equal when the ring is empty. */
uint64_t sse_ring_first(const struct sse_ring *r);
uint64_t sse_ring_next(const struct sse_ring *r);

/* Bytes ever added. */
uint64_t sse_ring_pos(const struct sse_ring *r);

#endif
