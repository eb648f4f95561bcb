/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console's database: one SQLite file in WAL mode, opened once, used by one thread.
 *
 * The tables are defined by db/migrations/NNN_name.sql, which are built into the program; the version of a
 * file is its PRAGMA user_version. Rules, settings and sessions are on the disk before their function
 * returns; history is durable against a crash of the program, and after a power cut it may miss the last seconds.
 *
 * Around this file stands one file a table family: settings.h, sessions.h, rules.h, history.h.
 */
#ifndef DB_STORE_H
#define DB_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct store;

#define STORE_FILE "opensnitch.db"

/* What opening found, for a warning or an alert. */
struct store_opened {
	bool created; /* there was no database before */
	char set_aside
		[64]; /* file name that a corrupt database was moved to; "" where there was none */
};

/*
 * Opens (or creates) DIR/opensnitch.db and brings it to the current version. `info` may be NULL. A corrupt file
 * is moved aside, with its log, and a new one begun: info->set_aside says so. On failure `err` has one sentence:
 * ERR_UNSUPPORTED (the file was written by a newer program; it stays as it is), ERR_PERMISSION, ERR_FULL, ERR_IO,
 * ERR_BUSY, ERR_NOMEM. *ret is owned by the caller.
 */
int store_open(const char *dir, struct store **ret, struct store_opened *info, struct error *err);

/* Closes it; what waits in the log is put into the file. NULL is fine. */
void store_close(struct store *s);

/* The version of the schema that this program makes. */
int store_schema_version(void);

enum store_durability {
	STORE_LAZY, /* safe against a crash of the program */
	STORE_DURABLE, /* and against a power cut: on the disk when the call returns */
};

/*
 * Runs `fn(ctx)` in one transaction: committed when it returns 0, otherwise undone and its code returned. Where the
 * commit itself fails: that code, and nothing happened. Called from within such an `fn` it is a part of that transaction, and
 * as durable as it. `err` (may be NULL) tells SQLite's words for failures of
 * this function; `fn` fills its own. Not to be nested.
 */
int store_transaction(struct store *s, enum store_durability durability, int (*fn)(void *ctx),
	void *ctx, struct error *err);

#endif
