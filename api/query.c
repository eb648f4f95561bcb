/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a request asks for: query parameters, numbers, pages, members of a body. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http.h"
#include "api/reply.h"
#include "api/textbuf.h"
#include "lib/clock.h"
#include "lib/cleanup.h"
#include "lib/utf8.h"

static bool is_in(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

struct unknown {
	const char *const *names;
	const char *found;
};

static bool check_name(void *ctx, const char *name, const char *value)
{
	struct unknown *u = ctx;

	(void)value;
	u->found = name;
	return is_in(u->names, name);
}

bool http_query_known(struct http_request *req, const char *const *names)
{
	struct unknown u = { names, NULL };

	if (req->transport->each_query(req, check_name, &u))
		return true;
	http_reply_invalid(req, u.found, "is not a known parameter");
	return false;
}

/* Decimal digits and nothing else. */
static bool parse_number(const char *text, uint64_t *ret)
{
	char *end;

	if (*text < '0' || *text > '9' || strlen(text) > 20)
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return *end == '\0' && errno == 0;
}

bool http_query_number(
	struct http_request *req, const char *name, uint64_t min, uint64_t max, uint64_t *ret)
{
	const char *text = http_query(req, name);
	uint64_t n;

	if (!text)
		return true;
	if (parse_number(text, &n) && n >= min && n <= max) {
		*ret = n;
		return true;
	}
	http_reply_invalid(req, name, "must be a whole number between %llu and %llu",
		(unsigned long long)min, (unsigned long long)max);
	return false;
}

const char *const http_bools[] = { "true", "false", NULL };

bool http_query_word(
	struct http_request *req, const char *name, const char *const *words, const char **ret)
{
	char all[160] = "";
	size_t used = 0;

	*ret = http_query(req, name);
	if (!*ret || is_in(words, *ret))
		return true;
	for (unsigned i = 0; words[i] && used < sizeof(all); i++) {
		const char *sep = !i ? "" : words[i + 1] ? ", " : " or ";

		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", sep, words[i]);
	}
	http_reply_invalid(req, name, "must be %s", all);
	return false;
}

bool http_query_sort(
	struct http_request *req, const char *const *keys, unsigned *ret_key, bool *ret_descending)
{
	const char *text = http_query(req, "sort");
	char all[160] = "";
	size_t used = 0;

	if (!text)
		return true;
	for (unsigned i = 0; keys[i]; i++) {
		if (strcmp(text + (*text == '-'), keys[i]) == 0) {
			*ret_key = i;
			*ret_descending = *text == '-';
			return true;
		}
		if (used < sizeof(all))
			used += (size_t)snprintf(
				all + used, sizeof(all) - used, "%s%s", i ? ", " : "", keys[i]);
	}
	http_reply_invalid(
		req, "sort", "must be one of %s, with - before it for the greatest first", all);
	return false;
}

bool http_query_time(struct http_request *req, const char *name, uint64_t *ret_us)
{
	const char *text = http_query(req, name);

	if (!text || clock_parse(text, ret_us) == 0)
		return true;
	http_reply_invalid(req, name, "must be a time as RFC 3339 writes it");
	return false;
}

bool http_param_number(struct http_request *req, unsigned i, uint64_t *ret)
{
	if (req->param[i] && parse_number(req->param[i], ret))
		return true;
	http_reply_problem(req, 404, NULL, "there is nothing with this number");
	return false;
}

/* ---- cursors: hexadecimal, so that clients do not read meaning into them */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool cursor_decode(const char *text, char ret[static HTTP_CURSOR_MAX + 1])
{
	size_t n = strlen(text);

	if (n == 0 || n % 2 || n / 2 > HTTP_CURSOR_MAX)
		return false;
	for (size_t i = 0; i < n / 2; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0 || (high == 0 && low == 0))
			return false;
		ret[i] = (char)(high << 4 | low);
	}
	ret[n / 2] = '\0';
	return true;
}

bool http_page_read(struct http_request *req, struct http_page *ret)
{
	const char *cursor = http_query(req, "cursor");
	uint64_t limit = LIMIT_PAGE_DEFAULT;

	memset(ret, 0, sizeof(*ret));
	if (!http_query_number(req, "limit", 1, LIMIT_PAGE_ITEMS, &limit))
		return false;
	ret->limit = (unsigned)limit;
	ret->has_cursor = cursor != NULL;
	if (!cursor || cursor_decode(cursor, ret->cursor))
		return true;
	http_reply_invalid(req, "cursor", "is not one that this server gave");
	return false;
}

void http_reply_list_with(struct http_request *req, json_t *extra, json_t *items, const char *next)
{
	struct textbuf b = { 0 };
	json_t *cursor;

	textbuf_json_cursor(&b, next);
	cursor = b.failed ? NULL : json_loadb(b.s, b.len, JSON_DECODE_ANY, NULL);
	textbuf_done(&b);
	if (json_object_set_new(extra, "items", items) < 0 ||
		json_object_set_new(extra, "next", cursor) < 0) {
		json_decref(extra);
		extra = NULL;
	}
	http_reply_json(req, 200, extra);
}

void http_reply_list(struct http_request *req, json_t *items, const char *next)
{
	http_reply_list_with(req, json_object(), items, next);
}

bool http_body_known(struct http_request *req, const char *const *names)
{
	const char *key;
	json_t *value;

	if (!json_is_object(req->body)) {
		http_reply_invalid(req, "", "must be an object");
		return false;
	}
	json_object_foreach (req->body, key, value) {
		(void)value;
		if (!is_in(names, key)) {
			http_reply_invalid(req, key, "is not a known field");
			return false;
		}
	}
	return true;
}
