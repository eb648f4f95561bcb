/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recording, telling and reverting changes of rules. */
#include "config.h"

#include "api/rule_history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/console.h"
#include "api/http.h"
#include "api/log_page.h"
#include "api/rules.h"
#include "db/rule_changes.h"
#include "lib/clock.h"
#include "lib/log.h"

/* ---- recording */

static void name_author(
	const struct console *c, const struct rule_entry *rule, struct rule_change *ret)
{
	if (c->caller) {
		ret->by_kind = caller_kind_str(c->caller->kind);
		ret->by_name = c->caller->user;
		/* Without a name of its own its kind says it all. */
		if (strcmp(ret->by_name, ret->by_kind) == 0)
			ret->by_name = NULL;
	} else if (rule->file) {
		ret->by_kind = "file";
		ret->by_name = rule->file;
	} else {
		ret->by_kind = "clock";
	}
}

void rule_history_record(struct console *c, enum rule_event what, const struct rule_entry *rule,
	const struct rule_doc *before)
{
	struct rule_change change = { .time_us = clock_real_us(), .name = rule->doc->name };
	struct error err = { 0 };

	name_author(c, rule, &change);
	switch (what) {
	case RULE_CREATED:
		change.kind = before ? "renamed" : "created";
		break;
	case RULE_UPDATED:
		change.kind = "updated";
		break;
	case RULE_DELETED:
		change.kind = "deleted";
		before = rule->doc;
		break;
	}
	if (what == RULE_CREATED && rule->source == RULE_FROM_PROMPT)
		change.via = rule_source_str(RULE_FROM_PROMPT);
	change.before = before ? before->text : NULL;
	change.after = what == RULE_DELETED ? NULL : rule->doc->text;
	if (rule_changes_add(c->store, &change, &err) < 0)
		log_warning("a change of a rule is not in its history: %s", err.message);
}

/* ---- telling */

static json_t *doc_json(const char *text)
{
	json_t *doc = text ? json_loads(text, 0, NULL) : NULL;

	return doc ? doc : json_null();
}

static json_t *text_or_null(const char *s)
{
	return s ? http_json_text(s, strlen(s)) : json_null();
}

static int add_change(void *ctx, const struct rule_change *c)
{
	struct log_page *page = ctx;

	if (!log_page_has_room(page))
		return 1;
	log_page_add(page, c->id,
		json_pack("{s:I, s:o, s:o, s:s, s:{s:s, s:o}, s:o, s:o, s:o}", "id",
			(json_int_t)c->id, "time", http_json_time(c->time_us), "rule",
			text_or_null(c->name), "change", c->kind, "by", "kind", c->by_kind, "name",
			text_or_null(c->by_name), "via", text_or_null(c->via), "before",
			doc_json(c->before), "after", doc_json(c->after)));
	return 0;
}

static int found_one(void *ctx, const struct rule_change *c)
{
	(void)ctx, (void)c;
	return 1;
}

/* A rule of this name, or a change of one. */
static bool is_known(const struct console *c, const char *name)
{
	const struct rule_change_filter any = { .name = name };

	return rule_book_find(c->rules, name) ||
	       rule_changes_each(c->store, &any, found_one, NULL) > 0;
}

void rule_history_get(struct http_request *req)
{
	static const char *const kinds[] = { "created", "updated", "renamed", "deleted", NULL };
	static const char *const by_kinds[] = { "token", "session", "user", "file", "clock", NULL };
	struct rule_change_filter f = { .name = req->param[0],
		.by_name = http_query(req, "by.name") };
	struct log_page page;
	int r;

	if (!http_query_word(req, "change", kinds, &f.kind) ||
		!http_query_word(req, "by.kind", by_kinds, &f.by_kind) ||
		!log_page_read(req, &page))
		return;
	f.span = page.span;
	r = rule_changes_each(req->console->store, &f, add_change, &page);
	if (r < 0) {
		json_decref(page.items);
		http_reply_error(req, r, NULL);
	} else if (!json_array_size(page.items) && !is_known(req->console, f.name)) {
		json_decref(page.items);
		http_reply_problem(req, 404, NULL, "there is and was no rule of this name");
	} else {
		log_page_reply(req, &page, 0);
	}
}

/* ---- the way back */

struct wanted {
	json_int_t id; /* 0: the newest */
	bool found;
	char *before; /* owned; NULL: there was no rule */
	bool failed;
};

static int find_change(void *ctx, const struct rule_change *c)
{
	struct wanted *w = ctx;

	if (w->id && c->id != (uint64_t)w->id)
		return 0;
	w->found = true;
	w->before = c->before ? strdup(c->before) : NULL;
	w->failed = c->before && !w->before;
	return 1;
}

/* There was no rule before the change: away with it. */
static void revert_to_nothing(struct http_request *req, const struct rule_entry *now)
{
	struct error err = { 0 };
	int r;

	if (!now) {
		http_reply_problem(req, 409, NULL,
			"there was no rule before this change, and there is none now");
		return;
	}
	r = rule_book_delete(req->console->rules, now->doc->name, &err);
	if (r < 0)
		http_reply_error(req, r, &err);
	else
		http_reply_empty(req);
}

static void revert_to(struct http_request *req, const struct rule_entry *now, const char *before)
{
	struct rule_book *book = req->console->rules;
	const struct rule_entry *e = NULL;
	struct rule_doc *doc = NULL;
	struct error err = { 0 };
	int r = rule_doc_parse(before, strlen(before), rule_book_aliases(book), req->param[0],
		RULE_DOC_KEEP, &doc, &err);

	if (r == 0 && now)
		r = rule_book_replace(book, now->doc->name, doc, &e, &err);
	else if (r == 0)
		r = rule_book_create(book, doc, RULE_FROM_API, RULE_SEND_NOW, &e, &err);
	if (r < 0)
		http_reply_error(req, r, &err);
	else
		rules_reply(req, 200, e);
}

static bool read_wanted(struct http_request *req, struct wanted *ret)
{
	static const char *const known[] = { "change", NULL };
	const json_t *id = json_object_get(req->body, "change");

	if (!http_body_known(req, known))
		return false;
	ret->id = json_integer_value(id);
	if (!id || (json_is_integer(id) && ret->id > 0))
		return true;
	http_reply_invalid(req, "change", "must be the id of a change of this rule");
	return false;
}

void rule_history_revert(struct http_request *req)
{
	struct wanted w = { 0 };
	const struct rule_change_filter f = { .name = req->param[0] };
	const struct rule_entry *now;
	json_t *json;
	bool good;
	int r;

	if (!read_wanted(req, &w))
		return;
	r = rule_changes_each(req->console->store, &f, find_change, &w);
	if (r < 0 || w.failed) {
		http_reply_error(req, r < 0 ? r : ERR_NOMEM, NULL);
		return;
	}
	if (!w.found) {
		http_reply_problem(req, 404, NULL, "no such change of this rule is recorded");
		return;
	}
	now = rule_book_find(req->console->rules, req->param[0]);
	json = now ? rule_book_json_stable(now) : NULL;
	good = !now || http_if_match(req, json);
	json_decref(json);
	if (good && w.before)
		revert_to(req, now, w.before);
	else if (good)
		revert_to_nothing(req, now);
	free(w.before);
}
