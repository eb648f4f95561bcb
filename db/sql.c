/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kept statements, and SQLite's result codes in our words. */
#include "db/sql.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "db/store_private.h"

sqlite3_stmt *sql_get(struct store *s, const char *sql)
{
	sqlite3_stmt *st;

	for (unsigned i = 0; i < s->n_statements; i++)
		if (s->statements[i].sql == sql)
			return s->statements[i].st;
	assert(s->n_statements < STORE_STATEMENTS_MAX);
	if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
		return NULL;
	s->statements[s->n_statements].sql = sql;
	s->statements[s->n_statements++].st = st;
	return st;
}

void sql_forget(struct store *s)
{
	for (unsigned i = 0; i < s->n_statements; i++)
		sqlite3_finalize(s->statements[i].st);
	s->n_statements = 0;
}

void sql_done(sqlite3_stmt *st)
{
	if (!st)
		return;
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

static int code_of(int extended)
{
	switch (extended & 0xff) {
	case SQLITE_NOMEM:
		return ERR_NOMEM;
	case SQLITE_FULL:
		return ERR_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_MALFORMED;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_BUSY;
	case SQLITE_CONSTRAINT:
		return ERR_EXISTS;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return ERR_PERMISSION;
	default:
		return ERR_IO;
	}
}

/* Leaves a mark for the next start, which then checks the whole file. */
static void note_damage(const struct store *s)
{
	int fd = open(s->suspect_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
}

int sql_error(struct store *s, struct error *err)
{
	int last = errno;
	int extended = sqlite3_extended_errcode(s->db);
	int code = code_of(extended);
	int system = sqlite3_system_errno(s->db);
	const char *text = sqlite3_errmsg(s->db);

	/* SQLite does not keep it for a failed commit; it was the last call that failed. */
	if (!system)
		system = last;
	/* A file size limit (setrlimit) is as good as a full disk. */
	if ((extended & 0xff) == SQLITE_IOERR &&
		(system == ENOSPC || system == EFBIG || system == EDQUOT))
		code = ERR_FULL;
	if (code == ERR_MALFORMED)
		note_damage(s);
	if (code == ERR_IO && system)
		return error_set(err, code, NULL, "database: %s (%s)", text, strerror(system));
	return error_set(err, code, NULL, "database: %s", text);
}

int sql_row(struct store *s, sqlite3_stmt *st, struct error *err)
{
	switch (st ? sqlite3_step(st) : SQLITE_ERROR) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return sql_error(s, err);
	}
}

int sql_run(struct store *s, sqlite3_stmt *st, struct error *err)
{
	int r = sql_row(s, st, err);

	return r > 0 ? 0 : r;
}

void sql_bind_text(sqlite3_stmt *st, int index, const char *text)
{
	sqlite3_bind_text(st, index, text, -1, SQLITE_STATIC);
}

void sql_bind_textn(sqlite3_stmt *st, int index, struct text text)
{
	sqlite3_bind_text(st, index, text.s, (int)text.len, SQLITE_STATIC);
}

struct text sql_text(sqlite3_stmt *st, int column)
{
	struct text t;

	t.s = (const char *)sqlite3_column_text(st, column);
	t.len = (size_t)sqlite3_column_bytes(st, column);
	return t;
}

int sql_changes(struct store *s)
{
	return sqlite3_changes(s->db);
}

int sql_function(struct store *s, const char *name, int n_args,
	void (*fn)(sqlite3_context *ctx, int argc, sqlite3_value **argv))
{
	if (sqlite3_create_function_v2(s->db, name, n_args,
		    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL, fn, NULL, NULL,
		    NULL) == SQLITE_OK)
		return 0;
	return sql_error(s, NULL);
}

int64_t sql_last_id(struct store *s)
{
	return sqlite3_last_insert_rowid(s->db);
}

int counter_get(struct store *s, const char *name, int64_t *ret, struct error *err)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s, "SELECT value FROM counters WHERE name = ?1");
	int r;

	if (st)
		sql_bind_text(st, 1, name);
	r = sql_row(s, st, err);
	if (r < 0)
		return r;
	*ret = r ? sqlite3_column_int64(st, 0) : 0;
	return 0;
}

int counter_set(struct store *s, const char *name, int64_t value, struct error *err)
{
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(s, "INSERT INTO counters (name, value) VALUES (?1, ?2)"
			   " ON CONFLICT (name) DO UPDATE SET value = excluded.value");

	if (st) {
		sql_bind_text(st, 1, name);
		sqlite3_bind_int64(st, 2, value);
	}
	return sql_run(s, st, err);
}
