/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Table `strings`: each text once, known by a number.
 *
 * A row keeps `last_id`, a connection id that no connection referring to it exceeds: once all connections up to there are
 * removed, so is the text. It is moved on in steps, so that a common text costs a write every few thousand rows.
 */
#ifndef DB_STRINGS_H
#define DB_STRINGS_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/subject.h"

struct store;
struct strings;

/* Returns 0 and *ret (owned; borrows `store`), or a code. Writes the key of its hashes the first time. */
int strings_open(struct store *store, struct strings **ret, struct error *err);
void strings_close(struct strings *s); /* NULL is fine */

/* The number of a text that connection `row_id` refers to, made where it is new; 0 for an empty text. In a transaction. */
int strings_number(
	struct strings *s, struct text text, uint64_t row_id, int64_t *ret, struct error *err);

/* The number of a text; 0 where there is none. */
int strings_find(struct strings *s, struct text text, int64_t *ret, struct error *err);

/* Forgets what it keeps in memory: after a transaction that was undone. */
void strings_reset(struct strings *s);

/*
 * Removes texts that no connection from `least_id` on refers to, in a slice of the table; the next call goes on behind. 1 when the
 * end of the table was reached, 0 before, or a code. In a transaction.
 */
int strings_sweep(struct strings *s, uint64_t least_id, struct error *err);

#endif
