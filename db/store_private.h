/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of struct store: for store.c and sql.c only. */
#ifndef DB_STORE_PRIVATE_H
#define DB_STORE_PRIVATE_H

#include <sqlite3.h>

#define STORE_STATEMENTS_MAX 192 /* more than all our literals */

struct store {
	sqlite3 *db;
	char *suspect_path; /* exists: the last run met damage; check all at the next start */
	struct {
		const char *sql; /* the literal's address is the key */
		sqlite3_stmt *st;
	} statements[STORE_STATEMENTS_MAX];
	unsigned n_statements;
};

/* Frees all kept statements. */
void sql_forget(struct store *s);

#endif
