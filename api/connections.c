/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The routes of decided connections. */
#include "config.h"

#include "api/connections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/connection_json.h"
#include "api/console.h"
#include "api/http.h"
#include "api/textbuf.h"
#include "db/history.h"
#include "lib/clock.h"

struct listing {
	struct textbuf text;
	bool any;
};

static void add_connection(void *ctx, const struct connection_record *record)
{
	struct listing *l = ctx;
	struct connection_view view;

	if (l->any)
		textbuf_puts(&l->text, ",");
	l->any = true;
	connection_view_from_record(record, &view);
	connection_json_write(&l->text, &view);
}

static bool read_number(struct http_request *req, const char *name, uint64_t max, int64_t *ret)
{
	uint64_t v = 0;

	*ret = -1;
	if (!http_query(req, name))
		return true;
	if (!http_query_number(req, name, 0, max, &v))
		return false;
	*ret = (int64_t)v;
	return true;
}

static bool read_filter(struct http_request *req, struct history_filter *f)
{
	const char *action = http_query(req, "action");
	enum action a = ACTION_ALLOW;

	memset(f, 0, sizeof(*f));
	if (action && !action_parse(action, &a)) {
		http_reply_invalid(req, "action", "must be allow, deny or reject");
		return false;
	}
	f->action = action ? (int)a : -1;
	f->path = http_query(req, "process.path");
	f->host = http_query(req, "dest.host");
	f->ip = http_query(req, "dest.ip");
	f->protocol = http_query(req, "protocol");
	f->rule = http_query(req, "rule");
	f->q = http_query(req, "q");
	return read_number(req, "dest.port", 65535, &f->dst_port) &&
	       read_number(req, "user.id", UINT32_MAX, &f->uid) &&
	       http_query_time(req, "from", &f->from_us) && http_query_time(req, "to", &f->to_us);
}

/* A cursor is the id of the last row that was given. */
static bool read_place(const struct http_page *page, uint64_t *ret)
{
	char *end;

	*ret = strtoull(page->cursor, &end, 10);
	return end != page->cursor && *end == '\0' && *ret <= INT64_MAX;
}

void connections_list(struct http_request *req)
{
	static const char *const keys[] = { "time", NULL };
	struct listing l = { .any = false };
	struct history_filter filter;
	struct http_page page;
	uint64_t place = 0, next = 0;
	unsigned key = 0;
	bool descending = true;
	char cursor[24];
	json_t *items;
	char *text;
	size_t len;
	int r;

	if (!http_page_read(req, &page) || !http_query_sort(req, keys, &key, &descending) ||
		!read_filter(req, &filter))
		return;
	filter.oldest_first = !descending;
	if (page.has_cursor && !read_place(&page, &place)) {
		http_reply_invalid(req, "cursor", "is not one that this server gave");
		return;
	}
	textbuf_puts(&l.text, "[");
	r = history_list(
		req->console->history, &filter, place, page.limit, add_connection, &l, &next);
	textbuf_puts(&l.text, "]");
	text = textbuf_steal(&l.text, &len);
	items = r == 0 && text ? json_loadb(text, len, 0, NULL) : NULL;
	free(text);
	if (!items) {
		http_reply_error(req, r < 0 ? r : ERR_NOMEM, NULL);
		return;
	}
	snprintf(cursor, sizeof(cursor), "%llu", (unsigned long long)next);
	http_reply_list(req, items, next ? cursor : NULL);
}

void connections_get(struct http_request *req)
{
	struct listing l = { .any = false };
	uint64_t id;
	json_t *item;
	char *text;
	size_t len;
	int r;

	if (!http_param_number(req, 0, &id))
		return;
	r = history_get(req->console->history, id, add_connection, &l);
	text = textbuf_steal(&l.text, &len);
	item = r == 0 && text ? json_loadb(text, len, 0, NULL) : NULL;
	free(text);
	if (item)
		http_reply_resource(req, 200, item, NULL);
	else
		http_reply_error(req, r < 0 ? r : ERR_NOMEM, NULL);
}
