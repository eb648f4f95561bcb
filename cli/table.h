/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table: columns that fit a terminal for people, tab-separated fields for scripts. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct table_column {
	const char *title;
	size_t least; /* columns that it keeps when space is short; 0: it is never cut */
	bool right; /* numbers */
};

struct table;

/* An empty table; `columns` (n of them, at least one) is borrowed for its life. Returns owned, or NULL. */
struct table *table_new(const struct table_column *columns, size_t n);
void table_free(struct table *t);

/* Appends one row, made safe and copied: one string a column, NULL as empty. 0 or ERR_NOMEM. */
int table_add(struct table *t, const char *const *cells);

/*
 * Writes into `widths` (one a column) how wide each column becomes in `total` terminal columns, two
 * spaces between them. The widest of the columns that may shrink gives way first. When even the least
 * does not fit, the lines are longer than the terminal.
 */
void table_layout(const struct table *t, size_t total, size_t *widths);

/* Prints with headings, fitted to `total` columns; 0: no headings, fields whole and separated by tabs. */
int table_print(const struct table *t, FILE *out, size_t total);

/* The columns of the terminal that `out` is, or 0 when it is none. */
size_t table_terminal_width(FILE *out);

#endif
