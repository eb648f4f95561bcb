/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring of recent events. */
#include "config.h"

#include "api/sse_ring.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	uint64_t pos;
	uint32_t len;
	uint8_t type;
	bool raw;
};

struct sse_ring {
	struct entry *entries; /* by number modulo n_max */
	unsigned n_max;
	uint8_t *bytes; /* by position modulo size */
	size_t size;
	uint64_t first, next; /* numbers */
	uint64_t pos;
};

struct sse_ring *sse_ring_new(unsigned n_max, size_t bytes)
{
	struct sse_ring *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->n_max = n_max;
	r->size = bytes & ~(size_t)7;
	r->first = r->next = 1;
	r->entries = calloc(n_max, sizeof(*r->entries));
	r->bytes = malloc(r->size);
	if (!r->entries || !r->bytes) {
		sse_ring_free(r);
		return NULL;
	}
	return r;
}

void sse_ring_free(struct sse_ring *r)
{
	if (!r)
		return;
	free(r->entries);
	free(r->bytes);
	free(r);
}

uint64_t sse_ring_add(struct sse_ring *r, unsigned type, bool raw, const void *data, size_t len)
{
	size_t padded = (len + 7) & ~(size_t)7;
	struct entry *e;

	if (padded > r->size / 4)
		return 0;
	/* The end of the buffer is skipped where the event would wrap. */
	if (r->pos % r->size + padded > r->size)
		r->pos += r->size - r->pos % r->size;
	while (r->first < r->next &&
		(r->next - r->first == r->n_max ||
			r->pos + padded - r->entries[r->first % r->n_max].pos > r->size))
		r->first++;
	e = &r->entries[r->next % r->n_max];
	*e = (struct entry) { r->pos, (uint32_t)len, (uint8_t)type, raw };
	memcpy(r->bytes + r->pos % r->size, data, len);
	r->pos += padded;
	return r->next++;
}

bool sse_ring_get(const struct sse_ring *r, uint64_t number, struct sse_event *ret)
{
	const struct entry *e;

	if (number < r->first || number >= r->next)
		return false;
	e = &r->entries[number % r->n_max];
	*ret = (struct sse_event) { e->type, e->raw, r->bytes + e->pos % r->size, e->len, e->pos };
	return true;
}

uint64_t sse_ring_first(const struct sse_ring *r)
{
	return r->first;
}

uint64_t sse_ring_next(const struct sse_ring *r)
{
	return r->next;
}

uint64_t sse_ring_pos(const struct sse_ring *r)
{
	return r->pos;
}
