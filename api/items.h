/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Short lists, which are made whole and then filtered, put in order and cut into pages: `sort`, `limit`, `cursor`, members by name. */
#ifndef API_ITEMS_H
#define API_ITEMS_H

#include <jansson.h>

struct http_request;

/* A member with the value that is asked for, or an array that has it. */
struct items_filter {
	const char *name; /* NULL: the end */
	const char *const *
		words; /* the values that there are, ending with NULL: another one is a 422; NULL: any */
};

/* Names of members, each list ending with NULL; the route names them all, with "limit", "cursor" and "sort". */
struct items_kind {
	const char *const *
		sorts; /* the first is the order without `sort`; an item without the member comes last */
	const char *const *ids; /* which, together, tell items apart */
	const struct items_filter *filters;
};

/* Answers with the page that the request asks for, or a 422. Takes `items`, an array of objects; NULL: 503. */
void items_reply(struct http_request *req, json_t *items, const struct items_kind *kind);

#endif
