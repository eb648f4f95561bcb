/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists as people see them. */
#include "config.h"

#include "api/list_routes.h"

#include <string.h>

#include "api/console.h"
#include "api/http.h"
#include "api/items.h"
#include "api/lists.h"
#include "api/rule_book.h"
#include "api/subscriptions.h"

static json_t *text_json(const char *s)
{
	return http_json_text(s, strlen(s));
}

static json_t *text_or_null(const char *s)
{
	return *s ? text_json(s) : json_null();
}

static json_t *time_or_null(uint64_t us)
{
	return us ? http_json_time(us) : json_null();
}

static json_t *first_bad_json(const struct list_folder_file *f)
{
	if (!f->bad)
		return json_null();
	return json_pack(
		"{s:I, s:o}", "line", (json_int_t)f->first_bad, "message", text_json(f->why));
}

static json_t *file_json(const struct list_folder_file *f, struct list_hits hits)
{
	return json_pack("{s:o, s:I, s:I, s:o, s:o, s:I, s:o}", "name", text_json(f->name),
		"entries", (json_int_t)f->entries, "bad_lines", (json_int_t)f->bad, "first_bad",
		first_bad_json(f), "problem", f->is_readable ? json_null() : text_or_null(f->why),
		"hits", (json_int_t)hits.n, "last_hit", time_or_null(hits.last_us));
}

json_t *list_rules_json(const struct rule_book *book, enum operand operand, const char *folder)
{
	json_t *names = json_array();

	for (size_t i = 0; i < rule_book_count(book); i++) {
		const struct rule_doc *doc = rule_book_at(book, i)->doc;

		if (doc->enabled && rule_names_list(doc, operand, folder))
			json_array_append_new(names, text_json(doc->name));
	}
	return names;
}

static json_t *folder_json(const struct console *c, const struct list_folder *f)
{
	const struct listset *set = list_folder_set(f);
	json_t *files = json_array();
	struct list_hits sum = { 0 };

	for (size_t i = 0; i < list_folder_n_files(f); i++) {
		const struct list_folder_file *file = list_folder_file(f, i);
		struct list_hits hits = lists_hits(c->lists, f, file->name);

		sum.n += hits.n;
		if (hits.last_us > sum.last_us)
			sum.last_us = hits.last_us;
		json_array_append_new(files, file_json(file, hits));
	}
	return json_pack("{s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:I, s:o, s:o}", "kind",
		"folder", "operand", operand_str(list_folder_operand(f)), "folder",
		text_json(list_folder_path(f)), "entries",
		(json_int_t)(set ? listset_count(set) : 0), "bytes",
		(json_int_t)(set ? listset_bytes(set) : 0), "updated",
		time_or_null(list_folder_read_us(f)), "problem",
		text_or_null(list_folder_problem(f)), "rules",
		list_rules_json(c->rules, list_folder_operand(f), list_folder_path(f)), "hits",
		(json_int_t)sum.n, "last_hit", time_or_null(sum.last_us), "files", files);
}

void route_lists_list(struct http_request *req)
{
	static const char *const sorts[] = { "name", "updated", NULL };
	static const char *const ids[] = { "kind", "name", "operand", "folder", NULL };
	static const char *const kinds[] = { "subscription", "folder", NULL };
	static const struct items_filter filters[] = { { "kind", kinds }, { "name", NULL },
		{ "operand", NULL }, { "folder", NULL }, { "url", NULL }, { "enabled", http_bools },
		{ NULL, NULL } };
	static const struct items_kind kind = { sorts, ids, filters };
	const struct console *c = req->console;
	json_t *items = json_array();

	for (size_t i = 0; i < subscriptions_count(c->subscriptions); i++)
		json_array_append_new(
			items, subscription_json(c, subscriptions_at(c->subscriptions, i)));
	for (size_t i = 0; i < lists_count(c->lists); i++)
		json_array_append_new(items, folder_json(c, lists_at(c->lists, i)));
	items_reply(req, items, &kind);
}
