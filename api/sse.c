/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Server-sent events: clients on the ring. */
#include "config.h"

#include "api/sse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "api/connection_json.h"
#include "api/console.h"
#include "api/loop.h"
#include "api/reply.h"
#include "api/sse_ring.h"
#include "api/textbuf.h"
#include "lib/cleanup.h"
#include "lib/clock.h"

#define KEEP_ALIVE_MS 15000
#define CONNECTION_WAKE_MS 50 /* nobody sees faster, and each wake costs the machine */
#define CONNECTION_WAKE_BYTES (64u << 10) /* behind by this much: wake at once */

/* How a connection stands in the ring: its id, then the engine's message. */
struct raw_connection {
	uint64_t id;
	struct ipc_connection msg;
};

struct sse_client {
	struct sse *sse;
	struct http_request *req;
	unsigned types; /* bits 1 << enum sse_type */
	bool counts; /* takes prompts, and may answer them */
	bool waiting; /* has read everything */
	uint64_t next; /* number of the next event to look at */
	uint64_t wrote_ns; /* CLOCK_MONOTONIC */
	struct textbuf pending; /* text of which `sent` bytes went out */
	size_t sent;
	struct sse_client *link_next, **link;
};

struct sse {
	struct sse_hooks hooks;
	struct sse_ring *ring;
	uint64_t instance; /* of this process: ids of another mean nothing here */
	struct sse_client *clients;
	unsigned n_clients, n_prompt_clients;
	struct loop *loop;
	struct timer *keep_alive, *wake;
	bool wake_set;
	uint64_t woken_pos;
	struct raw_connection *scratch;
};

static const char *const type_names[SSE_TYPE_COUNT_] = {
	[SSE_PROMPT_OPENED] = "prompt.opened",
	[SSE_PROMPT_UPDATED] = "prompt.updated",
	[SSE_PROMPT_CLOSED] = "prompt.closed",
	[SSE_CONNECTION] = "connection",
	[SSE_RULE_CREATED] = "rule.created",
	[SSE_RULE_UPDATED] = "rule.updated",
	[SSE_RULE_DELETED] = "rule.deleted",
	[SSE_FLOW_UPDATED] = "flow.updated",
	[SSE_FLOW_CLOSED] = "flow.closed",
	[SSE_STATS] = "stats",
	[SSE_ALERT] = "alert",
	[SSE_CONFIG_CHANGED] = "config.changed",
	[SSE_RESET] = "reset",
};

const char *sse_type_str(enum sse_type t)
{
	return t < SSE_TYPE_COUNT_ ? type_names[t] : "?";
}

const char *sse_types_parse(const char *text, unsigned *ret)
{
	unsigned types = 0;

	if (!text) {
		*ret = (1u << SSE_TYPE_COUNT_) - 1;
		return NULL;
	}
	for (const char *p = text;; p++) {
		size_t n = strcspn(p, ",");
		unsigned found = 0;

		for (unsigned i = 0; i < SSE_TYPE_COUNT_; i++) {
			const char *name = type_names[i];

			if ((strlen(name) == n && memcmp(name, p, n) == 0) ||
				(n > 2 && memcmp(p + n - 2, ".*", 2) == 0 &&
					strncmp(name, p, n - 1) == 0))
				found |= 1u << i;
		}
		if (!found)
			return p;
		types |= found;
		p += n;
		if (!*p)
			break;
	}
	*ret = types | 1u << SSE_RESET;
	return NULL;
}

/* ---- waking */

/*
 * Wakes a client that waits. `number` is the first event that it may not have been woken for: one that takes no
 * connections is woken for each event at once, so what stands before `number` does not concern it, and
 * does not make it late either.
 */
static void wake_client(struct sse_client *client, uint64_t number)
{
	if (!client->waiting)
		return;
	if (!(client->types & 1u << SSE_CONNECTION))
		client->next = number;
	client->waiting = false;
	http_stream_wake(client->req);
}

static void wake_for(struct sse *s, enum sse_type type, uint64_t number)
{
	for (struct sse_client *c = s->clients; c; c = c->link_next)
		if (c->types & 1u << type)
			wake_client(c, number);
}

static void wake_timer(void *ctx)
{
	struct sse *s = ctx;

	s->wake_set = false;
	s->woken_pos = sse_ring_pos(s->ring);
	wake_for(s, SSE_CONNECTION, sse_ring_next(s->ring));
}

static void keep_alive_timer(void *ctx)
{
	struct sse *s = ctx;
	uint64_t now = clock_mono_ns();

	loop_timer_set(s->keep_alive, 1000);
	for (struct sse_client *c = s->clients; c; c = c->link_next) {
		if (!c->waiting || now - c->wrote_ns < KEEP_ALIVE_MS * UINT64_C(1000000))
			continue;
		textbuf_puts(&c->pending, ": \n\n");
		wake_client(c, sse_ring_next(s->ring));
	}
}

/* ---- publishing */

void sse_publish_text(struct sse *s, enum sse_type type, const char *text, size_t len)
{
	uint64_t number = sse_ring_add(s->ring, type, false, text, len);

	if (number)
		wake_for(s, type, number);
}

void sse_publish(struct sse *s, enum sse_type type, json_t *data)
{
	_cleanup_free_ char *text = data ? json_dumps(data, JSON_COMPACT) : NULL;

	json_decref(data);
	if (text)
		sse_publish_text(s, type, text, strlen(text));
}

void sse_publish_connection(struct sse *s, const struct ipc_connection *msg, uint64_t id)
{
	size_t len = msg->header.len;

	s->scratch->id = id;
	memcpy(&s->scratch->msg, msg, len);
	if (!sse_ring_add(s->ring, SSE_CONNECTION, true, s->scratch,
		    offsetof(struct raw_connection, msg) + len))
		return;
	if (!s->wake_set && s->clients) {
		s->wake_set = true;
		loop_timer_set(s->wake, CONNECTION_WAKE_MS);
	}
	if (sse_ring_pos(s->ring) - s->woken_pos > CONNECTION_WAKE_BYTES)
		wake_timer(s);
}

bool sse_is_wanted(const struct sse *s, enum sse_type type)
{
	for (const struct sse_client *c = s->clients; c; c = c->link_next)
		if (c->types & 1u << type)
			return true;
	return false;
}

unsigned sse_clients(const struct sse *s)
{
	return s->n_clients;
}

unsigned sse_prompt_clients(const struct sse *s)
{
	return s->n_prompt_clients;
}

/* ---- a client reads */

static void add_event(
	struct sse_client *c, uint64_t number, enum sse_type type, const char *data, size_t len)
{
	textbuf_printf(&c->pending,
		"id: %016llx-%llu\nevent: %s\ndata: ", (unsigned long long)c->sse->instance,
		(unsigned long long)number, sse_type_str(type));
	textbuf_add(&c->pending, data, len);
	textbuf_puts(&c->pending, "\n\n");
}

void sse_greet(struct sse_client *client, enum sse_type type, const char *text, size_t len)
{
	if (client->types & 1u << type)
		add_event(client, client->next - 1, type, text, len);
}

static void add_reset(struct sse_client *c, const char *why)
{
	char data[80];
	int n = snprintf(data, sizeof(data), "{\"reason\":\"%s\"}", why);

	c->next = sse_ring_next(c->sse->ring);
	add_event(c, c->next - 1, SSE_RESET, data, (size_t)n);
	c->sse->hooks.greet(c->sse->hooks.ctx, c);
}

static void add_connection(struct sse_client *c, uint64_t number, const struct sse_event *e)
{
	const struct raw_connection *raw = e->data;
	struct connection_view view;
	struct textbuf *b = &c->pending;

	connection_view_from_ipc(&raw->msg, raw->id, &view);
	textbuf_printf(b,
		"id: %016llx-%llu\nevent: connection\ndata: ", (unsigned long long)c->sse->instance,
		(unsigned long long)number);
	connection_json_write(b, &view);
	textbuf_puts(b, "\n\n");
}

/* Puts the next event that the client wants into `pending`; false when there is none. */
static bool next_event(struct sse_client *c)
{
	struct sse_ring *ring = c->sse->ring;
	struct sse_event e;

	while (c->next < sse_ring_next(ring)) {
		if (!sse_ring_get(ring, c->next, &e) ||
			sse_ring_pos(ring) - e.pos > LIMIT_SSE_CLIENT_BYTES) {
			add_reset(c, "too slow");
			return true;
		}
		c->next++;
		if (!(c->types & 1u << e.type))
			continue;
		if (e.raw)
			add_connection(c, c->next - 1, &e);
		else
			add_event(c, c->next - 1, (enum sse_type)e.type, e.data, e.len);
		return true;
	}
	return false;
}

static ssize_t read_client(void *ctx, char *buf, size_t max)
{
	struct sse_client *c = ctx;
	size_t used = 0;

	while (used < max) {
		size_t left = c->pending.len - c->sent;
		size_t n = left < max - used ? left : max - used;

		if (c->pending.failed)
			return -1;
		if (n) {
			memcpy(buf + used, c->pending.s + c->sent, n);
			used += n;
			c->sent += n;
		}
		if (c->sent < c->pending.len)
			break;
		/* A big greeting need not stay in memory. */
		if (c->pending.room > 65536)
			textbuf_done(&c->pending);
		textbuf_clear(&c->pending);
		c->sent = 0;
		if (!next_event(c))
			break;
	}
	c->waiting = used == 0;
	if (used)
		c->wrote_ns = clock_mono_ns();
	return (ssize_t)used;
}

/* ---- coming and going */

static void count_clients(struct sse *s)
{
	unsigned n = 0;

	for (struct sse_client *c = s->clients; c; c = c->link_next)
		n += c->counts;
	if (n == s->n_prompt_clients)
		return;
	s->n_prompt_clients = n;
	s->hooks.clients_changed(s->hooks.ctx, n);
}

static void client_ended(struct http_request *req)
{
	struct sse_client *c = req->handler_data;
	struct sse *s = c->sse;

	*c->link = c->link_next;
	if (c->link_next)
		c->link_next->link = c->link;
	s->n_clients--;
	textbuf_done(&c->pending);
	free(c);
	count_clients(s);
}

/* Where a client that was here before goes on; false when the ring no longer holds that place. */
static bool find_place(struct sse *s, const char *last_id, uint64_t *ret)
{
	unsigned long long instance, number;
	char rest;

	if (strlen(last_id) > 40 ||
		sscanf(last_id, "%16llx-%20llu%c", &instance, &number, &rest) != 2 ||
		instance != s->instance || number >= sse_ring_next(s->ring) ||
		number + 1 < sse_ring_first(s->ring))
		return false;
	*ret = number + 1;
	return true;
}

static void start_client(struct sse_client *c)
{
	const char *last_id = http_header(c->req, "Last-Event-ID");
	struct sse *s = c->sse;

	c->next = sse_ring_next(s->ring);
	textbuf_puts(&c->pending, "retry: 2000\n\n");
	if (!last_id || !*last_id)
		s->hooks.greet(s->hooks.ctx, c);
	else if (!find_place(s, last_id, &c->next))
		add_reset(c, "not in the ring");
}

void events_get(struct http_request *req)
{
	struct sse *s = req->console->sse;
	const char *types = http_query(req, "types"), *bad;
	struct sse_client *c;
	unsigned bits;

	bad = sse_types_parse(types, &bits);
	if (bad) {
		http_reply_invalid(req, "types", "'%.*s' is not an event type",
			(int)strcspn(bad, ",") > 60 ? 60 : (int)strcspn(bad, ","), bad);
		return;
	}
	c = s->n_clients < LIMIT_SSE_CLIENTS ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		http_reply_problem(req, 503, NULL, "too many clients listen to events");
		return;
	}
	c->sse = s;
	c->req = req;
	c->types = bits;
	c->counts = (bits & 1u << SSE_PROMPT_OPENED) && (req->caller.scopes & SCOPE_PROMPTS);
	c->link_next = s->clients;
	c->link = &s->clients;
	if (s->clients)
		s->clients->link = &c->link_next;
	s->clients = c;
	s->n_clients++;
	start_client(c);
	req->handler_data = c;
	req->on_end = client_ended;
	http_reply_stream(req, "text/event-stream", read_client, c);
	count_clients(s);
}

struct sse *sse_new(struct loop *loop, const struct sse_hooks *hooks)
{
	struct sse *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->hooks = *hooks;
	s->loop = loop;
	s->ring = sse_ring_new(LIMIT_SSE_RING, LIMIT_SSE_RING_BYTES);
	s->scratch = malloc(offsetof(struct raw_connection, msg) + LIMIT_IPC_MESSAGE);
	s->keep_alive = loop_timer_new(loop, keep_alive_timer, s);
	s->wake = loop_timer_new(loop, wake_timer, s);
	if (!s->ring || !s->scratch || !s->keep_alive || !s->wake ||
		getrandom(&s->instance, sizeof(s->instance), 0) != sizeof(s->instance)) {
		sse_free(s);
		return NULL;
	}
	loop_timer_set(s->keep_alive, 1000);
	return s;
}

void sse_free(struct sse *s)
{
	if (!s)
		return;
	loop_timer_free(s->loop, s->keep_alive);
	loop_timer_free(s->loop, s->wake);
	sse_ring_free(s->ring);
	free(s->scratch);
	free(s);
}
