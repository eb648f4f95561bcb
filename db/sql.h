/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prepared statements, for the files of this room only.
 *
 * A statement is prepared once and kept by the store. Use: sql_get(), bind, step, sql_done(). After a failure
 * sql_error() gives our code for SQLite's.
 */
#ifndef DB_SQL_H
#define DB_SQL_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/subject.h"

struct store;

/*
 * The statement for this text, reset and without values. `sql` is a string literal: statements are told apart by its
 * address. NULL when it cannot be prepared (out of memory, or a damaged schema; sql_error() says).
 */
sqlite3_stmt *sql_get(struct store *s, const char *sql);

/* Ends its use; NULL is fine. A statement that is not ended keeps a read transaction open. */
void sql_done(sqlite3_stmt *st);

#define _cleanup_sql_ __attribute__((cleanup(sql_cleanup)))
static inline void sql_cleanup(sqlite3_stmt **st)
{
	sql_done(*st);
}

/* Steps a statement that gives no rows: 0 or a code, with `err` filled. NULL is a failed sql_get(). */
int sql_run(struct store *s, sqlite3_stmt *st, struct error *err);

/* Steps once: 1 for a row, 0 at the end, or a code, with `err` filled. NULL is a failed sql_get(). */
int sql_row(struct store *s, sqlite3_stmt *st, struct error *err);

/* Binds text (borrowed until the next bind or reset); NULL `s` is NULL. */
void sql_bind_text(sqlite3_stmt *st, int index, const char *text);
void sql_bind_textn(sqlite3_stmt *st, int index, struct text text);

/* A column as text; valid until the next step. */
struct text sql_text(sqlite3_stmt *st, int column);

/* The code of the last failure, with SQLite's sentence in `err` (may be NULL). Never 0. */
int sql_error(struct store *s, struct error *err);

/* Rows that the last statement changed. */
int sql_changes(struct store *s);

/* Makes a function of ours known to SQL; it must be deterministic. 0 or a code. */
int sql_function(struct store *s, const char *name, int n_args,
	void (*fn)(sqlite3_context *ctx, int argc, sqlite3_value **argv));

/* The rowid of the last insert. */
int64_t sql_last_id(struct store *s);

/* A named number that outlives the program; 0 where it was never set. Part of the running transaction, if any. */
int counter_get(struct store *s, const char *name, int64_t *ret, struct error *err);
int counter_set(struct store *s, const char *name, int64_t value, struct error *err);

#endif
