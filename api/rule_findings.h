/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be found wrong with rules, in words, with the request that mends it. */
#ifndef API_RULE_FINDINGS_H
#define API_RULE_FINDINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/rule_leaf.h"

/* What the book knows of a rule beside its document. */
struct rule_state {
	uint64_t hits;
	uint64_t last_hit_us; /* CLOCK_REALTIME; 0: never */
	uint64_t expires_us; /* likewise; 0: never */
	uint64_t now_us;
	uint64_t days; /* without a hit for so long is unused */
	const struct rule_program *program; /* that it was made for; borrowed, during the call */
};

/*
 * Appends what is wrong with this rule by itself to `items`; `leaves` are NULL where it is not evaluated. True when it can never decide, so that
 * it needs no comparing with others.
 */
bool rule_finding_alone(json_t *items, const struct rule_doc *doc, struct rule_leaves *leaves,
	const struct rule_state *state);

/*
 * Rule `by` matches wherever `doc` does (and the other way round with `both`): appends what that means, by OpenSnitch's order. False
 * when it means nothing.
 */
bool rule_finding_covered(
	json_t *items, const struct rule_doc *doc, const struct rule_doc *by, bool both);

#endif
