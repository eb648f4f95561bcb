/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any text as what a request asks for: up to five values of parameters, one a line (cursor, limit, sort, a number, an unknown
 * one). Each is taken, or refused with a 404 or 422 in JSON.
 */
#include "config.h"

#include "api/http.h"
#include "api/reply.h"
#include "lib/limits.h"
#include "tests/fuzz/fuzz.h"

#define VALUES 5

struct input {
	struct http_request req;
	struct http_reply reply;
	char *values[VALUES];
};

static const char *const names[VALUES] = { "cursor", "limit", "sort", "n", "other" };

static const char *query(struct http_request *req, const char *name)
{
	struct input *in = (struct input *)req;

	for (unsigned i = 0; i < VALUES; i++)
		if (strcmp(name, names[i]) == 0)
			return in->values[i];
	return NULL;
}

static bool each_query(struct http_request *req,
	bool (*fn)(void *ctx, const char *name, const char *value), void *ctx)
{
	struct input *in = (struct input *)req;

	for (unsigned i = 0; i < VALUES; i++)
		if (in->values[i] && !fn(ctx, names[i], in->values[i]))
			return false;
	return true;
}

static const char *header(struct http_request *req, const char *name)
{
	(void)req;
	(void)name;
	return NULL;
}

static struct ip_addr address(struct http_request *req)
{
	(void)req;
	return (struct ip_addr) { 0 };
}

static void wake(struct http_request *req)
{
	(void)req;
}

static void split(struct input *in, const uint8_t *data, size_t size)
{
	for (unsigned i = 0; i < VALUES && size; i++) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end ? (size_t)(end - data) : size;

		in->values[i] = malloc(n + 1);
		FUZZ_ASSERT(in->values[i]);
		memcpy(in->values[i], data, n);
		in->values[i][n] = '\0';
		data += n + (end != NULL);
		size -= n + (end != NULL);
	}
}

/* After a refusal: it is one, and made ready for the next question. */
static void check(struct input *in, bool taken)
{
	FUZZ_ASSERT(in->reply.ready == !taken);
	if (!taken) {
		FUZZ_ASSERT(in->reply.status == 422 || in->reply.status == 404);
		FUZZ_ASSERT(in->reply.body && in->reply.len);
		json_decref(json_loadb(in->reply.body, in->reply.len, 0, NULL));
	}
	http_reply_done(&in->reply);
}

/* A cursor that was taken is one that we would write: there and back it is the same. */
static void check_page(struct input *in)
{
	struct http_page page;
	bool taken = http_page_read(&in->req, &page);
	json_t *body;
	const char *next;

	check(in, taken);
	if (!taken)
		return;
	FUZZ_ASSERT(page.limit >= 1 && page.limit <= LIMIT_PAGE_ITEMS);
	FUZZ_ASSERT(strlen(page.cursor) <= HTTP_CURSOR_MAX);
	http_reply_list(&in->req, json_array(), page.has_cursor ? page.cursor : NULL);
	FUZZ_ASSERT(in->reply.ready && in->reply.status == 200);
	body = json_loadb(in->reply.body, in->reply.len, 0, NULL);
	next = json_string_value(json_object_get(body, "next"));
	FUZZ_ASSERT(body && (page.has_cursor ? next && strcmp(next, in->values[0]) == 0 : !next));
	json_decref(body);
	http_reply_done(&in->reply);
}

static void check_rest(struct input *in)
{
	static const char *const keys[] = { "time", "name", NULL };
	static const char *const known[] = { "cursor", "limit", "sort", "n", NULL };
	bool descending = false, taken;
	unsigned key = 0;
	uint64_t n = 7;

	taken = http_query_number(&in->req, "n", 5, 5000, &n);
	FUZZ_ASSERT(!taken || (n >= 5 && n <= 5000));
	check(in, taken);
	taken = http_query_sort(&in->req, keys, &key, &descending);
	FUZZ_ASSERT(key < 2);
	check(in, taken);
	check(in, http_query_known(&in->req, known));
	in->req.param[0] = in->values[3];
	check(in, http_param_number(&in->req, 0, &n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http_transport transport = { header, query, each_query, address, wake };
	struct input in;

	memset(&in, 0, sizeof(in));
	in.req.transport = &transport;
	in.req.reply = &in.reply;
	split(&in, data, size);
	check_page(&in);
	check_rest(&in);
	for (unsigned i = 0; i < VALUES; i++)
		free(in.values[i]);
	return 0;
}
