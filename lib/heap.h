/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a burst of work leaves behind in the heap, free but scattered, goes back to the kernel once it is quiet: malloc gives
 * back only what is free at the end of the heap. malloc_trim(3).
 */
#ifndef LIB_HEAP_H
#define LIB_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#define HEAP_WORK_LEAST 1000 /* steps of work that are worth a trim: connections, messages */

/* Zeroed = nothing was done yet. */
struct heap_care {
	uint64_t seen; /* work at the last tick */
	uint64_t trimmed; /* work at the last trim */
};

/*
 * Every some 100 ms, with the amount of work done since the start. A trim takes up to some milliseconds, hence only after much
 * work, in a tick that saw none. True when it trimmed.
 */
bool heap_tick(struct heap_care *h, uint64_t work);

#endif
