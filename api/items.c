/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages of short lists. A cursor holds the place of the last item that was given, so it stays right while others come and go. */
#include "config.h"

#include "api/items.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http.h"
#include "lib/cleanup.h"

#define VALUE_MAX 128 /* bytes of a value that count for the order */
#define NUMBER_LEN 24
#define LAST "\xff" /* greater than all UTF-8 */

struct entry {
	json_t *item; /* borrowed */
	char value[VALUE_MAX + 1];
	char id[HTTP_ETAG_LEN];
};

static const char *text_of(const json_t *v, char buf[static NUMBER_LEN])
{
	if (json_is_string(v))
		return json_string_value(v);
	if (json_is_boolean(v))
		return json_is_true(v) ? "true" : "false";
	if (!json_is_integer(v))
		return NULL;
	snprintf(buf, NUMBER_LEN, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	return buf;
}

static bool has_value(const json_t *v, const char *wanted)
{
	char buf[NUMBER_LEN];
	const char *text = text_of(v, buf);

	if (text)
		return strcmp(text, wanted) == 0;
	for (size_t i = 0; i < json_array_size(v); i++) {
		text = text_of(json_array_get(v, i), buf);
		if (text && strcmp(text, wanted) == 0)
			return true;
	}
	return false;
}

static bool is_wanted(struct http_request *req, const json_t *item, const struct items_kind *kind)
{
	for (const struct items_filter *f = kind->filters; f->name; f++) {
		const char *wanted = http_query(req, f->name);

		if (wanted && !has_value(json_object_get(item, f->name), wanted))
			return false;
	}
	return true;
}

/* False after a 422: a word that no item can have is a mistake. */
static bool check_filters(struct http_request *req, const struct items_kind *kind)
{
	const char *word;

	for (const struct items_filter *f = kind->filters; f->name; f++)
		if (f->words && !http_query_word(req, f->name, f->words, &word))
			return false;
	return true;
}

/* False when out of memory. */
static bool fill(struct entry *e, json_t *item, const struct items_kind *kind, unsigned key)
{
	const json_t *v = json_object_get(item, kind->sorts[key]);
	char buf[NUMBER_LEN];
	const char *text = text_of(v, buf);
	json_t *id = json_array();
	bool ok = id != NULL;

	for (const char *const *name = kind->ids; *name && ok; name++) {
		json_t *part = json_object_get(item, *name);

		ok = json_array_append(id, part ? part : json_null()) == 0;
	}
	ok = ok && http_etag(id, e->id);
	json_decref(id);
	e->item = item;
	snprintf(e->value, sizeof(e->value), "%s", text ? text : LAST);
	return ok;
}

struct order {
	unsigned key;
	bool descending;
};

static int compare(const void *a, const void *b, void *ctx)
{
	const struct entry *x = a, *y = b;
	const struct order *order = ctx;
	int way = strcmp(x->value, y->value);

	way = way ? way : strcmp(x->id, y->id);
	return order->descending ? -way : way;
}

/* The cursor: "KEY ID VALUE". False after a 422. */
static bool read_place(struct http_request *req, const struct http_page *page,
	const struct order *order, struct entry *ret)
{
	unsigned key;
	int used = 0;

	if (!page->has_cursor)
		return true;
	if (sscanf(page->cursor, "%2u %35s%n", &key, ret->id, &used) == 2 &&
		page->cursor[used] == ' ' && key == order->key * 2 + order->descending &&
		strlen(page->cursor + used + 1) <= VALUE_MAX) {
		strcpy(ret->value, page->cursor + used + 1);
		return true;
	}
	http_reply_invalid(req, "cursor", "is not one that this server gave for this order");
	return false;
}

/* Those that are wanted, in order: *ret_n of them, owned by the caller; NULL when out of memory. */
static struct entry *collect(struct http_request *req, const json_t *items,
	const struct items_kind *kind, struct order *order, size_t *ret_n)
{
	struct entry *all = calloc(json_array_size(items) + 1, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; all && i < json_array_size(items); i++) {
		json_t *item = json_array_get(items, i);

		if (!is_wanted(req, item, kind))
			continue;
		if (!fill(&all[n++], item, kind, order->key)) {
			free(all);
			return NULL;
		}
	}
	if (n > 1)
		qsort_r(all, n, sizeof(*all), compare, order);
	*ret_n = n;
	return all;
}

static void reply(struct http_request *req, const json_t *items, const struct items_kind *kind)
{
	_cleanup_free_ struct entry *all = NULL;
	struct order order = { 0, false };
	char next[HTTP_CURSOR_MAX + 1];
	struct entry place = { 0 };
	struct http_page page;
	size_t n = 0, i = 0;
	json_t *shown;

	if (!http_page_read(req, &page) ||
		!http_query_sort(req, kind->sorts, &order.key, &order.descending) ||
		!check_filters(req, kind) || !read_place(req, &page, &order, &place))
		return;
	all = items ? collect(req, items, kind, &order, &n) : NULL;
	shown = json_array();
	if (!all || !shown) {
		json_decref(shown);
		http_reply_error(req, ERR_NOMEM, NULL);
		return;
	}
	while (i < n && page.has_cursor && compare(&all[i], &place, &order) <= 0)
		i++;
	for (; i < n && json_array_size(shown) < page.limit; i++) {
		json_array_append(shown, all[i].item);
		snprintf(next, sizeof(next), "%u %s %s", order.key * 2 + order.descending,
			all[i].id, all[i].value);
	}
	http_reply_list(req, shown, i < n ? next : NULL);
}

void items_reply(struct http_request *req, json_t *items, const struct items_kind *kind)
{
	reply(req, items, kind);
	json_decref(items);
}
