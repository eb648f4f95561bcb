/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When to trim. */
#include "config.h"

#include "lib/heap.h"

#include <malloc.h>

bool heap_tick(struct heap_care *h, uint64_t work)
{
	bool is_quiet = work == h->seen;

	h->seen = work;
	if (!is_quiet || work - h->trimmed < HEAP_WORK_LEAST)
		return false;
	h->trimmed = work;
	malloc_trim(0);
	return true;
}
