/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Table `learnings_done`: learnings whose proposal was accepted or dismissed. The newest LIMIT_LEARNINGS_DONE stay. */
#ifndef DB_LEARNINGS_H
#define DB_LEARNINGS_H

#include <stdint.h>

#include "lib/err.h"

struct store;

/* Calls `fn` for each, newest first; a non-zero result of it ends the walk and is returned. 0 or ERR_IO. */
int learnings_done_each(
	struct store *s, int (*fn)(void *ctx, const char *name, uint64_t began_us), void *ctx);

/* Adds one; again is fine. On the disk when it returns. 0, or a code with `err`. */
int learnings_done_add(struct store *s, const char *name, uint64_t began_us, struct error *err);

#endif
