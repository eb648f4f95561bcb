/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log-ins that outlive a restart. */
#include "db/sessions.h"

#include <stdio.h>
#include <string.h>

#include "db/sql.h"
#include "db/store.h"

struct change {
	struct store *store;
	const struct session_row *row;
	const uint8_t *hash;
	uint64_t now_us;
};

static int delete_expired(void *ctx)
{
	struct change *c = ctx;
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(c->store, "DELETE FROM sessions WHERE expires_us <= ?1");

	if (st)
		sqlite3_bind_int64(st, 1, (sqlite3_int64)c->now_us);
	return sql_run(c->store, st, NULL);
}

/* The next row, where it is one (a hash has its length by the table's check). */
static void read_row(sqlite3_stmt *st, struct session_row *ret)
{
	const void *hash = sqlite3_column_blob(st, 0);

	memset(ret, 0, sizeof(*ret));
	if (hash && sqlite3_column_bytes(st, 0) == (int)sizeof(ret->hash))
		memcpy(ret->hash, hash, sizeof(ret->hash));
	ret->scopes = (uint32_t)sqlite3_column_int64(st, 1);
	ret->created_us = (uint64_t)sqlite3_column_int64(st, 2);
	ret->expires_us = (uint64_t)sqlite3_column_int64(st, 3);
	ret->seen_us = (uint64_t)sqlite3_column_int64(st, 4);
	snprintf(ret->login, sizeof(ret->login), "%s", sql_text(st, 5).s);
}

int sessions_load(struct store *s, uint64_t now_us, struct session_row *ret, unsigned max)
{
	struct change c = { .store = s, .now_us = now_us };
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s,
		"SELECT hash, scopes, created_us, expires_us, seen_us, login FROM sessions"
		" WHERE expires_us > ?1 ORDER BY created_us DESC, hash LIMIT ?2");
	unsigned n = 0;
	int r;

	if (st) {
		sqlite3_bind_int64(st, 1, (sqlite3_int64)now_us);
		sqlite3_bind_int64(st, 2, max);
	}
	while ((r = sql_row(s, st, NULL)) > 0)
		read_row(st, &ret[n++]);
	if (r < 0)
		return r;
	/* Tidying only: on a full disk the log-ins still work. */
	(void)store_transaction(s, STORE_LAZY, delete_expired, &c, NULL);
	return (int)n;
}

static int add(void *ctx)
{
	struct change *c = ctx;
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(c->store, "INSERT INTO sessions (hash, scopes, created_us, expires_us,"
				  " seen_us, login) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");

	if (st) {
		sqlite3_bind_blob(st, 1, c->row->hash, sizeof(c->row->hash), SQLITE_STATIC);
		sqlite3_bind_int64(st, 2, c->row->scopes);
		sqlite3_bind_int64(st, 3, (sqlite3_int64)c->row->created_us);
		sqlite3_bind_int64(st, 4, (sqlite3_int64)c->row->expires_us);
		sqlite3_bind_int64(st, 5, (sqlite3_int64)c->row->seen_us);
		sql_bind_text(st, 6, c->row->login);
	}
	return sql_run(c->store, st, NULL);
}

int sessions_add(struct store *s, const struct session_row *row)
{
	struct change c = { .store = s, .row = row };

	return store_transaction(s, STORE_DURABLE, add, &c, NULL);
}

static int delete_one(void *ctx)
{
	struct change *c = ctx;
	sqlite3_stmt *st _cleanup_sql_ = sql_get(c->store, "DELETE FROM sessions WHERE hash = ?1");

	if (st)
		sqlite3_bind_blob(st, 1, c->hash, 32, SQLITE_STATIC);
	return sql_run(c->store, st, NULL);
}

int sessions_delete(struct store *s, const uint8_t hash[static 32])
{
	struct change c = { .store = s, .hash = hash };

	return store_transaction(s, STORE_DURABLE, delete_one, &c, NULL);
}

static int note_seen(void *ctx)
{
	struct change *c = ctx;
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(c->store, "UPDATE sessions SET seen_us = ?1 WHERE hash = ?2");

	if (st) {
		sqlite3_bind_int64(st, 1, (sqlite3_int64)c->now_us);
		sqlite3_bind_blob(st, 2, c->hash, 32, SQLITE_STATIC);
	}
	return sql_run(c->store, st, NULL);
}

int sessions_seen(struct store *s, const uint8_t hash[static 32], uint64_t seen_us)
{
	struct change c = { .store = s, .hash = hash, .now_us = seen_us };

	return store_transaction(s, STORE_LAZY, note_seen, &c, NULL);
}
