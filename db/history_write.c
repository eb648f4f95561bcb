/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows into the database, and out again when they are too old or too many. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/history_private.h"
#include "db/sql.h"
#include "db/store.h"
#include "lib/addr.h"
#include "lib/clock.h"

/*
 * Ids are promised to the database ahead of their use, so that after a crash none comes twice. So many can be given out
 * while the disk is full.
 */
#define ID_BLOCK 65536

#define REMOVE_SLICE 500
#define VACUUM_SLICE "64"

static const char insert_sql[] =
	"INSERT OR IGNORE INTO connections (id, time_us, protocol, action, reason, src_port, "
	"dst_port,"
	" uid, pid, method, confidence, host_source, latency_us, held, start_time, src_ip, dst_ip,"
	" host, rule, path, args, cwd, user, cgroup, container, parents, iface_out,"
	" host_certainty, flags, script, started_us, real_uid, euid, creator, forwarded, iface_in, "
	"netns)"
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
	" ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31,"
	" ?32, ?33, ?34, ?35, ?36, ?37)";

struct turn {
	struct history *h;
	uint64_t until_ns;
	struct error *err;
	uint64_t written;
	uint64_t removed;
	unsigned ended; /* flows */
	uint64_t reserve; /* the new value of reserved_id, or 0 */
};

/* ---- writing */

static void bind(sqlite3_stmt *st, enum history_column column, uint64_t value)
{
	sqlite3_bind_int64(st, column + 1, (int64_t)value);
}

static void bind_numbers(sqlite3_stmt *st, const struct connection_record *c)
{
	bind(st, COL_ID, c->id);
	bind(st, COL_TIME, c->time_us);
	bind(st, COL_PROTOCOL, c->flow.proto + (c->flow.dst.family == 6 ? PROTOCOL_V6 : 0));
	bind(st, COL_ACTION, c->action);
	bind(st, COL_REASON, c->reason);
	bind(st, COL_SRC_PORT, c->flow.src_port);
	bind(st, COL_DST_PORT, c->flow.dst_port);
	if (c->uid != UINT32_MAX)
		bind(st, COL_UID, c->uid);
	if (c->pid) {
		bind(st, COL_PID, (uint64_t)c->pid);
		bind(st, COL_START_TIME, c->start_time);
		bind(st, COL_STARTED, c->started_us);
	}
	if (c->real_uid != UINT32_MAX)
		bind(st, COL_REAL_UID, c->real_uid);
	if (c->euid != UINT32_MAX)
		bind(st, COL_EUID, c->euid);
	bind(st, COL_METHOD, c->method);
	bind(st, COL_CONFIDENCE, c->confidence);
	bind(st, COL_HOST_SOURCE, c->host_source);
	bind(st, COL_HOST_CERTAINTY, c->host_certainty);
	bind(st, COL_FLAGS, c->flags);
	bind(st, COL_FORWARDED, c->is_forwarded);
	bind(st, COL_LATENCY, c->latency_us);
	bind(st, COL_HELD, c->held);
}

static struct text ip_text(const struct ip_addr *a, char buf[static IP_ADDR_TEXT_LEN])
{
	struct text t;

	t.s = ip_addr_format(a, buf);
	t.len = strlen(t.s);
	return t;
}

static int bind_texts(
	struct history *h, sqlite3_stmt *st, const struct connection_record *c, struct error *err)
{
	char src[IP_ADDR_TEXT_LEN], dst[IP_ADDR_TEXT_LEN], parents[PARENTS_TEXT_LEN];
	char creator[RELATIVE_TEXT_LEN];
	const struct {
		enum history_column column;
		struct text text;
	} texts[] = {
		{ COL_SRC_IP, ip_text(&c->flow.src, src) },
		{ COL_DST_IP, ip_text(&c->flow.dst, dst) },
		{ COL_HOST, c->host },
		{ COL_RULE, c->rule },
		{ COL_PATH, c->path },
		{ COL_ARGS, c->args },
		{ COL_CWD, c->cwd },
		{ COL_USER, c->user },
		{ COL_CGROUP, c->cgroup },
		{ COL_CONTAINER, c->container },
		{ COL_PARENTS, history_relatives_text(
				       c->parents, c->n_parents, parents, sizeof(parents)) },
		{ COL_CREATOR, history_relatives_text(&c->creator, c->creator.pid ? 1 : 0, creator,
				       sizeof(creator)) },
		{ COL_IFACE_OUT, c->iface_out },
		{ COL_SCRIPT, c->script },
		{ COL_IFACE_IN, c->iface_in },
		{ COL_NETNS, c->netns },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t number;
		int r = strings_number(h->strings, texts[i].text, c->id, &number, err);

		if (r < 0)
			return r;
		if (number)
			sqlite3_bind_int64(st, texts[i].column + 1, number);
	}
	return 0;
}

static int write_row(struct history *h, const struct history_item *item, struct error *err)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(h->store, insert_sql);
	struct connection_record c;
	int r;

	if (!st)
		return sql_error(h->store, err);
	connection_record_from_ipc(&c, (const void *)item->msg, item->id);
	bind_numbers(st, &c);
	r = bind_texts(h, st, &c, err);
	return r < 0 ? r : sql_run(h->store, st, err);
}

/* Removes the oldest of what is more than `max_rows`: as many as were added, and a slice. */
static int remove_excess(struct turn *t)
{
	struct history *h = t->h;
	uint64_t rows = h->state.rows + t->written, max = h->limits.max_rows;
	sqlite3_stmt *st _cleanup_sql_ = NULL;
	int r;

	if (!max || rows <= max)
		return 0;
	st = sql_get(h->store, "DELETE FROM connections WHERE id IN"
			       " (SELECT id FROM connections ORDER BY id LIMIT ?1)");
	rows -= max;
	if (rows > t->written + REMOVE_SLICE)
		rows = t->written + REMOVE_SLICE;
	if (st)
		sqlite3_bind_int64(st, 1, (int64_t)rows);
	r = sql_run(h->store, st, t->err);
	if (r == 0)
		t->removed += (uint64_t)sql_changes(h->store);
	return r;
}

/* What waits for its row to be written first stays. */
static int write_ends(struct turn *t)
{
	struct history *h = t->h;

	for (const struct history_end *e = h->ends; e && t->ended < LIMIT_HISTORY_BATCH;
		e = e->next) {
		sqlite3_stmt *st _cleanup_sql_ = NULL;
		int r;

		if (h->head && e->id >= h->head->id + t->written)
			break;
		st = sql_get(h->store,
			"UPDATE connections SET bytes_out = ?2, bytes_in = ?3, packets_out = ?4,"
			" packets_in = ?5, ended_us = ?6 WHERE id = ?1");
		if (st) {
			sqlite3_bind_int64(st, 1, (int64_t)e->id);
			sqlite3_bind_int64(st, 2, (int64_t)e->traffic.bytes_out);
			sqlite3_bind_int64(st, 3, (int64_t)e->traffic.bytes_in);
			sqlite3_bind_int64(st, 4, (int64_t)e->traffic.packets_out);
			sqlite3_bind_int64(st, 5, (int64_t)e->traffic.packets_in);
			sqlite3_bind_int64(st, 6, (int64_t)e->traffic.ended_us);
		}
		r = sql_run(h->store, st, t->err);
		if (r < 0)
			return r;
		t->ended++;
	}
	return 0;
}

static int write_rows(void *ctx)
{
	struct turn *t = ctx;
	struct history *h = t->h;
	const struct history_item *item = h->head;
	int r = 0;

	if (t->reserve)
		r = counter_set(h->store, "connections.next_id", (int64_t)t->reserve, t->err);
	for (; r == 0 && item && t->written < LIMIT_HISTORY_BATCH; item = item->next) {
		r = write_row(h, item, t->err);
		t->written++;
		if (clock_mono_ns() >= t->until_ns)
			break;
	}
	if (r == 0)
		r = write_ends(t);
	return r < 0 ? r : remove_excess(t);
}

static void dequeue(struct history *h, uint64_t n)
{
	while (n-- && h->head) {
		struct history_item *item = h->head;

		h->head = item->next;
		h->queue_bytes -= history_item_size(item);
		h->state.queued--;
		free(item);
	}
	if (!h->head)
		h->tail = &h->head;
}

static void dequeue_ends(struct history *h, unsigned n)
{
	while (n-- && h->ends) {
		struct history_end *e = h->ends;

		h->ends = e->next;
		h->n_ends--;
		free(e);
	}
	if (!h->ends)
		h->ends_tail = &h->ends;
}

int history_write(struct history *h, uint64_t until_ns, struct error *err)
{
	struct turn t = { .h = h, .until_ns = until_ns, .err = err };
	int r;

	/* After a failure always: it shows whether the disk takes anything again. */
	if (h->next_id + ID_BLOCK / 2 > h->reserved_id || h->state.stopped)
		t.reserve = h->next_id + ID_BLOCK;
	r = store_transaction(h->store, STORE_LAZY, write_rows, &t, err);
	if (r < 0) {
		strings_reset(h->strings);
		return r;
	}
	if (t.reserve)
		h->reserved_id = t.reserve;
	dequeue(h, t.written);
	dequeue_ends(h, t.ended);
	h->state.rows += t.written - t.removed;
	h->sweep_wanted |= t.removed > 0;
	return 0;
}

/* ---- removing */

static int64_t number_of(struct store *s, const char *sql)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s, sql);

	return sql_row(s, st, NULL) > 0 ? sqlite3_column_int64(st, 0) : 0;
}

/* The time before which a connection is too old; 0: none is. */
static uint64_t oldest_allowed(const struct history *h)
{
	uint64_t now = clock_real_us(), age = h->limits.max_age_ms * 1000;

	return age && age < now ? now - age : 0;
}

static int remove_old(struct turn *t)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(t->h->store,
		"DELETE FROM connections WHERE id IN"
		" (SELECT id FROM connections WHERE time_us < ?1 ORDER BY time_us LIMIT ?2)");
	int r;

	if (st) {
		sqlite3_bind_int64(st, 1, (int64_t)oldest_allowed(t->h));
		sqlite3_bind_int64(st, 2, REMOVE_SLICE);
	}
	r = sql_run(t->h->store, st, t->err);
	if (r == 0)
		t->removed += (uint64_t)sql_changes(t->h->store);
	return r;
}

/* Removes texts that no row needs any more. Rows go oldest first, so an id tells. */
static int sweep(struct turn *t)
{
	struct history *h = t->h;
	uint64_t least = (uint64_t)number_of(h->store, "SELECT min(id) FROM connections");
	int r = strings_sweep(h->strings, least ? least : h->next_id, t->err);

	if (r > 0)
		h->sweep_wanted = false;
	return r < 0 ? r : 0;
}

static int remove_rows(void *ctx)
{
	struct turn *t = ctx;
	int r = remove_old(t);

	if (r == 0)
		r = remove_excess(t);
	return r == 0 && t->h->sweep_wanted ? sweep(t) : r;
}

/* Gives pages back to the file system when a quarter of the file is empty. */
static int shrink(struct history *h, struct error *err)
{
	int64_t free_pages = number_of(h->store, "PRAGMA freelist_count");
	sqlite3_stmt *st _cleanup_sql_ = NULL;
	int r;

	if (free_pages < 256 || free_pages * 4 < number_of(h->store, "PRAGMA page_count"))
		return 0;
	st = sql_get(h->store, "PRAGMA incremental_vacuum(" VACUUM_SLICE ")");
	do
		r = sql_row(h->store, st, err);
	while (r > 0);
	return r;
}

int history_tidy(struct history *h, struct error *err)
{
	struct turn t = { .h = h, .err = err };
	uint64_t oldest = (uint64_t)number_of(h->store, "SELECT min(time_us) FROM connections");
	bool too_old = oldest && oldest < oldest_allowed(h);
	bool too_many = h->limits.max_rows && h->state.rows > h->limits.max_rows;
	int r;

	if (!too_old && !too_many && !h->sweep_wanted)
		return shrink(h, err);
	r = store_transaction(h->store, STORE_LAZY, remove_rows, &t, err);
	if (r < 0) {
		strings_reset(h->strings);
		return r;
	}
	h->state.rows -= t.removed;
	/* More may wait: come again at the next tick. */
	h->sweep_wanted |= t.removed > 0;
	return 0;
}
