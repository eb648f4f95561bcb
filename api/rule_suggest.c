/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a program went, out of the history in slices, for suggestions. */
#include "config.h"

#include "api/rule_suggest.h"

#include <stdlib.h>
#include <string.h>

#include "api/console.h"
#include "api/http.h"
#include "api/loop.h"
#include "api/suggest.h"
#include "db/history_scan.h"
#include "lib/clock.h"
#include "lib/hash.h"

#define SLICE_NS 8000000u /* of one turn of the loop */
#define SLICE_ROWS 500
#define WEEK_US (7 * 24 * UINT64_C(3600000000))

/* Connections that are one target, by numbers of the history. The bytes are a hash key. */
struct place {
	int64_t host, dst_ip;
	uint16_t protocol, port;
	uint8_t allowed;
	uint8_t pad[3];
};

struct tally {
	struct place place;
	struct hash_node node;
	uint64_t count;
};

struct job {
	struct http_request *req;
	struct timer *timer;
	struct history_scan scan;
	const char *path; /* borrowed from the request */
	struct hash tallies;
	uint64_t examined, uncovered;
	struct suggest *suggest;
};

static void on_row(void *ctx, const struct history_row *row)
{
	struct place place = {
		.host = row->facts.host,
		.dst_ip = row->facts.dst_ip,
		.protocol = row->facts.protocol,
		.port = row->facts.dst_port,
		.allowed = row->action == ACTION_ALLOW,
	};
	struct job *j = ctx;
	struct tally *t;

	j->examined++;
	t = hash_entry(hash_find(&j->tallies, &place, sizeof(place)), struct tally, node);
	if (!t && hash_count(&j->tallies) < LIMIT_SUGGEST_TARGETS) {
		t = calloc(1, sizeof(*t));
		if (t) {
			t->place = place;
			if (!hash_add(&j->tallies, &t->node, &t->place, sizeof(t->place))) {
				free(t);
				t = NULL;
			}
		}
	}
	if (t)
		t->count++;
	else
		j->uncovered += place.allowed;
}

struct resolved {
	struct job *job;
	const struct tally *tally;
};

static void on_target(void *ctx, const struct connection_record *record)
{
	struct resolved *r = ctx;
	struct suggest_target target = {
		.host = record->host,
		.ip = record->flow.dst,
		.proto = record->flow.proto,
		.port = record->flow.dst_port,
		.allowed = r->tally->place.allowed,
		.count = r->tally->count,
	};

	if (!suggest_add(r->job->suggest, &target) && target.allowed)
		r->job->uncovered += target.count;
}

static int add_targets(struct job *j)
{
	struct history_texts *texts = history_texts_new(j->req->console->history);
	int r = texts ? 0 : ERR_NOMEM;

	for (struct hash_node *n = j->tallies.first; r == 0 && n; n = hash_next(n)) {
		struct resolved ctx = { j, hash_entry(n, struct tally, node) };
		struct history_facts facts = {
			.host = ctx.tally->place.host,
			.dst_ip = ctx.tally->place.dst_ip,
			.protocol = ctx.tally->place.protocol,
			.dst_port = ctx.tally->place.port,
		};

		r = history_scan_resolve(texts, &facts, on_target, &ctx);
	}
	history_texts_free(texts);
	return r;
}

static void finish(struct job *j)
{
	json_t *items;

	if (add_targets(j) < 0) {
		http_reply_error(j->req, ERR_IO, NULL);
		return;
	}
	items = suggest_rules(j->suggest);
	http_reply_json(j->req, 200,
		json_pack("{s:s, s:I, s:I, s:o}", "program", j->path, "examined",
			(json_int_t)j->examined, "uncovered", (json_int_t)j->uncovered, "items",
			items));
}

static void work(void *ctx)
{
	struct job *j = ctx;
	uint64_t until = clock_mono_ns() + SLICE_NS;
	int r;

	do
		r = history_scan_step(&j->scan, SLICE_ROWS, on_row, j);
	while (r > 0 && clock_mono_ns() < until);
	if (r > 0)
		loop_timer_set(j->timer, 0);
	else if (r < 0)
		http_reply_error(j->req, r, NULL);
	else
		finish(j);
}

static void job_ended(struct http_request *req)
{
	struct job *j = req->handler_data;

	req->console->n_whatifs--;
	while (j->tallies.first) {
		struct tally *t = hash_entry(j->tallies.first, struct tally, node);

		hash_del(&j->tallies, &t->node);
		free(t);
	}
	loop_timer_free(req->console->loop, j->timer);
	suggest_free(j->suggest);
	free(j);
}

void rule_suggestions_get(struct http_request *req)
{
	uint64_t to = clock_real_us() + 1, from = to - WEEK_US;
	const char *path = http_query(req, "process.path");
	struct console *c = req->console;
	struct job *j;

	if (!http_query_time(req, "from", &from) || !http_query_time(req, "to", &to))
		return;
	if (!path || path[0] != '/') {
		http_reply_invalid(req, "process.path", "must be the path of a program");
		return;
	}
	j = c->history && c->n_whatifs < LIMIT_WHATIFS ? calloc(1, sizeof(*j)) : NULL;
	if (!j) {
		http_reply_problem(req, 503, NULL, "too many look through the history at once");
		return;
	}
	c->n_whatifs++;
	j->req = req;
	j->path = path;
	j->suggest = suggest_new(path);
	j->timer = loop_timer_new(c->loop, work, j);
	req->handler_data = j;
	req->on_end = job_ended;
	if (!j->suggest || !j->timer ||
		history_scan_begin(&j->scan, c->history, path, from, to) < 0) {
		http_reply_error(req, ERR_IO, NULL);
		return;
	}
	loop_timer_set(j->timer, 0);
	http_defer(req);
}
