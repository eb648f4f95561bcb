/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Named tokens. */
#include "db/tokens.h"

#include <stdio.h>
#include <string.h>

#include "db/sql.h"
#include "db/store.h"

struct change {
	struct store *store;
	const struct token_row *row;
	const char *name;
	uint64_t used_us;
};

static void read_row(sqlite3_stmt *st, struct token_row *ret)
{
	const void *hash = sqlite3_column_blob(st, 1);

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->name, sizeof(ret->name), "%s", sql_text(st, 0).s);
	if (hash && sqlite3_column_bytes(st, 1) == (int)sizeof(ret->hash))
		memcpy(ret->hash, hash, sizeof(ret->hash));
	ret->scopes = (uint32_t)sqlite3_column_int64(st, 2);
	ret->created_us = (uint64_t)sqlite3_column_int64(st, 3);
	snprintf(ret->created_by, sizeof(ret->created_by), "%s", sql_text(st, 4).s);
	ret->expires_us = (uint64_t)sqlite3_column_int64(st, 5);
	ret->used_us = (uint64_t)sqlite3_column_int64(st, 6);
}

int tokens_load(struct store *s, struct token_row *ret, unsigned max)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s,
		"SELECT name, hash, scopes, created_us, created_by, expires_us, used_us FROM tokens"
		" ORDER BY name LIMIT ?1");
	unsigned n = 0;
	int r;

	if (st)
		sqlite3_bind_int64(st, 1, max);
	while ((r = sql_row(s, st, NULL)) > 0)
		read_row(st, &ret[n++]);
	return r < 0 ? r : (int)n;
}

static int add(void *ctx)
{
	struct change *c = ctx;
	sqlite3_stmt *st _cleanup_sql_ = sql_get(c->store,
		"INSERT INTO tokens (name, hash, scopes, created_us, created_by, expires_us,"
		" used_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)");

	if (st) {
		sql_bind_text(st, 1, c->row->name);
		sqlite3_bind_blob(st, 2, c->row->hash, sizeof(c->row->hash), SQLITE_STATIC);
		sqlite3_bind_int64(st, 3, c->row->scopes);
		sqlite3_bind_int64(st, 4, (sqlite3_int64)c->row->created_us);
		sql_bind_text(st, 5, c->row->created_by);
		sqlite3_bind_int64(st, 6, (sqlite3_int64)c->row->expires_us);
	}
	return sql_run(c->store, st, NULL);
}

int tokens_add(struct store *s, const struct token_row *row)
{
	struct change c = { .store = s, .row = row };

	return store_transaction(s, STORE_DURABLE, add, &c, NULL);
}

static int delete_one(void *ctx)
{
	struct change *c = ctx;
	sqlite3_stmt *st _cleanup_sql_ = sql_get(c->store, "DELETE FROM tokens WHERE name = ?1");

	if (st)
		sql_bind_text(st, 1, c->name);
	return sql_run(c->store, st, NULL);
}

int tokens_delete(struct store *s, const char *name)
{
	struct change c = { .store = s, .name = name };

	return store_transaction(s, STORE_DURABLE, delete_one, &c, NULL);
}

static int note_use(void *ctx)
{
	struct change *c = ctx;
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(c->store, "UPDATE tokens SET used_us = ?1 WHERE name = ?2");

	if (st) {
		sqlite3_bind_int64(st, 1, (sqlite3_int64)c->used_us);
		sql_bind_text(st, 2, c->name);
	}
	return sql_run(c->store, st, NULL);
}

int tokens_used(struct store *s, const char *name, uint64_t used_us)
{
	struct change c = { .store = s, .name = name, .used_us = used_us };

	return store_transaction(s, STORE_LAZY, note_use, &c, NULL);
}
