/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Table `subscriptions`: lists from a URL, with the state of their last fetch. */
#ifndef DB_SUBSCRIPTIONS_H
#define DB_SUBSCRIPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/limits.h"

struct store;

struct subscription_row {
	char name[LIMIT_SUBSCRIPTION_NAME + 1]; /* primary key */
	char url[LIMIT_FETCH_URL + 1];
	char operand[32]; /* operand_str() */
	char folder[LIMIT_SUBSCRIPTION_NAME + 1];
	bool enabled;
	char interval[24]; /* clock_parse_duration() reads it */
	uint64_t created_us; /* CLOCK_REALTIME, as are the next two */
	uint64_t checked_us; /* 0: never */
	uint64_t updated_us; /* 0: there is no good copy */
	uint32_t failures;
	char error[256];
	uint64_t bytes, entries, bad_lines; /* of the good copy */
	char etag[LIMIT_FETCH_TAG + 1];
	char last_modified[LIMIT_FETCH_TAG + 1];
};

/* Calls `fn` for each, by name, until it returns non-zero, which is then returned. Otherwise 0 or a code. */
int subscriptions_each(
	struct store *s, int (*fn)(void *ctx, const struct subscription_row *row), void *ctx);

/*
 * Adds one, or replaces the one of its name. `durable`: on the disk when it returns (what a person asked for); otherwise a power cut may
 * take it back (the end of a fetch). 0, or a code with `err`.
 */
int subscriptions_put(
	struct store *s, const struct subscription_row *row, bool durable, struct error *err);

/* Removes one; on the disk when it returns. 0, or a code with `err`. */
int subscriptions_delete(struct store *s, const char *name, struct error *err);

#endif
