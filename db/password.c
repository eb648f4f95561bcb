/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One row, or none. */
#include "db/password.h"

#include <stdio.h>
#include <string.h>

#include "db/sql.h"
#include "db/store.h"

struct change {
	struct store *store;
	const struct password_row *row;
};

int password_load(struct store *s, struct password_row *ret)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s, "SELECT hash, changed_us FROM password");
	int r = sql_row(s, st, NULL);

	memset(ret, 0, sizeof(*ret));
	if (r <= 0)
		return r;
	snprintf(ret->hash, sizeof(ret->hash), "%s", sql_text(st, 0).s);
	ret->changed_us = (uint64_t)sqlite3_column_int64(st, 1);
	return 0;
}

static int replace(void *ctx)
{
	struct change *c = ctx;
	sqlite3_stmt *st _cleanup_sql_ =
		c->row->hash[0]
			? sql_get(c->store, "INSERT INTO password (one, hash, changed_us)"
					    " VALUES (1, ?1, ?2) ON CONFLICT (one) DO UPDATE"
					    " SET hash = ?1, changed_us = ?2")
			: sql_get(c->store, "DELETE FROM password");

	if (st && c->row->hash[0]) {
		sql_bind_text(st, 1, c->row->hash);
		sqlite3_bind_int64(st, 2, (sqlite3_int64)c->row->changed_us);
	}
	return sql_run(c->store, st, NULL);
}

int password_store(struct store *s, const struct password_row *row)
{
	struct change c = { s, row };

	return store_transaction(s, STORE_DURABLE, replace, &c, NULL);
}
