/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table of what lives, in the order of beginning. */
#include "config.h"

#include "api/flows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/connection_filter.h"
#include "api/connection_json.h"
#include "api/console.h"
#include "api/engine_ask.h"
#include "api/http.h"
#include "api/sse.h"
#include "api/textbuf.h"
#include "db/history.h"
#include "lib/clock.h"
#include "lib/hash.h"
#include "lib/verdict.h"

#define OLDEST_LOOKED_AT 16 /* for one to make room: in a flood, each looks */

struct flow_view {
	uint64_t id;
	uint64_t connection_id; /* 0: none */
	uint64_t updated_us;
	struct flow_traffic traffic;
	bool counted;
	bool before_start;
	bool is_over;
	enum flow_end end;
	uint32_t told; /* number of the telling that it was told in last */
	struct hash_node node;
	_Alignas(8) uint8_t msg[]; /* struct ipc_connection with its tail */
};

struct flow_views {
	struct console *console;
	struct hash table;
	uint32_t telling; /* number of the last that began; 0: none did */
};

struct flow_views *flow_views_new(struct console *c)
{
	struct flow_views *v = calloc(1, sizeof(*v));

	if (v)
		v->console = c;
	return v;
}

static struct flow_view *view_of(struct hash_node *node)
{
	return hash_entry(node, struct flow_view, node);
}

static void drop(struct flow_views *v, struct flow_view *f)
{
	hash_del(&v->table, &f->node);
	free(f);
}

void flow_views_free(struct flow_views *v)
{
	if (!v)
		return;
	while (v->table.first)
		drop(v, view_of(v->table.first));
	free(v);
}

static struct flow_view *find(const struct flow_views *v, uint64_t id)
{
	return view_of(hash_find(&v->table, &id, sizeof(id)));
}

/* ---- JSON */

static void write_flow(struct textbuf *b, const struct flow_view *f)
{
	const struct ipc_connection *msg = (const void *)f->msg;
	struct connection_view view;

	connection_view_from_ipc(msg, f->connection_id, &view);
	view.decided = !f->before_start;
	textbuf_printf(b, "{\"id\":%llu,\"started\":", (unsigned long long)f->id);
	textbuf_json_time(b, msg->time_us);
	textbuf_puts(b, ",\"updated\":");
	textbuf_json_time(b, f->updated_us);
	textbuf_printf(b, ",\"before_start\":%s", f->before_start ? "true" : "false");
	if (f->counted)
		textbuf_printf(b,
			",\"bytes_out\":%llu,\"bytes_in\":%llu,\"packets_out\":%llu,\"packets_in\":"
			"%llu",
			(unsigned long long)f->traffic.bytes_out,
			(unsigned long long)f->traffic.bytes_in,
			(unsigned long long)f->traffic.packets_out,
			(unsigned long long)f->traffic.packets_in);
	else
		textbuf_puts(b, ",\"bytes_out\":null,\"bytes_in\":null,\"packets_out\":null,"
				"\"packets_in\":null");
	if (f->is_over) {
		textbuf_puts(b, ",\"closed\":{\"time\":");
		textbuf_json_time(b, f->updated_us);
		textbuf_printf(b, ",\"why\":\"%s\"}", flow_end_str(f->end));
	} else {
		textbuf_puts(b, ",\"closed\":null");
	}
	textbuf_puts(b, ",\"connection\":");
	connection_json_write(b, &view);
	textbuf_puts(b, "}");
}

static void publish(struct flow_views *v, const struct flow_view *f, enum sse_type type)
{
	struct textbuf b = { 0 };

	if (!sse_is_wanted(v->console->sse, type))
		return;
	write_flow(&b, f);
	if (!b.failed)
		sse_publish_text(v->console->sse, type, b.s, b.len);
	textbuf_done(&b);
}

/* ---- from the engine */

/* What this telling has not named, if one of the oldest is: its end was lost. */
static struct flow_view *find_untold(const struct flow_views *v)
{
	struct hash_node *node = v->table.first;

	for (unsigned i = 0; node && i < OLDEST_LOOKED_AT; i++, node = hash_next(node))
		if (view_of(node)->told != v->telling)
			return view_of(node);
	return NULL;
}

static void end(struct flow_views *v, struct flow_view *f, enum flow_end why, uint64_t time_us)
{
	f->is_over = true;
	f->end = why;
	f->updated_us = f->traffic.ended_us = time_us;
	if (v->console->history && f->connection_id && f->counted)
		history_end(v->console->history, f->connection_id, &f->traffic);
	publish(v, f, SSE_FLOW_CLOSED);
	drop(v, f);
}

/* Adds one, whose connection is told in `msg` with `len` bytes. NULL: out of memory, or more than the engine has. */
static struct flow_view *add(
	struct flow_views *v, const struct ipc_connection *msg, size_t len, uint64_t id)
{
	struct flow_view *f = NULL, *untold;

	if (hash_count(&v->table) >= 2 * LIMIT_FLOWS && (untold = find_untold(v)))
		end(v, untold, FLOW_FORGOTTEN, clock_real_us());
	if (hash_count(&v->table) < 2 * LIMIT_FLOWS)
		f = calloc(1, sizeof(*f) + len);
	if (!f)
		return NULL;
	f->told = v->telling;
	memcpy(f->msg, msg, len);
	f->id = msg->flow_id;
	f->connection_id = id;
	f->updated_us = msg->time_us;
	if (!hash_add(&v->table, &f->node, &f->id, sizeof(f->id))) {
		free(f);
		return NULL;
	}
	return f;
}

void flows_begun(struct flow_views *v, const struct ipc_connection *msg, uint64_t id)
{
	if (msg->flow_id && !find(v, msg->flow_id))
		add(v, msg, msg->header.len, id);
}

void flows_told(struct flow_views *v, const struct ipc_flow *msg)
{
	struct history *h = v->console->history;
	struct flow_view *f = find(v, msg->connection.flow_id);

	if (f)
		f->told = v->telling;
	/* Told again when its process is known: then the old picture is replaced. */
	if (f && !msg->before_start)
		return;
	if (f)
		drop(v, f);
	f = add(v, &msg->connection, msg->connection.header.len, 0);
	if (!f)
		return;
	if (h && !msg->before_start && !msg->connection.nolog)
		f->connection_id = history_find(h, msg->connection.time_us, &msg->connection.flow);
	f->before_start = msg->before_start;
	f->counted = msg->packets_out > 0;
	f->traffic = (struct flow_traffic) { msg->bytes_out, msg->bytes_in, msg->packets_out,
		msg->packets_in, 0 };
	publish(v, f, SSE_FLOW_UPDATED);
}

void flows_traffic(struct flow_views *v, const struct ipc_flow_traffic *msg)
{
	struct flow_view *f = find(v, msg->flow_id);

	if (!f)
		return;
	f->updated_us = msg->time_us;
	f->counted = msg->counted;
	f->traffic = (struct flow_traffic) { msg->bytes_out, msg->bytes_in, msg->packets_out,
		msg->packets_in, 0 };
	if (!msg->is_end) {
		publish(v, f, SSE_FLOW_UPDATED);
		return;
	}
	end(v, f, (enum flow_end)msg->end, msg->time_us);
}

void flows_table(struct flow_views *v, const struct ipc_flow_table *msg)
{
	struct hash_node *node, *next;

	if (!msg->is_end) {
		v->telling = msg->number;
		return;
	}
	/* Of a telling whose beginning went to another console nothing can be said. */
	if (msg->number != v->telling)
		return;
	for (node = v->table.first; node; node = next) {
		next = hash_next(node);
		if (view_of(node)->told != v->telling)
			end(v, view_of(node), FLOW_FORGOTTEN, clock_real_us());
	}
}

void flows_end_result(struct flow_views *v, const struct ipc_flow_end_result *msg)
{
	json_t *items;
	struct http_request *req = engine_ask_end(v->console->asks, msg->request, &items);

	json_decref(items);
	if (!req)
		return;
	if (msg->error == 0)
		http_reply_empty(req);
	else if (msg->error == ERR_NOT_FOUND)
		http_reply_problem(req, 404, NULL, "there is no such flow");
	else
		http_reply_problem(
			req, 503, NULL, "the flow could not be ended: %s", err_str(msg->error));
}

/* ---- handlers */

static struct flow_view *find_flow(struct http_request *req)
{
	struct flow_view *f;
	uint64_t id;

	if (!http_param_number(req, 0, &id))
		return NULL;
	f = find(req->console->flows, id);
	if (!f)
		http_reply_problem(req, 404, NULL, "there is no such flow");
	return f;
}

void flows_get(struct http_request *req)
{
	const struct flow_view *f = find_flow(req);
	struct textbuf b = { 0 };
	json_t *json;

	if (!f)
		return;
	write_flow(&b, f);
	json = b.failed ? NULL : json_loadb(b.s, b.len, 0, NULL);
	textbuf_done(&b);
	http_reply_resource(req, 200, json, NULL);
}

void flows_delete(struct http_request *req)
{
	struct engine_asks *asks = req->console->asks;
	const struct flow_view *f = find_flow(req);
	struct ipc_flow_end *m;
	struct ipc_builder b;

	if (!f)
		return;
	m = ipc_begin(&b, IPC_FLOW_END);
	m->request = engine_ask_number(asks);
	m->flow_id = f->id;
	engine_ask(asks, req, m->request, &b);
}

enum sort_key { SORT_ID, SORT_STARTED, SORT_UPDATED, SORT_BYTES_IN, SORT_BYTES_OUT };

static const char *const sort_keys[] = { "id", "started", "updated", "bytes_in", "bytes_out",
	NULL };

struct order {
	unsigned key; /* enum sort_key */
	bool descending;
};

/* Where a flow stands in an order: by value, and those of one value by id. */
struct place {
	uint64_t value, id;
};

static struct place place_of(const struct flow_view *f, const struct order *order)
{
	const struct ipc_connection *msg = (const void *)f->msg;
	struct place p = { f->id, f->id };

	switch ((enum sort_key)order->key) {
	case SORT_ID:
		break;
	case SORT_STARTED:
		p.value = msg->time_us;
		break;
	case SORT_UPDATED:
		p.value = f->updated_us;
		break;
	case SORT_BYTES_IN:
		p.value = f->traffic.bytes_in;
		break;
	case SORT_BYTES_OUT:
		p.value = f->traffic.bytes_out;
		break;
	}
	return p;
}

static int compare_places(struct place a, struct place b, const struct order *order)
{
	int way = a.value != b.value ? (a.value > b.value) - (a.value < b.value)
				     : (a.id > b.id) - (a.id < b.id);

	return order->descending ? -way : way;
}

static int compare_flows(const void *a, const void *b, void *ctx)
{
	const struct flow_view *const *x = a, *const *y = b;

	return compare_places(place_of(*x, ctx), place_of(*y, ctx), ctx);
}

/* The cursor: "KEY VALUE ID" of the last flow that was given. False after a 422. */
static bool read_place(struct http_request *req, const struct http_page *page,
	const struct order *order, struct place *ret)
{
	unsigned long long value, id;
	unsigned key;
	char beyond;

	if (!page->has_cursor)
		return true;
	if (sscanf(page->cursor, "%2u %20llu %20llu%c", &key, &value, &id, &beyond) == 3 &&
		key == order->key * 2 + order->descending) {
		*ret = (struct place) { value, id };
		return true;
	}
	http_reply_invalid(req, "cursor", "is not one that this server gave for this order");
	return false;
}

/* The flows that are wanted, from `after` (NULL: the first) on, in order. The array is the caller's; NULL: out of memory. */
static const struct flow_view **collect(const struct flow_views *v,
	const struct connection_filter *filter, struct order *order, const struct place *after,
	size_t *ret_n)
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
	const struct flow_view **all = calloc(hash_count(&v->table) + 1, sizeof(*all));
	size_t n = 0;

	for (struct hash_node *node = v->table.first; all && node; node = hash_next(node)) {
		const struct flow_view *f = view_of(node);

		if ((!after || compare_places(place_of(f, order), *after, order) > 0) &&
			connection_filter_takes(filter, (const void *)f->msg))
			all[n++] = f;
	}
	if (n > 1)
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): likewise */
		qsort_r(all, n, sizeof(*all), compare_flows, order);
	*ret_n = n;
	return all;
}

void flows_list(struct http_request *req)
{
	struct order order = { SORT_ID, false };
	struct connection_filter filter;
	const struct flow_view **all;
	struct place place = { 0, 0 };
	struct textbuf b = { 0 };
	struct http_page page;
	char next[48] = "";
	size_t n = 0, shown, len;
	char *text;

	if (!http_page_read(req, &page) ||
		!http_query_sort(req, sort_keys, &order.key, &order.descending) ||
		!connection_filter_read(req, &filter) || !read_place(req, &page, &order, &place))
		return;
	all = collect(req->console->flows, &filter, &order, page.has_cursor ? &place : NULL, &n);
	if (!all) {
		http_reply_error(req, ERR_NOMEM, NULL);
		return;
	}
	shown = n < page.limit ? n : page.limit;
	textbuf_puts(&b, "{\"items\":[");
	for (size_t i = 0; i < shown; i++) {
		textbuf_puts(&b, i ? "," : "");
		write_flow(&b, all[i]);
	}
	if (shown) {
		place = place_of(all[shown - 1], &order);
		snprintf(next, sizeof(next), "%u %llu %llu", order.key * 2 + order.descending,
			(unsigned long long)place.value, (unsigned long long)place.id);
	}
	textbuf_puts(&b, "],\"next\":");
	textbuf_json_cursor(&b, shown < n ? next : NULL);
	textbuf_puts(&b, "}");
	free(all);
	text = textbuf_steal(&b, &len);
	http_reply_json_text(req, 200, text, len);
}
