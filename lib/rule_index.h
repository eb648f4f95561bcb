/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the rule that decides without asking every rule.
 *
 * Most rules name something that a connection must have: an executable, a host or a domain, a port, a user, a network. Each
 * rule is filed under one such thing, the one that the fewest rules of the set share; a connection has a few dozen of them, and
 * only rules filed under these, and those that name nothing of the kind, are asked at all. The index only leaves out rules
 * that cannot match, so the answer is that of a walk over all rules.
 */
#ifndef LIB_RULE_INDEX_H
#define LIB_RULE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/rule.h"

struct rule_index;

struct rule_index_entry {
	const struct rule *rule; /* borrowed while the index is made */
	bool stops; /* decides at once when it matches */
};

#define RULE_INDEX_NONE UINT32_MAX

/* Of `n` rules in their order. Returns owned, or NULL when out of memory. */
struct rule_index *rule_index_new(const struct rule_index_entry *entries, uint32_t n);
void rule_index_free(struct rule_index *x); /* NULL is fine */

/*
 * The first rule that stops and that `match` says yes to; where there is none, the last other one; or RULE_INDEX_NONE. A
 * rule that may ask for a digest is asked after the others, and only when it can still change the answer. Allocates nothing.
 */
uint32_t rule_index_find(const struct rule_index *x, const struct subject *s,
	bool (*match)(void *ctx, uint32_t rule), void *ctx);

/* How many rules are filed under nothing: each costs every connection. */
uint32_t rule_index_unfiled(const struct rule_index *x);

#endif
