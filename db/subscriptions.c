/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists from a URL. */
#include "db/subscriptions.h"

#include <stdio.h>
#include <string.h>

#include "db/sql.h"
#include "db/store.h"

struct change {
	struct store *store;
	const struct subscription_row *row;
	const char *name;
	struct error *err;
};

#define COPY(field, column) snprintf(field, sizeof(field), "%s", sql_text(st, column).s)

static void read_row(sqlite3_stmt *st, struct subscription_row *ret)
{
	memset(ret, 0, sizeof(*ret));
	COPY(ret->name, 0);
	COPY(ret->url, 1);
	COPY(ret->operand, 2);
	COPY(ret->folder, 3);
	ret->enabled = sqlite3_column_int64(st, 4) != 0;
	COPY(ret->interval, 5);
	ret->created_us = (uint64_t)sqlite3_column_int64(st, 6);
	ret->checked_us = (uint64_t)sqlite3_column_int64(st, 7);
	ret->updated_us = (uint64_t)sqlite3_column_int64(st, 8);
	ret->failures = (uint32_t)sqlite3_column_int64(st, 9);
	COPY(ret->error, 10);
	ret->bytes = (uint64_t)sqlite3_column_int64(st, 11);
	ret->entries = (uint64_t)sqlite3_column_int64(st, 12);
	ret->bad_lines = (uint64_t)sqlite3_column_int64(st, 13);
	COPY(ret->etag, 14);
	COPY(ret->last_modified, 15);
}

int subscriptions_each(
	struct store *s, int (*fn)(void *ctx, const struct subscription_row *row), void *ctx)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s,
		"SELECT name, url, operand, folder, enabled, interval, created_us, checked_us,"
		" updated_us, failures, error, bytes, entries, bad_lines, etag, last_modified"
		" FROM subscriptions ORDER BY name");
	struct subscription_row row;
	int r;

	while ((r = sql_row(s, st, NULL)) > 0) {
		read_row(st, &row);
		r = fn(ctx, &row);
		if (r)
			return r;
	}
	return r;
}

static int put(void *ctx)
{
	struct change *c = ctx;
	const struct subscription_row *row = c->row;
	sqlite3_stmt *st _cleanup_sql_ = sql_get(c->store,
		"INSERT OR REPLACE INTO subscriptions (name, url, operand, folder, enabled,"
		" interval, created_us, checked_us, updated_us, failures, error, bytes, entries,"
		" bad_lines, etag, last_modified)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)");

	if (st) {
		sql_bind_text(st, 1, row->name);
		sql_bind_text(st, 2, row->url);
		sql_bind_text(st, 3, row->operand);
		sql_bind_text(st, 4, row->folder);
		sqlite3_bind_int64(st, 5, row->enabled);
		sql_bind_text(st, 6, row->interval);
		sqlite3_bind_int64(st, 7, (sqlite3_int64)row->created_us);
		sqlite3_bind_int64(st, 8, (sqlite3_int64)row->checked_us);
		sqlite3_bind_int64(st, 9, (sqlite3_int64)row->updated_us);
		sqlite3_bind_int64(st, 10, row->failures);
		sql_bind_text(st, 11, row->error);
		sqlite3_bind_int64(st, 12, (sqlite3_int64)row->bytes);
		sqlite3_bind_int64(st, 13, (sqlite3_int64)row->entries);
		sqlite3_bind_int64(st, 14, (sqlite3_int64)row->bad_lines);
		sql_bind_text(st, 15, row->etag);
		sql_bind_text(st, 16, row->last_modified);
	}
	return sql_run(c->store, st, c->err);
}

int subscriptions_put(
	struct store *s, const struct subscription_row *row, bool durable, struct error *err)
{
	struct change c = { .store = s, .row = row, .err = err };

	return store_transaction(s, durable ? STORE_DURABLE : STORE_LAZY, put, &c, err);
}

static int delete_one(void *ctx)
{
	struct change *c = ctx;
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(c->store, "DELETE FROM subscriptions WHERE name = ?1");

	if (st)
		sql_bind_text(st, 1, c->name);
	return sql_run(c->store, st, c->err);
}

int subscriptions_delete(struct store *s, const char *name, struct error *err)
{
	struct change c = { .store = s, .name = name, .err = err };

	return store_transaction(s, STORE_DURABLE, delete_one, &c, err);
}
