/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counts of a what-if: how many decisions change and how, whose they are, and some of them as samples. */
#ifndef API_WHATIF_TALLY_H
#define API_WHATIF_TALLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/subject.h"
#include "lib/verdict.h"

struct history;
struct history_row;
struct whatif_tally;

struct whatif_decision {
	bool by_rule; /* false: no rule matches */
	enum action action;
	struct text rule; /* borrowed from the set */
};

/* Returns owned (borrows `history`), or NULL when out of memory. */
struct whatif_tally *whatif_tally_new(struct history *history);
void whatif_tally_free(struct whatif_tally *t); /* NULL is fine */

/*
 * Counts one connection. Where no rule decides before, what was recorded stands: it was a person's answer, or the default. Rule
 * names must outlive the tally.
 */
void whatif_tally_add(struct whatif_tally *t, const struct history_row *row, bool matched,
	const struct whatif_decision *before, const struct whatif_decision *after);

/* Counts one connection that nothing changes for. */
void whatif_tally_pass(struct whatif_tally *t);

uint64_t whatif_tally_changed(const struct whatif_tally *t);

/* The object of whatif_result() but for what only that knows. A new reference. */
json_t *whatif_tally_json(struct whatif_tally *t);

#endif
