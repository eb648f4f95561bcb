/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trying rules before they are in force. */
#include "config.h"

#include "api/rule_test.h"

#include <stdlib.h>
#include <string.h>

#include "api/console.h"
#include "api/http.h"
#include "api/lists.h"
#include "api/loop.h"
#include "api/reply.h"
#include "api/rule_book.h"
#include "api/rule_trace.h"
#include "api/subject_doc.h"
#include "api/textbuf.h"
#include "api/whatif.h"
#include "lib/cleanup.h"
#include "lib/clock.h"

#define SLICE_NS 8000000u /* of one turn of the loop */
#define PROGRESS_NS 200000000u
#define DAY_US (24 * UINT64_C(3600000000))
#define NDJSON "application/x-ndjson"

/* ---- the request */

struct wish {
	struct rule_doc *doc; /* owned; NULL: none */
	struct whatif_candidate candidate;
	struct lists_trial *lists; /* owned */
	struct rule_lists finder;
	const json_t *connection; /* NULL: the history */
	uint64_t from_us, to_us;
};

static bool read_name(struct http_request *req, const char *field, const char **ret)
{
	const json_t *v = json_object_get(req->body, field);
	const char *name = json_string_value(v);

	if (!v || json_is_null(v))
		return true;
	if (!name) {
		http_reply_invalid(req, field, "must be the name of a rule");
		return false;
	}
	if (!rule_book_find(req->console->rules, name)) {
		http_reply_invalid(req, field, "there is no rule of this name");
		return false;
	}
	*ret = name;
	return true;
}

static bool read_time(struct http_request *req, const char *field, uint64_t *ret)
{
	const json_t *v = json_object_get(req->body, field);
	const char *text = json_string_value(v);

	if (!v || json_is_null(v) || (text && clock_parse(text, ret) == 0))
		return true;
	http_reply_invalid(req, field, "must be a time as RFC 3339 writes it");
	return false;
}

/* Puts "rule." before the place of an error. */
static void reply_rule_error(struct http_request *req, int code, const struct error *err)
{
	struct error placed = *err;

	snprintf(placed.place, sizeof(placed.place), "rule%s%.*s", *err->place ? "." : "",
		(int)sizeof(placed.place) - 8, err->place);
	http_reply_error(req, code, &placed);
}

static bool read_rule(struct http_request *req, struct wish *w)
{
	const json_t *rule = json_object_get(req->body, "rule");
	struct error err = { 0 };
	int r;

	if (!rule || json_is_null(rule))
		return true;
	r = rule_doc_new(
		rule, rule_book_aliases(req->console->rules), NULL, RULE_DOC_STRICT, &w->doc, &err);
	if (r < 0) {
		reply_rule_error(req, r, &err);
		return false;
	}
	w->lists = lists_trial_new(req->console->lists, w->doc);
	if (!w->lists) {
		http_reply_error(req, ERR_NOMEM, NULL);
		return false;
	}
	w->finder = lists_trial_finder(w->lists);
	w->candidate.doc = w->doc;
	w->candidate.lists = &w->finder;
	if (rule_book_find(req->console->rules, w->doc->name))
		w->candidate.replaces = w->doc->name;
	return true;
}

static bool read_wish(struct http_request *req, struct wish *w)
{
	static const char *const known[] = { "rule", "replaces", "remove", "connection", "from",
		"to", NULL };
	const char *replaces = NULL, *removed = NULL;

	w->to_us = clock_real_us() + 1;
	w->from_us = w->to_us - DAY_US;
	if (!http_body_known(req, known) || !read_rule(req, w) ||
		!read_name(req, "replaces", &replaces) || !read_name(req, "remove", &removed) ||
		!read_time(req, "from", &w->from_us) || !read_time(req, "to", &w->to_us))
		return false;
	if (removed && (w->doc || replaces)) {
		http_reply_invalid(req, "remove", "stands alone: without a rule");
		return false;
	}
	if (replaces && !w->doc) {
		http_reply_invalid(req, "replaces", "needs a rule that comes in its place");
		return false;
	}
	if (replaces || removed)
		w->candidate.replaces = replaces ? replaces : removed;
	w->connection = json_object_get(req->body, "connection");
	if (json_is_null(w->connection))
		w->connection = NULL;
	return true;
}

static void cleanup_wish(struct wish *w)
{
	lists_trial_free(w->lists);
	rule_doc_free(w->doc);
}

/* ---- against one connection */

static json_t *decide(const struct rule_book *book, const struct whatif_candidate *candidate,
	const struct subject *subject, struct error *err)
{
	struct ruleset *rs = NULL;
	struct ruleset_match m;
	json_t *json = NULL;

	if (whatif_ruleset(book, candidate, &rs, err) < 0)
		return NULL;
	json = ruleset_decide(rs, subject, 0, &m)
		       ? json_pack("{s:s, s:o}", "action", action_str(m.action), "rule",
				 http_json_text(m.rule.s, m.rule.len))
		       : json_pack("{s:s, s:n}", "action", "ask", "rule");
	ruleset_free(rs);
	return json;
}

static void test_subject(
	struct http_request *req, const struct wish *w, const struct subject *subject)
{
	struct error err = { .code = ERR_NOMEM };
	const struct rule_book *book = req->console->rules;
	json_t *before = decide(book, NULL, subject, &err);
	json_t *after = before ? decide(book, &w->candidate, subject, &err) : NULL;
	json_t *operands = NULL;
	bool matched = false;

	if (!after) {
		json_decref(before);
		http_reply_error(req, err.code, &err);
		return;
	}
	if (w->doc && w->doc->wire)
		operands = rule_trace(w->doc, &w->finder, subject, &matched);
	http_reply_json(req, 200,
		json_pack("{s:o, s:o, s:b, s:o, s:o}", "matched",
			w->doc ? json_boolean(matched && w->doc->enabled) : json_null(), "operands",
			operands ? operands : json_array(), "changes", !json_equal(before, after),
			"before", before, "after", after));
}

static void test_connection(struct http_request *req, const struct wish *w)
{
	struct error err = { 0 };
	struct subject_doc d;
	int r = subject_doc_read(w->connection, "connection", &d, &err);

	if (r < 0)
		http_reply_error(req, r, &err);
	else
		test_subject(req, w, &d.subject);
	subject_doc_done(&d);
}

/* ---- against the history */

struct job {
	struct http_request *req;
	struct whatif *whatif;
	struct timer *timer;
	bool streams;
	bool waiting; /* the stream has given all */
	bool done;
	struct textbuf pending; /* text of which `sent` bytes went out */
	size_t sent;
	uint64_t told_ns;
};

/* One line for the client; takes `json`. */
static void add_line(struct job *j, json_t *json)
{
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	j->pending.failed |= !text;
	textbuf_puts(&j->pending, text ? text : "");
	textbuf_puts(&j->pending, "\n");
	if (j->waiting) {
		j->waiting = false;
		http_stream_wake(j->req);
	}
}

static void finish(struct job *j, int code)
{
	j->done = true;
	if (j->streams)
		add_line(j, code < 0 ? json_pack("{s:b, s:s}", "done", 1, "error", err_str(code))
				     : whatif_result(j->whatif));
	else if (code < 0)
		http_reply_error(j->req, code, NULL);
	else
		http_reply_json(j->req, 200, whatif_result(j->whatif));
}

static void work(void *ctx)
{
	struct job *j = ctx;
	int r = whatif_step(j->whatif, SLICE_NS);
	uint64_t now = clock_mono_ns();

	if (r <= 0) {
		finish(j, r);
		return;
	}
	if (j->streams && now - j->told_ns >= PROGRESS_NS) {
		j->told_ns = now;
		add_line(j, whatif_progress(j->whatif));
	}
	loop_timer_set(j->timer, 0);
}

static ssize_t read_job(void *ctx, char *buf, size_t max)
{
	struct job *j = ctx;
	size_t n = j->pending.len - j->sent;

	if (j->pending.failed)
		return -1;
	if (n > max)
		n = max;
	if (!n && j->done)
		return -1;
	j->waiting = n == 0;
	if (!n)
		return 0;
	memcpy(buf, j->pending.s + j->sent, n);
	j->sent += n;
	if (j->sent == j->pending.len) {
		textbuf_clear(&j->pending);
		j->sent = 0;
	}
	return (ssize_t)n;
}

static void job_ended(struct http_request *req)
{
	struct job *j = req->handler_data;

	req->console->n_whatifs--;
	loop_timer_free(req->console->loop, j->timer);
	whatif_free(j->whatif);
	textbuf_done(&j->pending);
	free(j);
}

static void test_history(struct http_request *req, const struct wish *w)
{
	const char *accept = http_header(req, "Accept");
	struct console *c = req->console;
	struct error err = { .code = ERR_NOMEM };
	struct job *j;
	int r;

	if (c->n_whatifs >= LIMIT_WHATIFS || !c->history) {
		http_reply_problem(req, 503, NULL,
			c->history ? "too many tests run at once" : "there is no history");
		return;
	}
	j = calloc(1, sizeof(*j));
	r = j ? whatif_new(c, &w->candidate, w->from_us, w->to_us, &j->whatif, &err) : ERR_NOMEM;
	if (r == 0) {
		j->timer = loop_timer_new(c->loop, work, j);
		r = j->timer ? 0 : ERR_NOMEM;
	}
	if (r < 0) {
		if (j)
			whatif_free(j->whatif);
		free(j);
		http_reply_error(req, r, &err);
		return;
	}
	j->req = req;
	j->streams = accept && strstr(accept, NDJSON);
	c->n_whatifs++;
	req->handler_data = j;
	req->on_end = job_ended;
	loop_timer_set(j->timer, 0);
	if (j->streams)
		http_reply_stream(req, NDJSON, read_job, j);
	else
		http_defer(req);
}

void rule_test_post(struct http_request *req)
{
	struct wish w __attribute__((cleanup(cleanup_wish))) = { 0 };

	if (!read_wish(req, &w))
		return;
	if (w.connection)
		test_connection(req, &w);
	else
		test_history(req, &w);
}
