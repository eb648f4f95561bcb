/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and JSON texts. */
#include "db/settings.h"

#include "db/sql.h"
#include "db/store.h"

int settings_each(
	struct store *s, int (*fn)(void *ctx, const char *name, const char *json), void *ctx)
{
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(s, "SELECT name, value FROM settings ORDER BY name");
	int r;

	while ((r = sql_row(s, st, NULL)) > 0) {
		r = fn(ctx, sql_text(st, 0).s, sql_text(st, 1).s);
		if (r)
			return r;
	}
	return r;
}

struct change {
	struct store *store;
	const struct setting *settings;
	unsigned n;
};

static int set_one(struct store *s, const struct setting *setting)
{
	sqlite3_stmt *st _cleanup_sql_ =
		setting->json
			? sql_get(s, "INSERT INTO settings (name, value) VALUES (?1, ?2)"
				     " ON CONFLICT (name) DO UPDATE SET value = excluded.value")
			: sql_get(s, "DELETE FROM settings WHERE name = ?1");

	if (st)
		sql_bind_text(st, 1, setting->name);
	if (st && setting->json)
		sql_bind_text(st, 2, setting->json);
	return sql_run(s, st, NULL);
}

static int set_all(void *ctx)
{
	struct change *c = ctx;
	int r = 0;

	for (unsigned i = 0; i < c->n && r == 0; i++)
		r = set_one(c->store, &c->settings[i]);
	return r;
}

int settings_set(struct store *s, const struct setting *settings, unsigned n)
{
	struct change c = { s, settings, n };

	return store_transaction(s, STORE_DURABLE, set_all, &c, NULL);
}
