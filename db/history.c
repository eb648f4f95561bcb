/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queue of decided connections, their ids, and what happens when the disk fails. */
#include "config.h"

#include "db/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/history_private.h"
#include "db/sql.h"
#include "db/store.h"
#include "lib/clock.h"

#define WRITE_NS 50000000u /* of one turn */
#define TIDY_NS 2000000000u /* between two looks when nothing is written */
#define RETRY_MS 5000

static int scalar(struct store *s, const char *sql, uint64_t *ret, struct error *err)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s, sql);
	int r = sql_row(s, st, err);

	if (r < 0)
		return r;
	*ret = r ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
	return 0;
}

static int load_state(struct history *h, struct error *err)
{
	uint64_t greatest;
	int64_t reserved;
	int r = scalar(h->store, "SELECT count(*) FROM connections", &h->state.rows, err);

	if (r == 0)
		r = scalar(h->store, "SELECT max(id) FROM connections", &greatest, err);
	if (r == 0)
		r = counter_get(h->store, "connections.next_id", &reserved, err);
	if (r < 0)
		return r;
	h->next_id = (uint64_t)reserved > greatest ? (uint64_t)reserved : greatest + 1;
	return 0;
}

int history_open(struct store *store,
	void (*on_state)(void *ctx, const struct history_state *state), void *ctx,
	struct history **ret, struct error *err)
{
	struct history *h = calloc(1, sizeof(*h));
	struct error why = { 0 };
	int r;

	if (!h)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	h->store = store;
	h->on_state = on_state;
	h->ctx = ctx;
	h->tail = &h->head;
	h->ends_tail = &h->ends;
	r = history_read_init(store);
	if (r == 0)
		r = load_state(h, err);
	if (r == 0)
		r = strings_open(store, &h->strings, err);
	if (r < 0) {
		history_close(h);
		return r;
	}
	/* Reserves ids, and so finds out whether the disk takes anything. */
	r = history_write(h, 0, &why);
	history_note(h, r, &why);
	*ret = h;
	return 0;
}

static int release_ids(void *ctx)
{
	struct history *h = ctx;

	return counter_set(h->store, "connections.next_id", (int64_t)h->next_id, NULL);
}

void history_close(struct history *h)
{
	if (!h)
		return;
	while ((h->head || h->ends) && history_write(h, UINT64_MAX, NULL) == 0)
		continue;
	if (h->strings)
		(void)store_transaction(h->store, STORE_LAZY, release_ids, h, NULL);
	while (h->head) {
		struct history_item *item = h->head;

		h->head = item->next;
		free(item);
	}
	while (h->ends) {
		struct history_end *e = h->ends;

		h->ends = e->next;
		free(e);
	}
	strings_close(h->strings);
	free(h);
}

void history_set_limits(struct history *h, const struct history_limits *limits)
{
	h->limits = *limits;
	h->tidy_ns = 0;
}

void history_get_state(const struct history *h, struct history_state *ret)
{
	uint64_t now = clock_real_us(), then = now;

	*ret = h->state;
	if (h->head)
		then = ((const struct ipc_connection *)(const void *)h->head->msg)->time_us;
	ret->lag_us = now > then ? now - then : 0;
}

void history_note(struct history *h, int result, const struct error *err)
{
	uint32_t retry_ms = h->limits.retry_ms ? h->limits.retry_ms : RETRY_MS;
	bool was = h->state.stopped;

	if (result < 0)
		h->retry_ns = clock_mono_ns() + (uint64_t)retry_ms * 1000000;
	if ((result < 0) == was)
		return;
	h->state.stopped = result < 0;
	snprintf(h->state.why, sizeof(h->state.why), "%s", result < 0 ? err->message : "");
	if (h->on_state)
		h->on_state(h->ctx, &h->state);
}

size_t history_item_size(const struct history_item *item)
{
	return sizeof(*item) + ((const struct ipc_header *)(const void *)item->msg)->len;
}

static void enqueue(struct history *h, const struct ipc_connection *msg, uint64_t id)
{
	size_t size = sizeof(struct history_item) + msg->header.len;
	struct history_item *item = NULL;

	if (h->state.queued < LIMIT_HISTORY_QUEUE &&
		h->queue_bytes + size <= LIMIT_HISTORY_QUEUE_BYTES)
		item = malloc(size);
	if (!item) {
		h->state.lost++;
		return;
	}
	item->next = NULL;
	item->id = id;
	memcpy(item->msg, msg, msg->header.len);
	*h->tail = item;
	h->tail = &item->next;
	h->state.queued++;
	h->queue_bytes += size;
}

/* One turn of writing, unless the disk failed a moment ago. */
static void write_turn(struct history *h, uint64_t now_ns)
{
	struct error err = { 0 };
	int r;

	if (h->state.stopped && now_ns < h->retry_ns)
		return;
	if (!h->head && !h->ends && !h->state.stopped)
		return;
	r = history_write(h, now_ns + WRITE_NS, &err);
	history_note(h, r, &err);
}

uint64_t history_add(struct history *h, const struct ipc_connection *msg)
{
	uint64_t id = h->next_id++;

	if (msg->nolog)
		return id;
	enqueue(h, msg, id);
	if (h->state.queued >= LIMIT_HISTORY_BATCH)
		write_turn(h, clock_mono_ns());
	return id;
}

void history_end(struct history *h, uint64_t id, const struct flow_traffic *traffic)
{
	struct history_end *e = h->n_ends < LIMIT_HISTORY_QUEUE ? calloc(1, sizeof(*e)) : NULL;

	if (!e)
		return;
	e->id = id;
	e->traffic = *traffic;
	*h->ends_tail = e;
	h->ends_tail = &e->next;
	h->n_ends++;
}

uint64_t history_find(struct history *h, uint64_t time_us, const struct flow *flow)
{
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(h->store, "SELECT id FROM connections WHERE time_us = ?1 AND src_port = ?2 "
				  "AND dst_port = ?3");

	if (st) {
		sqlite3_bind_int64(st, 1, (int64_t)time_us);
		sqlite3_bind_int64(st, 2, flow->src_port);
		sqlite3_bind_int64(st, 3, flow->dst_port);
	}
	return sql_row(h->store, st, NULL) > 0 ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
}

bool history_has_work(const struct history *h)
{
	return h->head || h->ends || h->state.stopped || h->sweep_wanted;
}

void history_tick(struct history *h)
{
	uint64_t now = clock_mono_ns();
	struct error err = { 0 };
	int r;

	write_turn(h, now);
	if (h->state.stopped || (!h->sweep_wanted && h->tidy_ns && now - h->tidy_ns < TIDY_NS))
		return;
	h->tidy_ns = now;
	r = history_tidy(h, &err);
	if (r < 0)
		history_note(h, r, &err);
}
