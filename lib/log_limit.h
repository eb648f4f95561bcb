/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How often one place in the code may log: LIMIT_LOG_BURST messages in LIMIT_LOG_INTERVAL_MS, then none until that time is over. So
 * nobody outside can fill a disk by making us say the same again and again, and what else there is to say stays visible.
 *
 * A plain value without memory of its own: safe in a signal handler, as the log is. Places that share a slot of the table
 * push each other out, which costs a limit and no message.
 */
#ifndef LIB_LOG_LIMIT_H
#define LIB_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/limits.h"

struct log_limit {
	struct log_place {
		uintptr_t site; /* 0: free */
		uint64_t since_ns; /* CLOCK_MONOTONIC: start of the interval */
		uint32_t n; /* messages in it, those left out included */
	} places[LIMIT_LOG_PLACES];
};

struct log_ruling {
	bool is_allowed;
	bool is_last; /* of this interval: more are left out */
	uint32_t n_left_out; /* before this one, in an interval that is over */
};

/* What becomes of a message of `site` (any number that stands for the place; not 0), which is counted. */
struct log_ruling log_limit_note(struct log_limit *l, uintptr_t site, uint64_t now_ns);

#endif
