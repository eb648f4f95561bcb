/* SPDX-License-Identifier: GPL-2.0-or-later */
/* POST /api/v1/explain. */
#include "config.h"

#include "api/explain.h"

#include <stdlib.h>
#include <string.h>

#include "api/configuration.h"
#include "api/connection_json.h"
#include "api/console.h"
#include "api/http.h"
#include "api/rule_book.h"
#include "api/rule_trace.h"
#include "api/sse.h"
#include "api/subject_doc.h"
#include "db/history.h"
#include "lib/clock.h"

struct explanation {
	const struct rule_lists *lists;
	json_t *steps;
	json_t *decided; /* the step that decides so far, borrowed from `steps`; NULL: none */
	const struct rule_doc *doc; /* its rule */
	bool at_once; /* nothing behind it is looked at */
	bool failed;
};

/* Why a rule takes no part; NULL where it does. */
static json_t *why_skipped(const struct rule_entry *e, uint64_t now_us)
{
	if (!e->doc->enabled)
		return json_string("it is disabled");
	if (e->expires_us && e->expires_us <= now_us)
		return json_string("it has ended");
	if (!e->doc->wire)
		return json_sprintf("it cannot be evaluated: %s",
			e->doc->problem ? e->doc->problem->message : "unknown");
	return NULL;
}

static void add_step(struct explanation *x, const struct rule_entry *e, const struct subject *s)
{
	json_t *skipped = why_skipped(e, clock_real_us()), *operands, *step;
	bool matched = false;

	operands = skipped ? json_array() : rule_trace(e->doc, x->lists, s, &matched);
	step = json_pack("{s:o, s:s, s:b, s:b, s:b, s:o, s:o}", "rule",
		http_json_text(e->doc->name, strlen(e->doc->name)), "action",
		action_str(e->doc->action), "precedence", e->doc->precedence, "matched", matched,
		"decided", 0, "skipped", skipped ? skipped : json_null(), "operands", operands);
	if (!step || json_array_append(x->steps, step) < 0)
		x->failed = true;
	json_decref(step);
	if (x->failed || !matched)
		return;
	x->decided = step;
	x->doc = e->doc;
	x->at_once = e->doc->action != ACTION_ALLOW || e->doc->precedence;
}

static const char *why(const struct explanation *x, bool asks)
{
	if (!x->doc)
		return asks ? "No rule matches: it is held, and somebody is asked."
			    : "No rule matches and nobody is there to ask: the default action "
			      "decides.";
	if (x->doc->action != ACTION_ALLOW)
		return "The first matching rule that denies or rejects decides at once.";
	if (x->doc->precedence)
		return "The first matching rule with precedence decides at once.";
	return "No matching rule denies, rejects or has precedence: the last matching one that "
	       "allows decides.";
}

json_t *explain_subject(const struct console *c, const struct subject *subject)
{
	struct explanation x = { .steps = json_array(), .lists = rule_book_lists(c->rules) };
	size_t n = rule_book_count(c->rules), i = 0;
	const struct config_values *config = config_get(c->config);
	bool asks;

	for (; i < n && !x.at_once && !x.failed; i++)
		add_step(&x, rule_book_at(c->rules, i), subject);
	if (x.decided)
		json_object_set_new(x.decided, "decided", json_true());
	if (x.failed) {
		json_decref(x.steps);
		return NULL;
	}
	asks = !x.doc && (sse_prompt_clients(c->sse) || config->prompt_without_clients);
	return json_pack("{s:s, s:s, s:o, s:s, s:b, s:o, s:I}", "action",
		action_str(x.doc ? x.doc->action : (enum action)config->default_action), "reason",
		reason_str(x.doc ? REASON_RULE : REASON_DEFAULT), "rule",
		x.doc ? http_json_text(x.doc->name, strlen(x.doc->name)) : json_null(), "why",
		why(&x, asks), "asks", asks, "steps", x.steps, "not_reached", (json_int_t)(n - i));
}

/* ---- the route */

struct recorded {
	const struct console *console;
	json_t *result;
};

/* The recorded connection, as it was decided then, beside what the rules say of it now. */
static void explain_record(void *ctx, const struct connection_record *record)
{
	struct recorded *x = ctx;
	struct subject_doc d;
	struct connection_view view;
	struct textbuf b = { 0 };

	if (subject_doc_from_record(record, &d) == 0)
		x->result = explain_subject(x->console, &d.subject);
	subject_doc_done(&d);
	connection_view_from_record(record, &view);
	connection_json_write(&b, &view);
	if (x->result && !b.failed)
		json_object_set_new(x->result, "connection", json_loadb(b.s, b.len, 0, NULL));
	textbuf_done(&b);
}

static void explain_stored(struct http_request *req, json_int_t id)
{
	struct recorded x = { .console = req->console };
	int r = history_get(req->console->history, (uint64_t)id, explain_record, &x);

	if (r == ERR_NOT_FOUND)
		http_reply_problem(req, 404, NULL, "there is no connection of this id");
	else if (r < 0 || !x.result)
		http_reply_error(req, r < 0 ? r : ERR_NOMEM, NULL);
	else
		http_reply_json(req, 200, x.result);
}

void explain_post(struct http_request *req)
{
	const json_t *stored = json_object_get(req->body, "connection");
	struct subject_doc d;
	struct error err = { 0 };
	json_t *result;
	int r;

	if (json_is_integer(stored) && json_object_size(req->body) == 1) {
		explain_stored(req, json_integer_value(stored));
		return;
	}
	if (stored) {
		http_reply_invalid(req, "connection",
			"must be the id of a recorded connection, alone; a described one stands "
			"without it");
		return;
	}
	r = subject_doc_read(req->body, "", &d, &err);
	result = r == 0 ? explain_subject(req->console, &d.subject) : NULL;
	subject_doc_done(&d);
	if (result)
		http_reply_json(req, 200, result);
	else
		http_reply_error(req, r < 0 ? r : ERR_NOMEM, &err);
}
