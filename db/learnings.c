/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Learnings that are dealt with. */
#include "config.h"

#include "db/learnings.h"

#include "db/sql.h"
#include "db/store.h"
#include "lib/limits.h"

struct addition {
	struct store *store;
	const char *name;
	uint64_t began_us;
};

int learnings_done_each(
	struct store *s, int (*fn)(void *ctx, const char *name, uint64_t began_us), void *ctx)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(
		s, "SELECT name, began_us FROM learnings_done ORDER BY began_us DESC, name");
	int r;

	while ((r = sql_row(s, st, NULL)) > 0) {
		r = fn(ctx, sql_text(st, 0).s, (uint64_t)sqlite3_column_int64(st, 1));
		if (r)
			return r;
	}
	return r;
}

static int add(void *ctx)
{
	const struct addition *a = ctx;
	sqlite3_stmt *put _cleanup_sql_ =
		sql_get(a->store, "INSERT INTO learnings_done (name, began_us) VALUES (?1, ?2) ON "
				  "CONFLICT DO NOTHING");
	sqlite3_stmt *trim _cleanup_sql_ = NULL;
	int r;

	if (put) {
		sql_bind_text(put, 1, a->name);
		sqlite3_bind_int64(put, 2, (sqlite3_int64)a->began_us);
	}
	r = sql_run(a->store, put, NULL);
	if (r < 0)
		return r;
	trim = sql_get(a->store, "DELETE FROM learnings_done WHERE (name, began_us) IN"
				 " (SELECT name, began_us FROM learnings_done"
				 " ORDER BY began_us DESC, name LIMIT -1 OFFSET ?1)");
	if (trim)
		sqlite3_bind_int64(trim, 1, LIMIT_LEARNINGS_DONE);
	return sql_run(a->store, trim, NULL);
}

int learnings_done_add(struct store *s, const char *name, uint64_t began_us, struct error *err)
{
	struct addition a = { s, name, began_us };

	return store_transaction(s, STORE_DURABLE, add, &a, err);
}
