/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET /metrics: everything that is counted, in Prometheus's text format.
 *
 * The engine counts for itself (ipc_counters); what it does not keep is counted here, from its events, and begins again
 * with the console, as Prometheus expects of counters.
 */
#ifndef API_METRICS_H
#define API_METRICS_H

#include <stdint.h>

#include "daemon/ipc.h"
#include "lib/verdict.h"

struct http_request;

#define METRICS_BUCKETS 16

/* One Prometheus histogram. */
struct metrics_histogram {
	uint64_t buckets[METRICS_BUCKETS]; /* not cumulated; the last has no upper bound */
	uint64_t count;
	uint64_t sum_us;
};

struct metrics {
	/* From reading a packet to its verdict: decided at once, and held for an answer. */
	struct metrics_histogram latency[2];
	uint64_t prompt_ends[PROMPT_END_COUNT_];
	uint64_t connections; /* events of decisions that came */
};

void metrics_note_connection(struct metrics *m, const struct ipc_connection *msg);
void metrics_note_prompt_end(struct metrics *m, const struct ipc_prompt_closed *msg);

void metrics_get(struct http_request *req);

#endif
