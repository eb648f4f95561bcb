/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Texts of the history by their numbers, remembered for as long as one walk lasts: a walk asks for the same few thousand again and
 * again. Within LIMIT_TEXTS_BYTES; past that all are forgotten and read anew.
 */
#ifndef DB_HISTORY_TEXTS_H
#define DB_HISTORY_TEXTS_H

#include <stdint.h>

#include "lib/subject.h"

struct history;
struct history_texts;

/* Returns owned, or NULL when out of memory. */
struct history_texts *history_texts_new(struct history *h);
void history_texts_free(struct history_texts *t); /* NULL is fine */

/*
 * The text of each of `n` numbers, with a NUL behind it, valid until the next call; NULL s for 0 and for a number that is not there. 0 or a code.
 */
int history_texts_get(
	struct history_texts *t, const int64_t *numbers, unsigned n, struct text *ret);

#endif
