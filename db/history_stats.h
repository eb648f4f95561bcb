/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counts over the recorded connections, by some property and by time.
 *
 * A million rows take a second to count, in which nobody else would be served: so the caller counts a slice of ids at a time, and adds
 * up. Keys are numbers; those of texts are put into words at the end, for the few that are shown.
 */
#ifndef DB_HISTORY_STATS_H
#define DB_HISTORY_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/history.h"

enum stats_by {
	STATS_NOTHING,
	STATS_PATH,
	STATS_HOST,
	STATS_PORT,
	STATS_PROTOCOL,
	STATS_USER,
	STATS_RULE,
	STATS_ACTION,
	STATS_BY_COUNT_,
};

/* "process.path", "dest.host" ..., "" for nothing; never NULL. */
const char *stats_by_str(enum stats_by by);
bool stats_by_parse(const char *name, enum stats_by *ret);

#define STATS_NO_KEY INT64_MIN /* the connection has no such property */

struct stats_query {
	enum stats_by by;
	uint64_t from_us; /* at or after */
	uint64_t to_us; /* before */
	uint64_t bucket_us; /* 0: one bucket for all of it */
};

struct stats_count {
	int64_t key; /* STATS_NO_KEY; 0 where nothing was asked for */
	uint64_t bucket; /* number, from 0 */
	enum action action;
	uint64_t n;
	uint64_t bytes_out, bytes_in; /* of those that ended */
};

/* What waits is written first; then the ids that the times may cover: *ret_first to below *ret_end. 0 or a code. */
int history_stats_ids(
	struct history *h, const struct stats_query *q, uint64_t *ret_first, uint64_t *ret_end);

/* Calls `fn` for each group of the connections with these ids; it returns 0, or a code to stop with. */
int history_stats_slice(struct history *h, const struct stats_query *q, uint64_t first,
	uint64_t end, int (*fn)(void *ctx, const struct stats_count *count), void *ctx);

/* A key in words: malloc'ed, owned by the caller; NULL for STATS_NO_KEY, what is gone by now, and out of memory. */
char *history_stats_key(struct history *h, enum stats_by by, int64_t key);

#endif
