/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rule documents by name. */
#include "db/rules.h"

#include <stddef.h>

#include "db/sql.h"
#include "db/store.h"

struct change {
	struct store *store;
	const struct rule_row *row;
	const char *name; /* to be removed, or NULL */
	const struct rule_hits *hits;
	unsigned n;
	struct error *err;
};

int rules_each(struct store *s, int (*fn)(void *ctx, const struct rule_row *row), void *ctx,
	struct error *err)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s,
		"SELECT name, doc, source, file, expires_us, instance, hits, last_hit_us,"
		" program FROM rules ORDER BY name");
	int r;

	while ((r = sql_row(s, st, err)) > 0) {
		struct rule_row row = {
			.name = sql_text(st, 0).s,
			.doc = sql_text(st, 1).s,
			.source = sql_text(st, 2).s,
			.file = sql_text(st, 3).s,
			.expires_us = (uint64_t)sqlite3_column_int64(st, 4),
			.instance = (uint64_t)sqlite3_column_int64(st, 5),
			.hits = (uint64_t)sqlite3_column_int64(st, 6),
			.last_hit_us = (uint64_t)sqlite3_column_int64(st, 7),
			.program = sql_text(st, 8).s,
		};

		r = fn(ctx, &row);
		if (r)
			return r;
	}
	return r;
}

static int delete_row(struct store *s, const char *name, struct error *err)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s, "DELETE FROM rules WHERE name = ?1");

	if (st)
		sql_bind_text(st, 1, name);
	return sql_run(s, st, err);
}

static void bind_unless_zero(sqlite3_stmt *st, int index, uint64_t value)
{
	if (value)
		sqlite3_bind_int64(st, index, (int64_t)value);
}

static int put_row(struct store *s, const struct rule_row *row, struct error *err)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s,
		"INSERT OR REPLACE INTO rules (name, doc, source, file, expires_us, instance, hits,"
		" last_hit_us, program) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");

	if (st) {
		sql_bind_text(st, 1, row->name);
		sql_bind_text(st, 2, row->doc);
		sql_bind_text(st, 3, row->source);
		sql_bind_text(st, 4, row->file);
		bind_unless_zero(st, 5, row->expires_us);
		bind_unless_zero(st, 6, row->instance);
		sqlite3_bind_int64(st, 7, (int64_t)row->hits);
		bind_unless_zero(st, 8, row->last_hit_us);
		sql_bind_text(st, 9, row->program);
	}
	return sql_run(s, st, err);
}

static int apply(void *ctx)
{
	struct change *c = ctx;
	int r = c->name ? delete_row(c->store, c->name, c->err) : 0;

	return r == 0 && c->row ? put_row(c->store, c->row, c->err) : r;
}

int rules_put(struct store *s, const struct rule_row *row, const char *old_name, struct error *err)
{
	struct change c = { .store = s, .row = row, .name = old_name, .err = err };

	return store_transaction(s, STORE_DURABLE, apply, &c, err);
}

static int put_all(void *ctx)
{
	struct change *c = ctx;
	int r = 0;

	for (unsigned i = 0; i < c->n && r == 0; i++)
		r = put_row(c->store, &c->row[i], c->err);
	return r;
}

int rules_put_many(struct store *s, const struct rule_row *rows, unsigned n, struct error *err)
{
	struct change c = { .store = s, .row = rows, .n = n, .err = err };

	return store_transaction(s, STORE_DURABLE, put_all, &c, err);
}

int rules_delete(struct store *s, const char *name, struct error *err)
{
	struct change c = { .store = s, .name = name, .err = err };

	return store_transaction(s, STORE_DURABLE, apply, &c, err);
}

static int put_hits(struct change *c, const struct rule_hits *hits)
{
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(c->store, "UPDATE rules SET hits = ?2, last_hit_us = ?3 WHERE name = ?1");

	if (st) {
		sql_bind_text(st, 1, hits->name);
		sqlite3_bind_int64(st, 2, (int64_t)hits->hits);
		bind_unless_zero(st, 3, hits->last_hit_us);
	}
	return sql_run(c->store, st, c->err);
}

static int put_all_hits(void *ctx)
{
	struct change *c = ctx;
	int r = 0;

	for (unsigned i = 0; i < c->n && r == 0; i++)
		r = put_hits(c, &c->hits[i]);
	return r;
}

int rules_put_hits(struct store *s, const struct rule_hits *hits, unsigned n, struct error *err)
{
	struct change c = { .store = s, .hits = hits, .n = n, .err = err };

	return store_transaction(s, STORE_LAZY, put_all_hits, &c, err);
}

int rules_get_seeded(struct store *s, int *ret, struct error *err)
{
	int64_t value;
	int r = counter_get(s, "rules.seeded", &value, err);

	if (r == 0)
		*ret = value != 0;
	return r;
}

static int set_seeded(void *ctx)
{
	struct change *c = ctx;

	return counter_set(c->store, "rules.seeded", 1, c->err);
}

int rules_set_seeded(struct store *s, struct error *err)
{
	struct change c = { .store = s, .err = err };

	return store_transaction(s, STORE_DURABLE, set_seeded, &c, err);
}
