/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /api/v1/prompts: what waits, and answering it. */
#include "config.h"

#include "api/prompts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/configuration.h"
#include "api/connection_filter.h"
#include "api/console.h"
#include "api/http.h"
#include "api/ipc_client.h"
#include "api/loop.h"
#include "api/prompt_table.h"
#include "api/rule_book.h"
#include "api/sse.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"

#define ANSWER_WAIT_MS 10000
#define OUTDATED_MAX 8 /* rules told with a prompt whose program changed */

/* An answer on its way to the engine. */
struct answer {
	struct answer *next;
	struct prompts *prompts;
	uint64_t request;
	uint64_t prompt_id;
	uint64_t until_ns; /* CLOCK_MONOTONIC */
	enum action action;
	char rule[LIMIT_RULE_NAME + 1]; /* made for it; empty: none */
	struct http_request *req; /* NULL: its client went away */
};

struct prompts {
	struct console *console;
	struct prompt_table table;
	struct answer *answers;
	uint64_t last_request;
	struct timer *timer;
};

static const char *default_duration(const struct prompts *p)
{
	return rule_duration_names[config_get(p->console->config)->default_duration];
}

/* ---- what the engine tells */

void prompts_hello(struct prompts *p, const struct ipc_hello *msg)
{
	p->table.from = msg->prompts_from;
	p->table.to = msg->prompts_to;
}

/* Rules on this program that were made for another executable than the one that asks now. */
static void find_outdated(struct prompts *p, struct prompt_entry *e)
{
	const struct ipc_process *process = &e->msg->connection.process;
	const char *names[OUTDATED_MAX];
	struct textbuf b = { 0 };
	struct text path;
	unsigned n = 0;

	path.s = ipc_get(e->msg, process->path, &path.len);
	if (process->exe.inode)
		n = rule_book_outdated(p->console->rules, path, &process->exe, names, OUTDATED_MAX);
	free(e->outdated);
	e->outdated = NULL;
	if (!n)
		return;
	textbuf_puts(&b, "{\"rules\":[");
	for (unsigned i = 0; i < n; i++) {
		textbuf_puts(&b, i ? "," : "");
		textbuf_json(&b, names[i], strlen(names[i]));
	}
	textbuf_puts(&b, "],\"changed\":");
	textbuf_json_time(&b, (uint64_t)process->exe.ctime_ns / 1000);
	textbuf_puts(&b, "}");
	e->outdated = b.failed ? NULL : strndup(b.s, b.len);
	textbuf_done(&b);
}

void prompts_told(struct prompts *p, const struct ipc_prompt *msg)
{
	struct textbuf b = { 0 };
	bool is_new;
	struct prompt_entry *e = prompt_table_put(&p->table, msg, &is_new);

	if (!e)
		return;
	find_outdated(p, e);
	prompt_json_write(&b, e, default_duration(p));
	if (!b.failed)
		sse_publish_text(p->console->sse, is_new ? SSE_PROMPT_OPENED : SSE_PROMPT_UPDATED,
			b.s, b.len);
	textbuf_done(&b);
}

void prompts_closed(struct prompts *p, const struct ipc_prompt_closed *msg)
{
	prompt_table_end(&p->table, msg->id);
	sse_publish(p->console->sse, SSE_PROMPT_CLOSED,
		json_pack("{s:I, s:s, s:s, s:i}", "id", (json_int_t)msg->id, "end",
			prompt_end_str((enum prompt_end)msg->end), "action",
			action_str((enum action)msg->action), "released", (int)msg->released));
}

void prompts_greet(struct prompts *p, struct sse_client *client)
{
	struct prompt_entry *e, *tmp;
	struct textbuf b = { 0 };

	HASH_ITER (hh, p->table.open, e, tmp) {
		textbuf_clear(&b);
		prompt_json_write(&b, e, default_duration(p));
		if (!b.failed)
			sse_greet(client, SSE_PROMPT_OPENED, b.s, b.len);
	}
	textbuf_done(&b);
}

/* ---- answers on their way */

/* Takes an answer off the list, and its request with it (NULL where the client is gone). */
static struct http_request *take_answer(struct prompts *p, struct answer *a)
{
	struct http_request *req = a->req;

	for (struct answer **link = &p->answers; *link; link = &(*link)->next)
		if (*link == a) {
			*link = a->next;
			break;
		}
	if (req) {
		req->on_end = NULL;
		req->handler_data = NULL;
	}
	return req;
}

static void client_gone(struct http_request *req)
{
	struct answer *a = req->handler_data;

	a->req = NULL;
}

/* The answer came to nothing: neither may its rule. */
static void take_rule_back(struct prompts *p, const char *rule)
{
	struct error err = { 0 };
	int r = *rule ? rule_book_delete(p->console->rules, rule, &err) : 0;

	if (r < 0 && r != ERR_NOT_FOUND)
		log_warning(
			"rule '%s' of an answer that came too late stays: %s", rule, err.message);
}

static json_t *rule_json(struct prompts *p, const char *name)
{
	const struct rule_entry *rule = *name ? rule_book_find(p->console->rules, name) : NULL;

	return rule ? rule_book_json(rule) : json_null();
}

static void reply_gone(struct http_request *req)
{
	http_reply_problem(req, 410, "prompt-gone", "the prompt is over: answered, or out of time");
}

void prompts_answer_result(struct prompts *p, const struct ipc_answer_result *msg)
{
	struct answer *a = p->answers;
	struct prompt_entry *e = prompt_table_find(&p->table, msg->prompt_id);
	struct http_request *req;

	while (a && a->request != msg->request)
		a = a->next;
	if (!a)
		return;
	if (e)
		e->answering = false;
	req = take_answer(p, a);
	if (msg->error) {
		take_rule_back(p, a->rule);
		if (req)
			reply_gone(req);
	} else if (req) {
		snprintf(req->made, sizeof(req->made), "%s", a->rule);
		http_reply_json(req, 200,
			json_pack("{s:I, s:s, s:i, s:o}", "id", (json_int_t)a->prompt_id, "action",
				action_str(a->action), "released", (int)msg->released, "rule",
				rule_json(p, a->rule)));
	}
	free(a);
}

/* An engine that says nothing for so long is in trouble: the client shall know. */
static void expire_answers(void *ctx)
{
	struct prompts *p = ctx;
	uint64_t now = clock_mono_ns();
	struct answer *next;

	for (struct answer *a = p->answers; a; a = next) {
		struct prompt_entry *e = prompt_table_find(&p->table, a->prompt_id);
		struct http_request *req;

		next = a->next;
		if (a->until_ns > now)
			continue;
		if (e)
			e->answering = false;
		req = take_answer(p, a);
		take_rule_back(p, a->rule);
		if (req)
			http_reply_problem(req, 503, NULL, "the engine does not answer");
		free(a);
	}
	if (p->answers)
		loop_timer_set(p->timer, 1000);
}

/* ---- a new answer */

/* What a request asks for, checked as far as possible without the rules. */
struct wish {
	enum action action;
	enum rule_duration duration;
	const json_t *match; /* or NULL */
	const json_t *rule; /* a whole rule, or NULL */
};

static bool read_action(
	struct http_request *req, const json_t *from, const char *field, enum action *ret)
{
	const char *text = json_string_value(json_object_get(from, "action"));

	if (text && action_parse(text, ret))
		return true;
	http_reply_invalid(req, field, "must be \"allow\", \"deny\" or \"reject\"");
	return false;
}

static bool read_duration(struct http_request *req, enum rule_duration *ret)
{
	const json_t *json = json_object_get(req->body, "duration");
	const char *text = json_string_value(json);

	*ret = (enum rule_duration)config_get(req->console->config)->default_duration;
	if (!json || (text && rule_duration_parse(text, ret)))
		return true;
	http_reply_invalid(req, "duration",
		"must be once, 30s, 5m, 15m, 30m, 1h, 12h, \"until restart\" or always");
	return false;
}

static bool read_wish(struct http_request *req, struct wish *ret)
{
	static const char *const known[] = { "action", "duration", "match", "rule", NULL };
	enum action action;

	if (!http_body_known(req, known))
		return false;
	ret->rule = json_object_get(req->body, "rule");
	ret->match = json_object_get(req->body, "match");
	if (!ret->rule) {
		if (ret->match && !json_is_array(ret->match)) {
			http_reply_invalid(req, "match", "must be a list of field names");
			return false;
		}
		return read_action(req, req->body, "action", &ret->action) &&
		       read_duration(req, &ret->duration);
	}
	if (ret->match || json_object_get(req->body, "duration")) {
		http_reply_invalid(
			req, ret->match ? "match" : "duration", "does not go with a whole rule");
		return false;
	}
	if (!read_action(req, ret->rule, "rule.action", &ret->action))
		return false;
	if (!json_object_get(req->body, "action"))
		return true;
	if (!read_action(req, req->body, "action", &action))
		return false;
	if (action == ret->action)
		return true;
	http_reply_invalid(req, "action", "is not the rule's");
	return false;
}

/* Puts "rule." before the place of an error. */
static void in_rule(struct error *err)
{
	char place[sizeof(err->place)];

	snprintf(place, sizeof(place), "rule%s%.*s", err->place[0] ? "." : "",
		(int)sizeof(place) - 8, err->place);
	memcpy(err->place, place, sizeof(place));
}

/* Stores the rule of an answer and writes its name into `name` ("" for once); false after a refusal. */
static bool make_rule(struct http_request *req, const struct prompt_entry *e,
	const struct wish *wish, char name[static LIMIT_RULE_NAME + 1])
{
	struct rule_book *book = req->console->rules;
	const struct rule_entry *rule = NULL;
	struct rule_doc *doc;
	struct error err = { 0 };
	int r;

	name[0] = '\0';
	if (wish->rule) {
		r = rule_doc_new(
			wish->rule, rule_book_aliases(book), NULL, RULE_DOC_STRICT, &doc, &err);
		if (r == 0)
			r = rule_book_create(
				book, doc, RULE_FROM_PROMPT, RULE_SEND_LATER, &rule, &err);
		if (r < 0)
			in_rule(&err);
	} else {
		struct rule_answer answer = { &e->msg->connection, wish->action, wish->duration,
			wish->match };

		r = rule_book_from_answer(book, &answer, &rule, &err);
	}
	if (r < 0) {
		http_reply_error(req, r, &err);
		return false;
	}
	if (rule)
		snprintf(name, LIMIT_RULE_NAME + 1, "%s", rule->doc->name);
	return true;
}

static bool send_answer(struct prompts *p, struct answer *a)
{
	struct console *c = p->console;
	int r = *a->rule ? console_send_ruleset(c, a->prompt_id) : 0;

	a->request = ++p->last_request;
	a->until_ns = clock_mono_ns() + ANSWER_WAIT_MS * UINT64_C(1000000);
	if (r == 0)
		r = ipc_client_send_answer(
			c->ipc, a->request, a->prompt_id, (uint8_t)a->action, a->rule);
	return r == 0;
}

static void start_answer(struct http_request *req, struct prompt_entry *e, const struct wish *wish)
{
	struct prompts *p = req->console->prompts;
	struct answer *a = calloc(1, sizeof(*a));

	if (!a) {
		http_reply_error(req, ERR_NOMEM, NULL);
		return;
	}
	if (!make_rule(req, e, wish, a->rule)) {
		free(a);
		return;
	}
	a->prompts = p;
	a->prompt_id = e->id;
	a->action = wish->action;
	if (!send_answer(p, a)) {
		take_rule_back(p, a->rule);
		free(a);
		http_reply_problem(req, 503, NULL, "the engine cannot be reached");
		return;
	}
	e->answering = true;
	a->req = req;
	a->next = p->answers;
	p->answers = a;
	req->handler_data = a;
	req->on_end = client_gone;
	http_defer(req);
	loop_timer_set(p->timer, 1000);
}

/* The open prompt that the path names; NULL after 404 or 410. */
static struct prompt_entry *find_prompt(struct http_request *req)
{
	struct prompt_table *t = &req->console->prompts->table;
	struct prompt_entry *e;
	uint64_t id;

	if (!http_param_number(req, 0, &id))
		return NULL;
	e = prompt_table_find(t, id);
	if (e)
		return e;
	if (prompt_table_has_ended(t, id))
		reply_gone(req);
	else
		http_reply_problem(req, 404, NULL, "there is no such prompt");
	return NULL;
}

/* ---- handlers */

void prompts_answer(struct http_request *req)
{
	struct prompt_entry *e = find_prompt(req);
	struct wish wish = { 0 };

	if (!e)
		return;
	if (e->answering) {
		reply_gone(req);
		return;
	}
	if (read_wish(req, &wish))
		start_answer(req, e, &wish);
}

void prompts_get(struct http_request *req)
{
	struct prompt_entry *e = find_prompt(req);
	struct textbuf b = { 0 };
	json_t *json;

	if (!e)
		return;
	prompt_json_write(&b, e, default_duration(req->console->prompts));
	json = b.failed ? NULL : json_loadb(b.s, b.len, 0, NULL);
	textbuf_done(&b);
	http_reply_resource(req, 200, json, NULL);
}

/* Ids ascend, so their order is that of opening, and a cursor (an id) stays right while prompts come and go. */
static bool read_place(struct http_request *req, const struct http_page *page, uint64_t *ret)
{
	char *end;

	if (!page->has_cursor)
		return true;
	*ret = strtoull(page->cursor, &end, 10);
	if (end != page->cursor && *end == '\0')
		return true;
	http_reply_invalid(req, "cursor", "is not one that this server gave");
	return false;
}

void prompts_list(struct http_request *req)
{
	static const char *const keys[] = { "opened", NULL };
	struct prompts *p = req->console->prompts;
	const struct prompt_entry *all[LIMIT_PROMPTS], *last = NULL;
	struct connection_filter filter;
	struct prompt_entry *e, *tmp;
	struct textbuf b = { 0 };
	struct http_page page;
	uint64_t place = 0;
	unsigned key = 0, n = 0, count = 0;
	bool descending = false, more = false;
	char next[24] = "";
	char *text;
	size_t len;

	if (!http_page_read(req, &page) || !http_query_sort(req, keys, &key, &descending) ||
		!connection_filter_read(req, &filter) || !read_place(req, &page, &place))
		return;
	HASH_ITER (hh, p->table.open, e, tmp)
		if (n < LIMIT_PROMPTS && connection_filter_takes(&filter, &e->msg->connection))
			all[n++] = e;
	textbuf_puts(&b, "{\"items\":[");
	for (unsigned i = 0; i < n && !more; i++) {
		const struct prompt_entry *at = all[descending ? n - 1 - i : i];

		if (page.has_cursor && (descending ? at->id >= place : at->id <= place))
			continue;
		more = count == page.limit;
		if (more)
			break;
		textbuf_puts(&b, count++ ? "," : "");
		prompt_json_write(&b, at, default_duration(p));
		last = at;
	}
	if (last)
		snprintf(next, sizeof(next), "%llu", (unsigned long long)last->id);
	textbuf_puts(&b, "],\"next\":");
	textbuf_json_cursor(&b, more ? next : NULL);
	textbuf_puts(&b, "}");
	text = textbuf_steal(&b, &len);
	http_reply_json_text(req, 200, text, len);
}

struct prompts *prompts_new(struct console *c)
{
	struct prompts *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->console = c;
	p->timer = loop_timer_new(c->loop, expire_answers, p);
	if (!p->timer) {
		free(p);
		return NULL;
	}
	return p;
}

void prompts_free(struct prompts *p)
{
	if (!p)
		return;
	while (p->answers) {
		struct answer *a = p->answers;

		(void)take_answer(p, a);
		free(a);
	}
	loop_timer_free(p->console->loop, p->timer);
	prompt_table_clear(&p->table);
	free(p);
}
