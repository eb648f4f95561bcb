/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of the history as numbers, in slices of ids. */
#include "config.h"

#include "db/history_scan.h"

#include <string.h>

#include "db/history_private.h"
#include "db/sql.h"
#include "lib/addr.h"
#include "lib/cleanup.h"

enum column {
	ROW_ID,
	ROW_TIME,
	ROW_ACTION,
	ROW_PROTOCOL,
	ROW_SRC_PORT,
	ROW_DST_PORT,
	ROW_UID,
	ROW_PID,
	ROW_SRC_IP,
	ROW_DST_IP,
	ROW_HOST,
	ROW_PATH,
	ROW_ARGS,
	ROW_USER,
	ROW_PARENTS,
	ROW_IFACE_IN,
	ROW_IFACE_OUT,
};

#define ROWS(index, condition)                                                                     \
	"SELECT id, time_us, action, protocol, src_port, dst_port, uid, pid, src_ip, dst_ip,"      \
	" host, path, args, user, parents, iface_in, iface_out FROM connections " index            \
	" WHERE id < ?1 AND id >= ?2" condition " ORDER BY id DESC"

static const char rows_of_all[] = ROWS("NOT INDEXED", "");
static const char rows_of_path[] = ROWS("INDEXED BY connections_path", " AND path = ?3");

/* Ids only nearly follow the time: a held connection is decided late, and clocks are set. */
int history_scan_begin(struct history_scan *s, struct history *h, const char *path,
	uint64_t from_us, uint64_t to_us)
{
	sqlite3_stmt *st _cleanup_sql_ = NULL;
	int r;

	*s = (struct history_scan) { .history = h, .from_us = from_us, .to_us = to_us };
	history_tick(h);
	if (path) {
		r = strings_find(h->strings, (struct text) { path, strlen(path) }, &s->path, NULL);
		if (r < 0 || !s->path)
			return r;
	}
	st = sql_get(h->store, "SELECT min(id), max(id) FROM connections INDEXED BY"
			       " connections_time WHERE time_us >= ?1 AND time_us < ?2");
	if (st) {
		sqlite3_bind_int64(st, 1, from_us < INT64_MAX ? (int64_t)from_us : INT64_MAX);
		sqlite3_bind_int64(st, 2, to_us < INT64_MAX ? (int64_t)to_us : INT64_MAX);
	}
	r = sql_row(h->store, st, NULL);
	if (r <= 0 || sqlite3_column_type(st, 0) == SQLITE_NULL)
		return r < 0 ? r : 0;
	s->least_id = (uint64_t)sqlite3_column_int64(st, 0);
	s->next_id = (uint64_t)sqlite3_column_int64(st, 1) + 1;
	s->total = s->next_id - s->least_id;
	return 0;
}

static int64_t number(sqlite3_stmt *st, enum column column)
{
	return sqlite3_column_int64(st, column);
}

static void read_facts(sqlite3_stmt *st, struct history_facts *f)
{
	memset(f, 0, sizeof(*f));
	f->src_ip = number(st, ROW_SRC_IP);
	f->dst_ip = number(st, ROW_DST_IP);
	f->host = number(st, ROW_HOST);
	f->path = number(st, ROW_PATH);
	f->args = number(st, ROW_ARGS);
	f->user = number(st, ROW_USER);
	f->parents = number(st, ROW_PARENTS);
	f->iface_in = number(st, ROW_IFACE_IN);
	f->iface_out = number(st, ROW_IFACE_OUT);
	f->uid = sqlite3_column_type(st, ROW_UID) == SQLITE_NULL ? -1 : number(st, ROW_UID);
	f->pid = (int32_t)number(st, ROW_PID);
	f->protocol = (uint16_t)number(st, ROW_PROTOCOL);
	f->src_port = (uint16_t)number(st, ROW_SRC_PORT);
	f->dst_port = (uint16_t)number(st, ROW_DST_PORT);
}

int history_scan_step(struct history_scan *s, unsigned n,
	void (*fn)(void *ctx, const struct history_row *row), void *ctx)
{
	sqlite3_stmt *st _cleanup_sql_ = NULL;
	uint64_t from = s->least_id;
	struct history_row row;
	int r;

	if (!s->total || s->next_id <= s->least_id)
		return 0;
	if (s->next_id - s->least_id > n)
		from = s->next_id - n;
	st = sql_get(s->history->store, s->path ? rows_of_path : rows_of_all);
	if (st) {
		sqlite3_bind_int64(st, 1, (int64_t)s->next_id);
		sqlite3_bind_int64(st, 2, (int64_t)from);
	}
	if (st && s->path)
		sqlite3_bind_int64(st, 3, s->path);
	while ((r = sql_row(s->history->store, st, NULL)) > 0) {
		uint64_t action = (uint64_t)number(st, ROW_ACTION);

		row.id = (uint64_t)number(st, ROW_ID);
		row.time_us = (uint64_t)number(st, ROW_TIME);
		if (row.time_us < s->from_us || row.time_us >= s->to_us)
			continue;
		row.action = action < ACTION_COUNT_ ? (enum action)action : ACTION_ALLOW;
		read_facts(st, &row.facts);
		fn(ctx, &row);
	}
	s->passed += s->next_id - from;
	s->next_id = from;
	return r < 0 ? r : s->next_id > s->least_id;
}

/* ---- texts */

int history_scan_resolve(struct history_texts *texts, const struct history_facts *f,
	void (*fn)(void *ctx, const struct connection_record *record), void *ctx)
{
	const int64_t numbers[] = { f->src_ip, f->dst_ip, f->host, f->path, f->args, f->user,
		f->iface_out, f->parents, f->iface_in };
	struct text text[array_len(numbers)];
	struct connection_record c;
	int r = history_texts_get(texts, numbers, array_len(numbers), text);

	if (r < 0)
		return r;
	memset(&c, 0, offsetof(struct connection_record, args_buf));
	flow_init(&c.flow);
	c.flow.proto = (uint8_t)f->protocol;
	c.flow.src_port = f->src_port;
	c.flow.dst_port = f->dst_port;
	c.flow.src = history_address(text[0]);
	c.flow.dst = history_address(text[1]);
	/* The family is told by the protocol too, and part of its name. */
	if (!c.flow.dst.family)
		c.flow.dst.family = f->protocol >= PROTOCOL_V6 ? 6 : 4;
	c.pid = f->pid;
	c.uid = f->uid < 0 ? UINT32_MAX : (uint32_t)f->uid;
	c.host = text[2];
	c.path = text[3];
	c.args = text[4];
	c.user = text[5];
	c.iface_out = text[6];
	c.real_uid = c.euid = UINT32_MAX;
	c.n_parents = history_relatives_parse(text[7], c.parents, LIMIT_PARENTS);
	c.iface_in = text[8];
	fn(ctx, &c);
	return 0;
}

int history_scan_text(struct history *h, int64_t number_of_text,
	void (*fn)(void *ctx, struct text text), void *ctx)
{
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(h->store, "SELECT text FROM strings WHERE id = ?1");
	int r;

	if (st)
		sqlite3_bind_int64(st, 1, number_of_text);
	r = sql_row(h->store, st, NULL);
	if (r > 0)
		fn(ctx, sql_text(st, 0));
	return r < 0 ? r : 0;
}
