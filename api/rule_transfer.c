/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Export and import of rules. */
#include "config.h"

#include "api/rule_transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/console.h"
#include "api/http.h"
#include "api/pattern_notes.h"
#include "api/rule_book.h"
#include "db/store.h"
#include "lib/cleanup.h"
#include "lib/log.h"

#define ERRORS_MAX 100 /* told of one import */

void rules_export(struct http_request *req)
{
	const struct rule_book *b = req->console->rules;
	json_t *list = json_array();

	for (size_t i = 0; list && i < rule_book_count(b); i++) {
		if (json_array_append_new(list, rule_doc_json(rule_book_at(b, i)->doc)) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	http_reply_header(
		req, "Content-Disposition", "attachment; filename=\"opensnitch-rules.json\"");
	http_reply_json(req, 200, list);
}

/* ---- import */

struct item {
	struct rule_doc *doc; /* owned until it is in the book */
	char *name;
	struct rule_doc *old; /* what it replaced, owned; NULL: the name was free */
	bool is_done;
};

struct import {
	struct rule_book *book;
	struct item *items;
	size_t n;
	bool replace, dry_run;
	json_t *errors, *conflicts, *warnings;
	struct error *err; /* borrowed */
};

static void import_done(struct import *im)
{
	for (size_t i = 0; i < im->n; i++) {
		rule_doc_free(im->items[i].doc);
		rule_doc_free(im->items[i].old);
		free(im->items[i].name);
	}
	free(im->items);
	json_decref(im->errors);
	json_decref(im->conflicts);
	json_decref(im->warnings);
}

static void add_place(json_t *list, size_t i, const char *place, const char *message)
{
	char field[160];

	if (json_array_size(list) >= ERRORS_MAX)
		return;
	snprintf(field, sizeof(field), "[%zu]%s%.100s", i, *place ? "." : "", place);
	json_array_append_new(
		list, json_pack("{s:o, s:o}", "field", http_json_text(field, strlen(field)),
			      "message", http_json_text(message, strlen(message))));
}

struct noting {
	struct import *im;
	size_t i;
};

static void on_note(void *ctx, const char *place, const char *what)
{
	struct noting *n = ctx;

	add_place(n->im->warnings, n->i, place, what);
}

static bool is_earlier(const struct import *im, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (im->items[k].name && strcmp(im->items[k].name, im->items[i].name) == 0)
			return true;
	return false;
}

static int check_item(struct import *im, size_t i, const json_t *json)
{
	struct item *item = &im->items[i];
	struct error err = { 0 };
	json_t *doc;
	int r = rule_doc_new(
		json, rule_book_aliases(im->book), NULL, RULE_DOC_STRICT, &item->doc, &err);

	if (r == ERR_NOMEM)
		return r;
	if (r < 0) {
		add_place(im->errors, i, err.place, err.message);
		return 0;
	}
	item->name = strdup(item->doc->name);
	if (!item->name)
		return ERR_NOMEM;
	if (item->doc->duration == DURATION_ONCE)
		add_place(im->errors, i, "duration", "'once' answers one prompt and makes no rule");
	if (is_earlier(im, i))
		add_place(im->errors, i, "name", "stands twice in this list");
	else if (!im->replace && rule_book_find(im->book, item->name))
		add_place(im->conflicts, i, "name", "there is a rule of this name already");
	doc = rule_doc_json(item->doc);
	pattern_notes(json_object_get(doc, "operator"), on_note, &(struct noting) { im, i });
	json_decref(doc);
	return 0;
}

static int check_all(struct import *im, const json_t *list)
{
	int r = 0;

	im->items = calloc(json_array_size(list) + 1, sizeof(*im->items));
	if (!im->items || !im->errors || !im->conflicts || !im->warnings)
		return ERR_NOMEM;
	im->n = json_array_size(list);
	for (size_t i = 0; r == 0 && i < im->n; i++)
		r = check_item(im, i, json_array_get(list, i));
	return r;
}

static int put_item(struct import *im, struct item *item, struct error *err)
{
	const struct rule_entry *there = rule_book_find(im->book, item->name);
	struct rule_doc *doc = steal_ptr(item->doc);
	int r = 0;

	if (there)
		r = rule_doc_parse(there->doc->text, strlen(there->doc->text),
			rule_book_aliases(im->book), NULL, RULE_DOC_KEEP, &item->old, err);
	if (r < 0) {
		rule_doc_free(doc);
		return r;
	}
	if (there)
		r = rule_book_replace(im->book, item->name, doc, NULL, err);
	else
		r = rule_book_create(im->book, doc, RULE_FROM_API, RULE_SEND_NOW, NULL, err);
	item->is_done = r == 0;
	return r;
}

/* Takes everything back that was done, the last first. */
static void take_back(struct import *im)
{
	struct error err = { 0 };

	rule_book_hold(im->book);
	for (size_t i = im->n; i-- > 0;) {
		struct item *item = &im->items[i];
		int r = 0;

		if (!item->is_done)
			continue;
		item->is_done = false;
		if (item->old)
			r = rule_book_replace(
				im->book, item->name, steal_ptr(item->old), NULL, &err);
		else
			r = rule_book_delete(im->book, item->name, &err);
		if (r < 0)
			log_error("rule '%s' of an import that failed stays: %s", item->name,
				err.message);
	}
	if (rule_book_release(im->book, &err) < 0)
		log_error("an import that failed may come back: %s", err.message);
}

/* In one transaction of the database. */
static int put_all(void *ctx)
{
	struct import *im = ctx;
	int r = 0, synced;

	rule_book_hold(im->book);
	for (size_t i = 0; r == 0 && i < im->n; i++) {
		r = put_item(im, &im->items[i], im->err);
		if (r < 0) {
			char place[sizeof(im->err->place)];

			snprintf(place, sizeof(place), "[%zu]%s%.80s", i,
				im->err->place[0] ? "." : "", im->err->place);
			memcpy(im->err->place, place, sizeof(place));
		}
	}
	synced = rule_book_release(im->book, r < 0 ? NULL : im->err);
	return r < 0 ? r : synced;
}

static int put(struct http_request *req, struct import *im, struct error *err)
{
	int r;

	im->err = err;
	r = store_transaction(req->console->store, STORE_DURABLE, put_all, im, err);
	if (r < 0)
		take_back(im);
	return r;
}

static void reply_result(struct http_request *req, struct import *im)
{
	json_t *created = json_array(), *replaced = json_array();

	for (size_t i = 0; i < im->n; i++) {
		const struct item *item = &im->items[i];
		bool was_there = im->dry_run ? rule_book_find(im->book, item->name) != NULL
					     : item->old != NULL;

		json_array_append_new(was_there ? replaced : created, json_string(item->name));
	}
	http_reply_json(req, 200,
		json_pack("{s:b, s:o, s:o, s:O}", "dry_run", im->dry_run, "created", created,
			"replaced", replaced, "warnings", im->warnings));
}

/* "true" or "false"; false after a 422. */
static bool read_bool(struct http_request *req, const char *name, bool *ret)
{
	const char *text = http_query(req, name);

	*ret = text && strcmp(text, "true") == 0;
	if (!text || *ret || strcmp(text, "false") == 0)
		return true;
	http_reply_invalid(req, name, "must be true or false");
	return false;
}

static void import(struct http_request *req, struct import *im)
{
	struct error err = { 0 };
	int r = check_all(im, req->body);

	if (r < 0)
		http_reply_error(req, r, NULL);
	else if (json_array_size(im->errors))
		http_reply_errors(req, 422, json_incref(im->errors));
	else if (json_array_size(im->conflicts))
		http_reply_errors(req, 409, json_incref(im->conflicts));
	else if (!im->dry_run && (r = put(req, im, &err)) < 0)
		http_reply_error(req, r, &err);
	else
		reply_result(req, im);
}

void rules_import(struct http_request *req)
{
	struct import im = { .book = req->console->rules };

	if (!read_bool(req, "replace", &im.replace) || !read_bool(req, "dry_run", &im.dry_run))
		return;
	if (!json_is_array(req->body) || json_array_size(req->body) > LIMIT_RULES) {
		http_reply_invalid(
			req, "", "must be a list of at most %u rules", (unsigned)LIMIT_RULES);
		return;
	}
	im.errors = json_array();
	im.conflicts = json_array();
	im.warnings = json_array();
	import(req, &im);
	import_done(&im);
}
