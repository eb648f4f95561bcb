/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where to read in a table that only grows, whose ids rise with time. */
#ifndef DB_LOG_SPAN_H
#define DB_LOG_SPAN_H

#include <stdbool.h>
#include <stdint.h>

/* A search in one goes on for so long; then it is the caller's to ask for the rest. */
#define LOG_SEARCH_NS 250000000u

struct log_span {
	bool oldest_first;
	uint64_t place; /* id of the row given last; 0: from the beginning of that order */
	uint64_t from_us, to_us; /* CLOCK_REALTIME, at or after, and before; 0: any */
};

static inline bool log_span_has_time(const struct log_span *s, uint64_t time_us)
{
	return time_us >= s->from_us && (!s->to_us || time_us < s->to_us);
}

/* The id to compare with: greater than it when the oldest come first, else less. */
static inline int64_t log_span_place(const struct log_span *s)
{
	if (s->oldest_first)
		return s->place < INT64_MAX ? (int64_t)s->place : INT64_MAX;
	return s->place && s->place < INT64_MAX ? (int64_t)s->place : INT64_MAX;
}

#endif
