/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The routes of rules. */
#include "config.h"

#include "api/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/console.h"
#include "api/http.h"
#include "api/rule_book.h"
#include "lib/cleanup.h"

/* Texts are borrowed; NULL: any. */
struct filter {
	const char *action, *duration, *q, *name, *enabled, *precedence, *nolog;
};

static bool is_bool(const char *wanted, bool is)
{
	return !wanted || (strcmp(wanted, "true") == 0) == is;
}

static bool is_text(const char *wanted, const char *text)
{
	return !wanted || strcmp(wanted, text) == 0;
}

static bool wanted(const struct rule_entry *e, const struct filter *f)
{
	return is_text(f->action, action_str(e->doc->action)) &&
	       is_text(f->duration, rule_duration_str(e->doc->duration)) &&
	       is_text(f->name, e->doc->name) && is_bool(f->enabled, e->doc->enabled) &&
	       is_bool(f->precedence, e->doc->precedence) && is_bool(f->nolog, e->doc->nolog) &&
	       (!f->q || strcasestr(e->doc->text, f->q));
}

/* False after a 422: a word that no rule can have is a mistake. */
static bool read_filter(struct http_request *req, struct filter *f)
{
	enum rule_duration d;
	enum action a;

	*f = (struct filter) { .action = http_query(req, "action"),
		.duration = http_query(req, "duration"),
		.q = http_query(req, "q"),
		.name = http_query(req, "name") };
	if (f->action && !action_parse(f->action, &a)) {
		http_reply_invalid(req, "action", "must be allow, deny or reject");
		return false;
	}
	if (f->duration && !rule_duration_parse(f->duration, &d)) {
		http_reply_invalid(req, "duration",
			"must be 30s, 5m, 15m, 30m, 1h, 12h, until restart or always");
		return false;
	}
	return http_query_word(req, "enabled", http_bools, &f->enabled) &&
	       http_query_word(req, "precedence", http_bools, &f->precedence) &&
	       http_query_word(req, "nolog", http_bools, &f->nolog);
}

static json_t *problems_json(const struct rule_book *b)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rule_book_problems(b); i++) {
		const struct rule_problem *p = rule_book_problem(b, i);

		json_array_append_new(list,
			json_pack("{s:o, s:o, s:o}", "file",
				p->file ? http_json_text(p->file, strlen(p->file)) : json_null(),
				"place", http_json_text(p->place, strlen(p->place)), "message",
				http_json_text(p->message, strlen(p->message))));
	}
	return list;
}

enum sort_key { SORT_NAME, SORT_HITS, SORT_LAST_HIT, SORT_CREATED, SORT_UPDATED };

static const char *const sort_keys[] = { "name", "hits", "last_hit", "created", "updated", NULL };

struct order {
	unsigned key; /* enum sort_key */
	bool descending;
};

/* Where a rule stands in an order: by value, and rules of one value by name. */
struct place {
	uint64_t value;
	const char *name;
};

static struct place place_of(const struct rule_entry *e, const struct order *order)
{
	struct place p = { 0, e->doc->name };

	switch ((enum sort_key)order->key) {
	case SORT_NAME:
		break;
	case SORT_HITS:
		p.value = e->hits;
		break;
	case SORT_LAST_HIT:
		p.value = e->last_hit_us;
		break;
	case SORT_CREATED:
		p.value = e->doc->created_us;
		break;
	case SORT_UPDATED:
		p.value = e->doc->updated_us;
		break;
	}
	return p;
}

static int compare_places(struct place a, struct place b, const struct order *order)
{
	int by_name = strcmp(a.name, b.name);
	int way = a.value != b.value ? (a.value < b.value ? -1 : 1) : by_name;

	return order->descending ? -way : way;
}

static int compare_entries(const void *a, const void *b, void *ctx)
{
	const struct rule_entry *const *x = a, *const *y = b;

	return compare_places(place_of(*x, ctx), place_of(*y, ctx), ctx);
}

/* The cursor: "KEY VALUE NAME" of the last rule that was given. False after a 422. */
static bool read_place(struct http_request *req, const struct http_page *page,
	const struct order *order, struct place *ret)
{
	unsigned key;
	unsigned long long value;
	int used = 0;

	if (!page->has_cursor)
		return true;
	if (sscanf(page->cursor, "%2u %20llu%n", &key, &value, &used) == 2 &&
		page->cursor[used] == ' ' && key == order->key * 2 + order->descending) {
		*ret = (struct place) { value, page->cursor + used + 1 };
		return true;
	}
	http_reply_invalid(req, "cursor", "is not one that this server gave for this order");
	return false;
}

/* All rules that the filters take, in order: an array of *ret_n, owned by the caller; NULL when out of memory. */
static const struct rule_entry **collect(struct http_request *req, const struct filter *filter,
	const struct order *order, size_t *ret_n)
{
	const struct rule_book *b = req->console->rules;
	const struct rule_entry **all = calloc(rule_book_count(b) + 1, sizeof(struct rule_entry *));
	size_t n = 0;

	if (!all)
		return NULL;
	for (size_t i = 0; i < rule_book_count(b); i++) {
		const struct rule_entry *e = rule_book_at(b, i);

		if (wanted(e, filter))
			all[n++] = e;
	}
	if (n && (order->key != SORT_NAME || order->descending))
		qsort_r(all, n, sizeof(struct rule_entry *), compare_entries,
			(void *)(uintptr_t)order);
	*ret_n = n;
	return all;
}

void route_rules_list(struct http_request *req)
{
	_cleanup_free_ const struct rule_entry **all = NULL;
	struct order order = { SORT_NAME, false };
	struct filter filter;
	char next[HTTP_CURSOR_MAX + 1] = "";
	struct place place = { 0 };
	struct http_page page;
	json_t *items;
	size_t n, i = 0;

	if (!http_page_read(req, &page) ||
		!http_query_sort(req, sort_keys, &order.key, &order.descending) ||
		!read_filter(req, &filter) || !read_place(req, &page, &order, &place))
		return;
	all = collect(req, &filter, &order, &n);
	items = json_array();
	if (!all || !items) {
		json_decref(items);
		http_reply_error(req, ERR_NOMEM, NULL);
		return;
	}
	while (i < n && page.has_cursor &&
		compare_places(place_of(all[i], &order), place, &order) <= 0)
		i++;
	for (; i < n && json_array_size(items) < page.limit; i++) {
		struct place last = place_of(all[i], &order);

		json_array_append_new(items, rule_book_json(all[i]));
		snprintf(next, sizeof(next), "%u %llu %s", order.key * 2 + order.descending,
			(unsigned long long)last.value, last.name);
	}
	http_reply_list_with(req,
		json_pack("{s:o}", "problems", problems_json(req->console->rules)), items,
		i < n ? next : NULL);
}

void rules_path(const char *name, char ret[static RULES_PATH_LEN])
{
	size_t n = (size_t)snprintf(ret, RULES_PATH_LEN, "/api/v1/rules/");

	for (const char *p = name; *p && n + 4 < RULES_PATH_LEN; p++) {
		bool plain = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
			     (*p >= 'A' && *p <= 'Z') || strchr("._-~", *p);

		n += (size_t)snprintf(
			ret + n, RULES_PATH_LEN - n, plain ? "%c" : "%%%02X", (unsigned char)*p);
	}
}

void rules_reply(struct http_request *req, unsigned status, const struct rule_entry *e)
{
	char location[RULES_PATH_LEN];
	json_t *stable;

	rules_path(e->doc->name, location);
	stable = rule_book_json_stable(e);
	http_reply_resource_tagged(
		req, status, rule_book_json(e), stable, status == 201 ? location : NULL);
	json_decref(stable);
}

void route_rules_create(struct http_request *req)
{
	const struct rule_entry *e = NULL;
	struct error err = { 0 };
	struct rule_doc *doc = NULL;
	int r = rule_doc_new(req->body, rule_book_aliases(req->console->rules), NULL,
		RULE_DOC_STRICT, &doc, &err);

	if (r == 0)
		r = rule_book_create(
			req->console->rules, doc, RULE_FROM_API, RULE_SEND_NOW, &e, &err);
	if (r < 0 || !e)
		http_reply_error(req, r, &err);
	else
		rules_reply(req, 201, e);
}

/* The rule of the path, or NULL after a 404. */
static const struct rule_entry *find(struct http_request *req)
{
	const struct rule_entry *e = rule_book_find(req->console->rules, req->param[0]);

	if (!e)
		http_reply_problem(req, 404, NULL, "there is no rule of this name");
	return e;
}

/* The same, after the request's If-Match was held against it. */
static const struct rule_entry *find_matching(struct http_request *req)
{
	const struct rule_entry *e = find(req);
	json_t *now = e ? rule_book_json_stable(e) : NULL;
	bool good = e && http_if_match(req, now);

	json_decref(now);
	return good ? e : NULL;
}

void route_rules_get(struct http_request *req)
{
	const struct rule_entry *e = find(req);

	if (e)
		rules_reply(req, 200, e);
}

static void replace(struct http_request *req, const json_t *body)
{
	const struct rule_entry *e = NULL;
	struct error err = { 0 };
	struct rule_doc *doc = NULL;
	int r = rule_doc_new(body, rule_book_aliases(req->console->rules), req->param[0],
		RULE_DOC_STRICT, &doc, &err);

	if (r == 0)
		r = rule_book_replace(req->console->rules, req->param[0], doc, &e, &err);
	if (r < 0 || !e)
		http_reply_error(req, r, &err);
	else
		rules_reply(req, 200, e);
}

void route_rules_put(struct http_request *req)
{
	if (find_matching(req))
		replace(req, req->body);
}

void route_rules_patch(struct http_request *req)
{
	const struct rule_entry *e = find_matching(req);
	json_t *now, *merged;

	if (!e)
		return;
	now = rule_doc_json(e->doc);
	merged = now ? http_merge_patch(now, req->body) : NULL;
	if (merged)
		replace(req, merged);
	else
		http_reply_error(req, ERR_NOMEM, NULL);
	json_decref(now);
	json_decref(merged);
}

void route_rules_delete(struct http_request *req)
{
	struct error err = { 0 };
	int r;

	if (!find_matching(req))
		return;
	r = rule_book_delete(req->console->rules, req->param[0], &err);
	if (r < 0)
		http_reply_error(req, r, &err);
	else
		http_reply_empty(req);
}
