/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The chain of changes. */
#include "config.h"

#include "db/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/sql.h"
#include "db/store.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/sha256.h"

#define COLUMNS                                                                                    \
	"id, time_us, kind, name, session, uid, origin, action, object, status, detail, hash"

static void hash_text(struct sha256 *h, const char *text)
{
	char len[24];

	sha256_update(h, len, (size_t)snprintf(len, sizeof(len), "%zu:", strlen(text)));
	sha256_update(h, text, strlen(text));
}

static void hash_number(struct sha256 *h, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	hash_text(h, text);
}

static void chain(const uint8_t before[static 32], const struct audit_row *row,
	uint8_t ret[static SHA256_LEN])
{
	const char *const texts[] = { row->kind, row->name, row->session, row->uid, row->origin,
		row->action, row->object };
	struct sha256 h;

	sha256_init(&h);
	sha256_update(&h, before, 32);
	hash_number(&h, row->id);
	hash_number(&h, row->time_us);
	for (size_t i = 0; i < array_len(texts); i++)
		hash_text(&h, texts[i]);
	hash_number(&h, row->status);
	hash_text(&h, row->detail);
	sha256_final(&h, ret);
}

static const char *column(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);

	return s ? s : "";
}

/* The strings live until the next step. */
static void read_row(sqlite3_stmt *st, struct audit_row *ret)
{
	const void *hash = sqlite3_column_blob(st, 11);

	*ret = (struct audit_row) {
		.id = (uint64_t)sqlite3_column_int64(st, 0),
		.time_us = (uint64_t)sqlite3_column_int64(st, 1),
		.kind = column(st, 2),
		.name = column(st, 3),
		.session = column(st, 4),
		.uid = column(st, 5),
		.origin = column(st, 6),
		.action = column(st, 7),
		.object = column(st, 8),
		.status = (uint32_t)sqlite3_column_int64(st, 9),
		.detail = column(st, 10),
	};
	if (hash && sqlite3_column_bytes(st, 11) == (int)sizeof(ret->hash))
		memcpy(ret->hash, hash, sizeof(ret->hash));
}

/* ---- writing */

struct addition {
	struct store *store;
	struct audit_row *row;
	struct error *err;
};

static int read_head(struct addition *a, uint64_t *ret_id, uint8_t ret_hash[static 32])
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(a->store, "SELECT id, hash FROM audit_head");
	int r = sql_row(a->store, st, a->err);

	*ret_id = 0;
	memset(ret_hash, 0, 32);
	if (r <= 0)
		return r;
	*ret_id = (uint64_t)sqlite3_column_int64(st, 0);
	if (sqlite3_column_bytes(st, 1) == 32)
		memcpy(ret_hash, sqlite3_column_blob(st, 1), 32);
	return 0;
}

static int insert(struct addition *a)
{
	const struct audit_row *row = a->row;
	const char *const texts[] = { row->kind, row->name, row->session, row->uid, row->origin,
		row->action, row->object };
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(a->store, "INSERT INTO audit (" COLUMNS
				  ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");

	if (st) {
		sqlite3_bind_int64(st, 1, (sqlite3_int64)row->id);
		sqlite3_bind_int64(st, 2, (sqlite3_int64)row->time_us);
		for (size_t i = 0; i < array_len(texts); i++)
			sql_bind_text(st, 3 + (int)i, texts[i]);
		sqlite3_bind_int64(st, 10, row->status);
		sql_bind_text(st, 11, row->detail);
		sqlite3_bind_blob(st, 12, row->hash, sizeof(row->hash), SQLITE_STATIC);
	}
	return sql_run(a->store, st, a->err);
}

static int add(void *ctx)
{
	struct addition *a = ctx;
	uint8_t before[32];
	uint64_t last;
	sqlite3_stmt *head _cleanup_sql_ =
		sql_get(a->store, "INSERT INTO audit_head (one, id, hash) VALUES (1, ?1, ?2)"
				  " ON CONFLICT (one) DO UPDATE SET id = ?1, hash = ?2");
	int r = read_head(a, &last, before);

	if (r < 0)
		return r;
	a->row->id = last + 1;
	chain(before, a->row, a->row->hash);
	r = insert(a);
	if (r < 0)
		return r;
	if (head) {
		sqlite3_bind_int64(head, 1, (sqlite3_int64)a->row->id);
		sqlite3_bind_blob(head, 2, a->row->hash, sizeof(a->row->hash), SQLITE_STATIC);
	}
	return sql_run(a->store, head, a->err);
}

int audit_add(struct store *s, struct audit_row *row, struct error *err)
{
	struct addition a = { s, row, err };

	return store_transaction(s, STORE_LAZY, add, &a, err);
}

/* ---- reading */

static bool is_equal(const char *wanted, const char *value)
{
	return !wanted || strcmp(wanted, value) == 0;
}

static bool is_wanted(const struct audit_filter *f, const struct audit_row *row)
{
	const char *const texts[] = { row->name, row->origin, row->action, row->object,
		row->detail };

	if (!log_span_has_time(&f->span, row->time_us) || !is_equal(f->kind, row->kind) ||
		!is_equal(f->name, row->name) || !is_equal(f->uid, row->uid) ||
		!is_equal(f->object, row->object) || (f->action && !strstr(row->action, f->action)))
		return false;
	for (size_t i = 0; f->text && i < array_len(texts); i++)
		if (strcasestr(texts[i], f->text))
			return true;
	return !f->text;
}

int audit_each(struct store *s, const struct audit_filter *f,
	int (*fn)(void *ctx, const struct audit_row *row), void *ctx, uint64_t *ret_rest)
{
	static const char *const in_order[] = {
		"SELECT " COLUMNS " FROM audit WHERE id < ?1 ORDER BY id DESC",
		"SELECT " COLUMNS " FROM audit WHERE id > ?1 ORDER BY id",
	};
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s, in_order[f->span.oldest_first]);
	uint64_t end_ns = clock_mono_ns() + LOG_SEARCH_NS;
	struct audit_row row;
	int r;

	*ret_rest = 0;
	if (st)
		sqlite3_bind_int64(st, 1, log_span_place(&f->span));
	while ((r = sql_row(s, st, NULL)) > 0) {
		read_row(st, &row);
		r = is_wanted(f, &row) ? fn(ctx, &row) : 0;
		if (r)
			return r;
		if (clock_mono_ns() > end_ns) {
			*ret_rest = row.id;
			return 0;
		}
	}
	return r;
}

/* ---- verifying */

static int broken(struct error *err, uint64_t id, const char *what)
{
	return error_set(err, ERR_CONFLICT, NULL, "row %llu %s", (unsigned long long)id, what);
}

static int check_row(const struct audit_row *row, struct audit_report *rep, struct error *err)
{
	uint8_t want[32];

	if (row->id != rep->n + 1)
		return broken(err, rep->n + 1, "is missing");
	chain(rep->head, row, want);
	if (memcmp(want, row->hash, 32) != 0)
		return broken(err, row->id, "is not as it was written");
	rep->n++;
	memcpy(rep->head, want, 32);
	return 0;
}

static int check_rows(sqlite3 *db, struct audit_report *rep, struct error *err)
{
	sqlite3_stmt *st;
	int r = 0, step;

	if (sqlite3_prepare_v2(db, "SELECT " COLUMNS " FROM audit ORDER BY id", -1, &st, NULL) !=
		SQLITE_OK)
		return error_set(
			err, ERR_NOT_FOUND, NULL, "there is no audit log: %s", sqlite3_errmsg(db));
	while (r == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
		struct audit_row row;

		read_row(st, &row);
		r = check_row(&row, rep, err);
	}
	if (r == 0 && step != SQLITE_DONE)
		r = error_set(err, ERR_IO, NULL, "it cannot be read: %s", sqlite3_errmsg(db));
	sqlite3_finalize(st);
	return r;
}

static int check_head(sqlite3 *db, const struct audit_report *rep, struct error *err)
{
	sqlite3_stmt *st;
	int r = 0;

	if (sqlite3_prepare_v2(db, "SELECT id, hash FROM audit_head", -1, &st, NULL) != SQLITE_OK)
		return error_set(
			err, ERR_IO, NULL, "its head cannot be read: %s", sqlite3_errmsg(db));
	if (sqlite3_step(st) != SQLITE_ROW) {
		r = rep->n ? broken(err, rep->n, "is there, but the log has no head") : 0;
	} else if ((uint64_t)sqlite3_column_int64(st, 0) != rep->n) {
		r = broken(err, rep->n + 1, "is missing at the end");
	} else if (sqlite3_column_bytes(st, 1) != 32 ||
		   memcmp(sqlite3_column_blob(st, 1), rep->head, 32) != 0) {
		r = broken(err, rep->n, "is not the one that the head names");
	}
	sqlite3_finalize(st);
	return r;
}

int audit_verify(const char *dir, struct audit_report *ret, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	sqlite3 *db = NULL;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (asprintf(&path, "%s/opensnitch.db", dir) < 0)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
		r = error_set(err, ERR_NOT_FOUND, NULL, "%s cannot be opened: %s", path,
			db ? sqlite3_errmsg(db) : "out of memory");
		sqlite3_close(db);
		return r;
	}
	/* One read transaction: rows that a daemon adds meanwhile are not seen by one half only. */
	sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
	r = check_rows(db, ret, err);
	if (r == 0)
		r = check_head(db, ret, err);
	sqlite3_close(db);
	return r;
}
