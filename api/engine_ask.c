/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list of questions on their way, and a timer for those that get no answer. */
#include "config.h"

#include "api/engine_ask.h"

#include <stdlib.h>

#include "api/console.h"
#include "api/http.h"
#include "api/ipc_client.h"
#include "api/loop.h"
#include "lib/clock.h"
#include "lib/limits.h"

#define WAIT_MS 10000
#define TICK_MS 1000

struct question {
	struct engine_asks *asks;
	struct http_request *req; /* NULL: the client is gone */
	uint64_t request;
	uint64_t until_ns;
	json_t *items;
	struct question *next;
};

struct engine_asks {
	struct console *console;
	struct timer *timer;
	uint64_t last;
	struct question *first;
};

static void client_gone(struct http_request *req)
{
	struct question *q = req->handler_data;

	q->req = NULL;
}

/* Takes the question off the list and frees it: its request, and its items where they are wanted. */
static struct http_request *take(struct engine_asks *a, struct question *q, json_t **ret_items)
{
	struct http_request *req = q->req;

	for (struct question **link = &a->first; *link; link = &(*link)->next)
		if (*link == q) {
			*link = q->next;
			break;
		}
	if (req) {
		req->on_end = NULL;
		req->handler_data = NULL;
	}
	if (ret_items)
		*ret_items = q->items;
	else
		json_decref(q->items);
	free(q);
	return req;
}

static void expire(void *ctx)
{
	struct engine_asks *a = ctx;
	uint64_t now = clock_mono_ns();
	struct question *q = a->first, *next;

	for (; q; q = next) {
		struct http_request *req;

		next = q->next;
		if (q->until_ns > now)
			continue;
		req = take(a, q, NULL);
		if (req)
			http_reply_problem(req, 503, NULL, "the engine did not answer");
	}
	if (a->first)
		loop_timer_set(a->timer, TICK_MS);
}

struct engine_asks *engine_asks_new(struct console *c)
{
	struct engine_asks *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->console = c;
	a->timer = loop_timer_new(c->loop, expire, a);
	if (!a->timer) {
		free(a);
		return NULL;
	}
	return a;
}

void engine_asks_free(struct engine_asks *a)
{
	if (!a)
		return;
	while (a->first)
		take(a, a->first, NULL);
	loop_timer_free(a->console->loop, a->timer);
	free(a);
}

uint64_t engine_ask_number(struct engine_asks *a)
{
	return ++a->last;
}

void engine_ask(
	struct engine_asks *a, struct http_request *req, uint64_t request, struct ipc_builder *b)
{
	struct question *q = calloc(1, sizeof(*q));

	if (q)
		q->items = json_array();
	if (!q || !q->items) {
		free(q);
		http_reply_error(req, ERR_NOMEM, NULL);
		return;
	}
	if (ipc_client_send(a->console->ipc, b, -1) < 0) {
		json_decref(q->items);
		free(q);
		http_reply_problem(req, 503, NULL, "the engine cannot be reached");
		return;
	}
	q->asks = a;
	q->req = req;
	q->request = request;
	q->until_ns = clock_mono_ns() + WAIT_MS * UINT64_C(1000000);
	q->next = a->first;
	a->first = q;
	req->handler_data = q;
	req->on_end = client_gone;
	http_defer(req);
	loop_timer_set(a->timer, TICK_MS);
}

static struct question *find(const struct engine_asks *a, uint64_t request)
{
	struct question *q = a->first;

	while (q && q->request != request)
		q = q->next;
	return q;
}

void engine_ask_item(struct engine_asks *a, uint64_t request, json_t *item)
{
	struct question *q = find(a, request);

	if (!q || json_array_size(q->items) >= LIMIT_NAMES_TOLD)
		json_decref(item);
	else
		json_array_append_new(q->items, item);
}

struct http_request *engine_ask_end(struct engine_asks *a, uint64_t request, json_t **ret_items)
{
	struct question *q = find(a, request);

	*ret_items = NULL;
	return q ? take(a, q, ret_items) : NULL;
}
