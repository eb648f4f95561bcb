/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists from a URL as resources. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "api/console.h"
#include "api/http.h"
#include "api/list_routes.h"
#include "api/lists.h"
#include "api/subscription_doc.h"
#include "api/subscription_file.h"
#include "api/subscriptions.h"
#include "lib/cleanup.h"
#include "lib/clock.h"

static json_t *text_or_null(const char *s)
{
	return *s ? http_json_text(s, strlen(s)) : json_null();
}

static struct list_hits hits_of(
	const struct console *c, const struct subscription *sub, const char *path)
{
	const struct list_folder *f = lists_find(c->lists, sub->operand, path);
	char name[LIMIT_SUBSCRIPTION_NAME + 8];

	subscription_file_name(&sub->row, name);
	return f ? lists_hits(c->lists, f, name) : (struct list_hits) { 0 };
}

json_t *subscription_json(const struct console *c, const struct subscription *sub)
{
	_cleanup_free_ char *path = subscriptions_folder(c->subscriptions, sub);
	const struct subscription_row *row = &sub->row;
	json_t *all = subscription_doc_json(row), *state;
	struct list_hits hits;

	if (!path || !all) {
		json_decref(all);
		return NULL;
	}
	hits = hits_of(c, sub, path);
	state = json_pack("{s:s, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:b, s:o, s:I, s:o}",
		"kind", "subscription", "folder", http_json_text(path, strlen(path)), "entries",
		(json_int_t)row->entries, "bad_lines", (json_int_t)row->bad_lines, "bytes",
		(json_int_t)row->bytes, "updated", http_json_time(row->updated_us), "checked",
		http_json_time(row->checked_us), "next",
		http_json_time(subscription_due_us(sub, clock_real_us())), "error",
		text_or_null(row->error), "refreshing", sub->is_running || sub->is_wanted, "rules",
		list_rules_json(c->rules, sub->operand, path), "hits", (json_int_t)hits.n,
		"last_hit", http_json_time(hits.last_us));
	if (!state || json_object_update(all, state) < 0) {
		json_decref(all);
		all = NULL;
	}
	json_decref(state);
	return all;
}

static void reply(struct http_request *req, unsigned status, const struct subscription *sub)
{
	char location[sizeof("/api/v1/lists/") + LIMIT_SUBSCRIPTION_NAME];
	json_t *stable = subscription_doc_json(&sub->row);

	snprintf(location, sizeof(location), "/api/v1/lists/%s", sub->row.name);
	http_reply_resource_tagged(req, status, subscription_json(req->console, sub), stable,
		status == 201 ? location : NULL);
	json_decref(stable);
}

/* The list of the path, or NULL after a 404. */
static const struct subscription *look_up(struct http_request *req)
{
	const struct subscription *sub =
		subscriptions_find(req->console->subscriptions, req->param[0]);

	if (!sub)
		http_reply_problem(req, 404, NULL, "there is no list from a URL of this name");
	return sub;
}

/* The same, after the request's If-Match was held against it. */
static const struct subscription *look_up_matching(struct http_request *req)
{
	const struct subscription *sub = look_up(req);
	json_t *now = sub ? subscription_doc_json(&sub->row) : NULL;
	bool good = sub && http_if_match(req, now);

	json_decref(now);
	return good ? sub : NULL;
}

void route_lists_create(struct http_request *req)
{
	const struct subscription *sub = NULL;
	struct subscription_row wish;
	struct error err = { 0 };
	int r;

	if (!http_body_known(req, subscription_doc_members))
		return;
	r = subscription_doc_read(req->body, &wish, &err);
	if (r == 0)
		r = subscriptions_create(req->console->subscriptions, &wish, &sub, &err);
	if (r < 0 || !sub)
		http_reply_error(req, r, &err);
	else
		reply(req, 201, sub);
}

void route_lists_get(struct http_request *req)
{
	const struct subscription *sub = look_up(req);

	if (sub)
		reply(req, 200, sub);
}

static int change(struct http_request *req, const struct subscription **ret, struct error *err)
{
	json_t *now = subscription_doc_json(&(*ret)->row);
	json_t *merged = now ? http_merge_patch(now, req->body) : NULL;
	struct subscription_row wish;
	int r = merged ? subscription_doc_read(merged, &wish, err) : ERR_NOMEM;

	if (r == 0 && strcmp(wish.name, (*ret)->row.name) != 0)
		r = error_set(
			err, ERR_INVALID, "name", "cannot be changed: rules and files go by it");
	if (r == 0)
		r = subscriptions_change(req->console->subscriptions, &wish, ret, err);
	json_decref(now);
	json_decref(merged);
	return r;
}

void route_lists_patch(struct http_request *req)
{
	const struct subscription *sub = look_up_matching(req);
	struct error err = { 0 };
	int r;

	if (!sub || !http_body_known(req, subscription_doc_members))
		return;
	r = change(req, &sub, &err);
	if (r < 0)
		http_reply_error(req, r, &err);
	else
		reply(req, 200, sub);
}

void route_lists_delete(struct http_request *req)
{
	struct error err = { 0 };
	int r;

	if (!look_up_matching(req))
		return;
	r = subscriptions_remove(req->console->subscriptions, req->param[0], &err);
	if (r < 0)
		http_reply_error(req, r, &err);
	else
		http_reply_empty(req);
}

void route_lists_refresh(struct http_request *req)
{
	const struct subscription *sub = look_up(req);

	if (!sub)
		return;
	subscriptions_refresh(req->console->subscriptions, sub->row.name);
	http_reply_json(req, 202, subscription_json(req->console, sub));
}
