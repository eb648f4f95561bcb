/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes of rules by rule. */
#include "db/rule_changes.h"

#include <stddef.h>
#include <string.h>

#include "db/sql.h"
#include "db/store.h"
#include "lib/limits.h"

struct addition {
	struct store *store;
	const struct rule_change *change;
	struct error *err;
};

static int add(void *ctx)
{
	struct addition *a = ctx;
	const struct rule_change *c = a->change;
	sqlite3_stmt *st _cleanup_sql_ = sql_get(a->store,
		"INSERT INTO rule_changes (time_us, name, kind, by_kind, by_name, via, before,"
		" after) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
	sqlite3_stmt *tidy _cleanup_sql_ = sql_get(a->store,
		"DELETE FROM rule_changes WHERE id <= (SELECT max(id) FROM rule_changes) - ?1");
	int r;

	if (st) {
		sqlite3_bind_int64(st, 1, (int64_t)c->time_us);
		sql_bind_text(st, 2, c->name);
		sql_bind_text(st, 3, c->kind);
		sql_bind_text(st, 4, c->by_kind);
		sql_bind_text(st, 5, c->by_name);
		sql_bind_text(st, 6, c->via);
		sql_bind_text(st, 7, c->before);
		sql_bind_text(st, 8, c->after);
	}
	r = sql_run(a->store, st, a->err);
	if (r < 0)
		return r;
	if (tidy)
		sqlite3_bind_int64(tidy, 1, LIMIT_RULE_CHANGES);
	return sql_run(a->store, tidy, a->err);
}

int rule_changes_add(struct store *s, const struct rule_change *c, struct error *err)
{
	struct addition a = { s, c, err };

	return store_transaction(s, STORE_LAZY, add, &a, err);
}

static bool is_equal(const char *wanted, const char *value)
{
	return !wanted || (value && strcmp(wanted, value) == 0);
}

static bool is_wanted(const struct rule_change_filter *f, const struct rule_change *c)
{
	return log_span_has_time(&f->span, c->time_us) && is_equal(f->kind, c->kind) &&
	       is_equal(f->by_kind, c->by_kind) && is_equal(f->by_name, c->by_name);
}

#define SELECT                                                                                     \
	"SELECT id, time_us, name, kind, by_kind, by_name, via, before, after FROM"                \
	" rule_changes WHERE name = ?1 AND id "

int rule_changes_each(struct store *s, const struct rule_change_filter *f,
	int (*fn)(void *ctx, const struct rule_change *c), void *ctx)
{
	static const char *const in_order[] = { SELECT "< ?2 ORDER BY id DESC",
		SELECT "> ?2 ORDER BY id" };
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s, in_order[f->span.oldest_first]);
	int r;

	if (st) {
		sql_bind_text(st, 1, f->name);
		sqlite3_bind_int64(st, 2, log_span_place(&f->span));
	}
	while ((r = sql_row(s, st, NULL)) > 0) {
		struct rule_change c = {
			.id = (uint64_t)sqlite3_column_int64(st, 0),
			.time_us = (uint64_t)sqlite3_column_int64(st, 1),
			.name = sql_text(st, 2).s,
			.kind = sql_text(st, 3).s,
			.by_kind = sql_text(st, 4).s,
			.by_name = sql_text(st, 5).s,
			.via = sql_text(st, 6).s,
			.before = sql_text(st, 7).s,
			.after = sql_text(st, 8).s,
		};

		r = is_wanted(f, &c) ? fn(ctx, &c) : 0;
		if (r)
			return r;
	}
	return r;
}
