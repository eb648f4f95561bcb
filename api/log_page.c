/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages of a log. A cursor is the id of the last item, with a '+' before it where the oldest come first. */
#include "config.h"

#include "api/log_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/http.h"

static bool read_place(const struct http_page *page, struct log_span *ret)
{
	const char *digits = page->cursor;
	char *end;

	if (!page->has_cursor)
		return true;
	if (ret->oldest_first && *digits++ != '+')
		return false;
	if (*digits < '0' || *digits > '9')
		return false;
	ret->place = strtoull(digits, &end, 10);
	return *end == '\0' && ret->place > 0 && ret->place <= INT64_MAX;
}

bool log_page_read(struct http_request *req, struct log_page *ret)
{
	static const char *const keys[] = { "time", NULL };
	struct http_page page;
	unsigned key = 0;
	bool descending = true;

	*ret = (struct log_page) { .limit = 0 };
	if (!http_page_read(req, &page) || !http_query_sort(req, keys, &key, &descending) ||
		!http_query_time(req, "from", &ret->span.from_us) ||
		!http_query_time(req, "to", &ret->span.to_us))
		return false;
	ret->limit = page.limit;
	ret->span.oldest_first = !descending;
	if (!read_place(&page, &ret->span)) {
		http_reply_invalid(
			req, "cursor", "is not one that this server gave for this order");
		return false;
	}
	ret->items = json_array();
	return true;
}

bool log_page_has_room(struct log_page *p)
{
	p->more = json_array_size(p->items) >= p->limit;
	return !p->more;
}

void log_page_add(struct log_page *p, uint64_t id, json_t *item)
{
	p->last = id;
	json_array_append_new(p->items, item);
}

void log_page_reply(struct http_request *req, struct log_page *p, uint64_t rest)
{
	char next[32];

	snprintf(next, sizeof(next), "%s%" PRIu64, p->span.oldest_first ? "+" : "",
		p->more ? p->last : rest);
	http_reply_list(req, p->items, p->more || rest ? next : NULL);
	p->items = NULL;
}
