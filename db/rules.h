/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Table `rules`: documents and what the console knows of them. It knows no meaning. */
#ifndef DB_RULES_H
#define DB_RULES_H

#include <stdint.h>

#include "lib/err.h"

struct store;

struct rule_row {
	const char *name;
	const char *doc; /* JSON */
	const char *source;
	const char *file; /* NULL: none */
	uint64_t expires_us; /* 0: never */
	uint64_t instance; /* 0: none */
	uint64_t hits;
	uint64_t last_hit_us; /* 0: never */
	const char *program; /* the executable it was made for; NULL: not known */
};

/*
 * Calls `fn` for each row, by name; a non-zero result of it ends the walk and is returned. 0 or a code with `err`. The
 * row is valid during the call, which must not change the table.
 */
int rules_each(struct store *s, int (*fn)(void *ctx, const struct rule_row *row), void *ctx,
	struct error *err);

/* Stores a row in the place of that of its name, and removes `old_name` (may be NULL). On the disk at return. */
int rules_put(struct store *s, const struct rule_row *row, const char *old_name, struct error *err);

/* Stores many rows in one transaction. On the disk at return. */
int rules_put_many(struct store *s, const struct rule_row *rows, unsigned n, struct error *err);

/* Removes a row, if it is there. On the disk at return. */
int rules_delete(struct store *s, const char *name, struct error *err);

/* Stores the hits of some rules, in one transaction, without waiting for the disk. */
struct rule_hits {
	const char *name;
	uint64_t hits;
	uint64_t last_hit_us;
};
int rules_put_hits(struct store *s, const struct rule_hits *hits, unsigned n, struct error *err);

/* Whether the shipped rules were put into the folder, or found unwanted, once; and to say so. */
int rules_get_seeded(struct store *s, int *ret, struct error *err);
int rules_set_seeded(struct store *s, struct error *err);

#endif
