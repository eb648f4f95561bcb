/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counting for /api/v1/stats. */
#include "config.h"

#include "api/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "api/console.h"
#include "api/http.h"
#include "api/loop.h"
#include "db/history_stats.h"
#include "lib/cleanup.h"
#include "lib/clock.h"

#define SLICE_ROWS 2048
#define SLICE_NS 5000000u /* of one turn of the loop */
#define DAY_US (24 * UINT64_C(3600000000))

/* What is added up: connections by action, and bytes. */
enum { BYTES_OUT = ACTION_COUNT_, BYTES_IN, N_SUMS };

struct group {
	int64_t key;
	uint64_t n[N_SUMS];
	uint64_t *series; /* N_SUMS for each bucket, owned; NULL: none */
	UT_hash_handle hh;
};

struct job {
	struct http_request *req; /* NULL: its client went away */
	struct console *console;
	struct timer *timer;
	struct stats_query query;
	unsigned n_buckets; /* 0: no buckets were asked for */
	unsigned limit;
	uint64_t first, end, at; /* ids */
	bool is_second; /* the pass that fills the series of the greatest groups */
	bool is_truncated; /* there were more groups than are kept */
	struct group *groups; /* uthash */
	unsigned n_groups;
	uint64_t n[N_SUMS];
};

/* NOLINTNEXTLINE(readability-function-size): uthash macros unfold here */
static void drop_group(struct job *job, struct group *g)
{
	HASH_DEL(job->groups, g);
	job->n_groups--;
	free(g->series);
	free(g);
}

static void job_free(struct job *job)
{
	struct group *g, *tmp;

	HASH_ITER (hh, job->groups, g, tmp)
		drop_group(job, g);
	loop_timer_free(job->console->loop, job->timer);
	free(job);
}

/* ---- counting */

/* NOLINTNEXTLINE(readability-function-size): uthash's macros unfold here */
static struct group *group_of(struct job *job, int64_t key)
{
	struct group *g;

	HASH_FIND(hh, job->groups, &key, sizeof(key), g);
	if (g || job->is_second)
		return g;
	if (job->n_groups == LIMIT_STATS_GROUPS) {
		job->is_truncated = true;
		return NULL;
	}
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->key = key;
	HASH_ADD(hh, job->groups, key, sizeof(g->key), g);
	job->n_groups++;
	return g;
}

static void add(uint64_t n[N_SUMS], const struct stats_count *c)
{
	n[c->action] += c->n;
	n[BYTES_OUT] += c->bytes_out;
	n[BYTES_IN] += c->bytes_in;
}

static int count(void *ctx, const struct stats_count *c)
{
	struct job *job = ctx;
	struct group *g = group_of(job, c->key);

	if (job->is_second) {
		if (g && g->series && c->bucket < job->n_buckets)
			add(g->series + c->bucket * N_SUMS, c);
		return 0;
	}
	add(job->n, c);
	if (g)
		add(g->n, c);
	return g || job->is_truncated ? 0 : ERR_NOMEM;
}

static uint64_t sum(const uint64_t n[N_SUMS])
{
	uint64_t all = 0;

	for (unsigned i = 0; i < ACTION_COUNT_; i++)
		all += n[i];
	return all;
}

/* The greatest first, those of one size by key. */
static int compare_groups(const struct group *a, const struct group *b)
{
	uint64_t x = sum(a->n), y = sum(b->n);

	if (x != y)
		return x > y ? -1 : 1;
	return a->key < b->key ? -1 : a->key > b->key;
}

/* Keeps as many as are to be shown. */
/* NOLINTNEXTLINE(readability-function-size): uthash's macros unfold here */
static void choose(struct job *job)
{
	struct group *g, *tmp;
	unsigned i = 0;

	HASH_SORT(job->groups, compare_groups);
	HASH_ITER (hh, job->groups, g, tmp)
		if (i++ >= job->limit) {
			job->is_truncated = true;
			drop_group(job, g);
		}
}

/* ---- the answer */

static int set_counts(json_t *to, const uint64_t n[N_SUMS])
{
	int failed = json_object_set_new(to, "connections", json_integer((json_int_t)sum(n)));

	for (unsigned i = 0; i < ACTION_COUNT_; i++)
		failed |= json_object_set_new(
			to, action_str((enum action)i), json_integer((json_int_t)n[i]));
	failed |= json_object_set_new(to, "bytes_out", json_integer((json_int_t)n[BYTES_OUT]));
	failed |= json_object_set_new(to, "bytes_in", json_integer((json_int_t)n[BYTES_IN]));
	return failed;
}

static json_t *series_json(const struct job *job, const struct group *g)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < job->n_buckets; i++) {
		const uint64_t *n = g->series + (size_t)i * N_SUMS;
		json_t *item;

		if (!sum(n))
			continue;
		item = json_object();
		json_object_set_new(item, "time",
			http_json_time(job->query.from_us + i * job->query.bucket_us));
		set_counts(item, n);
		json_array_append_new(list, item);
	}
	return list;
}

static json_t *group_json(const struct job *job, const struct group *g)
{
	_cleanup_free_ char *key = history_stats_key(job->console->history, job->query.by, g->key);
	json_t *item = json_object();

	json_object_set_new(item, "key", key ? http_json_text(key, strlen(key)) : json_null());
	set_counts(item, g->n);
	if (g->series)
		json_object_set_new(item, "series", series_json(job, g));
	return item;
}

static json_t *result_json(struct job *job)
{
	const struct stats_query *q = &job->query;
	json_t *items = json_array(), *result;
	struct group *g, *tmp;

	HASH_ITER (hh, job->groups, g, tmp)
		json_array_append_new(items, group_json(job, g));
	result = json_pack("{s:o, s:o, s:o, s:o, s:b, s:o}", "from", http_json_time(q->from_us),
		"to", http_json_time(q->to_us), "by",
		q->by ? json_string(stats_by_str(q->by)) : json_null(), "bucket_s",
		q->bucket_us ? json_integer((json_int_t)(q->bucket_us / 1000000)) : json_null(),
		"truncated", job->is_truncated, "items", items);
	if (result && set_counts(result, job->n)) {
		json_decref(result);
		return NULL;
	}
	return result;
}

static void finish(struct job *job, int code)
{
	struct http_request *req = job->req;

	if (req) {
		req->on_end = NULL;
		req->handler_data = NULL;
		if (code < 0)
			http_reply_error(req, code, NULL);
		else
			http_reply_json(req, 200, result_json(job));
	}
	job_free(job);
}

/* The first pass is over. True when there is a second. */
static bool begin_series(struct job *job)
{
	struct group *g, *tmp;

	choose(job);
	if (!job->n_buckets || job->is_second)
		return false;
	HASH_ITER (hh, job->groups, g, tmp) {
		g->series = calloc((size_t)job->n_buckets * N_SUMS, sizeof(*g->series));
		if (!g->series)
			return false;
	}
	job->is_second = true;
	job->at = job->first;
	return true;
}

static void work(void *ctx)
{
	struct job *job = ctx;
	uint64_t until = clock_mono_ns() + SLICE_NS;
	struct stats_query q = job->query;
	int r = job->req ? 0 : ERR_CLOSED;

	if (!job->is_second)
		q.bucket_us = 0;
	while (r == 0 && job->at < job->end && clock_mono_ns() < until) {
		uint64_t end = job->end - job->at > SLICE_ROWS ? job->at + SLICE_ROWS : job->end;

		r = history_stats_slice(job->console->history, &q, job->at, end, count, job);
		job->at = end;
	}
	if (r < 0 || (job->at >= job->end && (job->is_second || !begin_series(job))))
		finish(job, r);
	else
		loop_timer_set(job->timer, 0);
}

/* ---- the question */

static void client_gone(struct http_request *req)
{
	struct job *job = req->handler_data;

	job->req = NULL;
}

static bool read_time(struct http_request *req, const char *name, uint64_t *ret)
{
	const char *text = http_query(req, name);

	if (!text || (clock_parse(text, ret) == 0 && *ret <= INT64_MAX))
		return true;
	http_reply_invalid(req, name, "must be a time as RFC 3339 writes it");
	return false;
}

static bool read_bucket(struct http_request *req, struct job *job)
{
	const char *text = http_query(req, "bucket");
	uint64_t ms, n, span = job->query.to_us - job->query.from_us;

	if (!text)
		return true;
	if (clock_parse_duration(text, &ms) < 0 || ms < 1000 || ms % 1000 ||
		ms > UINT64_C(366) * 86400000) {
		http_reply_invalid(
			req, "bucket", "must be a duration of whole seconds, as \"5m\" or \"1h\"");
		return false;
	}
	n = (span + ms * 1000 - 1) / (ms * 1000);
	if (n > LIMIT_STATS_BUCKETS) {
		http_reply_invalid(req, "bucket", "makes %llu buckets; %u are the most",
			(unsigned long long)n, LIMIT_STATS_BUCKETS);
		return false;
	}
	job->query.bucket_us = ms * 1000;
	job->n_buckets = (unsigned)n;
	return true;
}

static bool read_question(struct http_request *req, struct job *job)
{
	const char *by = http_query(req, "by");
	uint64_t limit = LIMIT_STATS_ITEMS_DEFAULT, now = clock_real_us();
	struct stats_query *q = &job->query;

	q->to_us = now;
	if (!read_time(req, "to", &q->to_us))
		return false;
	q->from_us = q->to_us > DAY_US ? q->to_us - DAY_US : 0;
	if (!read_time(req, "from", &q->from_us))
		return false;
	if (q->from_us >= q->to_us) {
		http_reply_invalid(req, "from", "must be before \"to\"");
		return false;
	}
	if (by && !stats_by_parse(by, &q->by)) {
		http_reply_invalid(req, "by",
			"must be process.path, dest.host, dest.port, protocol, user.id, rule or "
			"action");
		return false;
	}
	if (!http_query_number(req, "limit", 1, LIMIT_STATS_ITEMS, &limit))
		return false;
	job->limit = (unsigned)limit;
	return read_bucket(req, job);
}

void stats_get(struct http_request *req)
{
	struct console *c = req->console;
	struct job *job = calloc(1, sizeof(*job));
	int r;

	if (!job) {
		http_reply_error(req, ERR_NOMEM, NULL);
		return;
	}
	job->console = c;
	job->req = req;
	job->timer = loop_timer_new(c->loop, work, job);
	if (!job->timer) {
		http_reply_error(req, ERR_NOMEM, NULL);
		free(job);
		return;
	}
	if (!read_question(req, job)) {
		job_free(job);
		return;
	}
	r = c->history ? history_stats_ids(c->history, &job->query, &job->first, &job->end)
		       : ERR_IO;
	if (r < 0) {
		http_reply_error(req, r, NULL);
		job_free(job);
		return;
	}
	job->at = job->first;
	req->handler_data = job;
	req->on_end = client_gone;
	http_defer(req);
	loop_timer_set(job->timer, 0);
}
