/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule's comparisons, taken apart: for asking whether one rule covers another.
 *
 * "Covers" is proven, never guessed: rule X covers Y when each comparison of X follows from one of Y, so that X matches
 * wherever Y does. What cannot be proven (one regular expression within another) counts as not covered.
 */
#ifndef API_RULE_LEAF_H
#define API_RULE_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/rule_doc.h"
#include "lib/operand.h"
#include "lib/subject.h"

struct rule;

/* One comparison. Texts are borrowed from the document. */
struct rule_leaf {
	enum operator_type type;
	enum operand operand;
	bool sensitive;
	struct text data;
	struct text extra; /* NAME of process.env.NAME */
	struct rule *rule; /* it alone, compiled when first needed; owned */
	void *file; /* what that borrows from; owned */
};

struct rule_leaves {
	size_t n;
	struct rule_leaf items[];
};

/* The comparisons of a document with `wire`, which must outlive them. Returns owned, or NULL when out of memory. */
struct rule_leaves *rule_leaves_new(const struct rule_doc *doc);
void rule_leaves_free(struct rule_leaves *l); /* NULL is fine */

/* The operand that tells which value is compared: dest.network and dest.ip look at the same. */
enum operand rule_leaf_subject(const struct rule_leaf *l);

/* Whether X matches wherever Y does. */
bool rule_leaves_cover(struct rule_leaves *x, struct rule_leaves *y);

/* Two comparisons of one rule that no value satisfies both; false where none is found. Indexes go into *ret_a and *ret_b. */
bool rule_leaves_contradict(struct rule_leaves *l, size_t *ret_a, size_t *ret_b);

/*
 * Whether this comparison alone matches a connection of which only this is known: 1, 0, or a code (also ERR_UNSUPPORTED: it is nothing that
 * can be compiled alone).
 */
int rule_leaf_match(struct rule_leaf *l, const struct subject *subject);

#endif
