/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages of a log: a list that only grows, by time. `limit`, `cursor`, `sort` (time, -time), `from`, `to`. */
#ifndef API_LOG_PAGE_H
#define API_LOG_PAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "db/log_span.h"

struct http_request;

struct log_page {
	unsigned limit;
	struct log_span span;
	json_t *items; /* owned until it is answered */
	uint64_t last; /* id of the item added last */
	bool more;
};

/* Reads what is asked for, with no item yet. False after a 422; then there is nothing to free. */
bool log_page_read(struct http_request *req, struct log_page *ret);

/* Whether the page has room for one more; false says that there are more. Before an item is made. */
bool log_page_has_room(struct log_page *p);

/* Takes `item`, NULL when out of memory. */
void log_page_add(struct log_page *p, uint64_t id, json_t *item);

/* Answers with the items; `rest` (0: none) is where the search was given up. */
void log_page_reply(struct http_request *req, struct log_page *p, uint64_t rest);

#endif
