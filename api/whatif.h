/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a rule would have done: the recorded connections of a time decided twice, by the rules as they are and with a candidate
 * among them.
 *
 * Connections that look alike to every rule are decided once, and only where the candidate, or the rule in whose place it
 * comes, matches: nothing else can change. Work goes in slices, so that the console serves others meanwhile. What the history does not
 * record (environment, digests) counts as not known, and the result says so.
 */
#ifndef API_WHATIF_H
#define API_WHATIF_H

#include <jansson.h>
#include <stdint.h>

#include "api/rule_doc.h"
#include "lib/err.h"
#include "lib/ruleset.h"

struct console;
struct rule_book;
struct whatif;

/* What to try; both NULL: nothing changes. */
struct whatif_candidate {
	struct rule_doc *doc; /* the new or changed rule, borrowed; NULL: only a removal */
	const struct rule_lists *lists; /* where they find theirs; NULL: where the book's do */
	const char *replaces; /* the rule that it comes in the place of, or that goes; NULL: none */
};

/*
 * Compiles the book's rules with the candidate among them (NULL: as they are). 0 and *ret (owned by the caller), or a code with `err`.
 */
int whatif_ruleset(const struct rule_book *book, const struct whatif_candidate *candidate,
	struct ruleset **ret, struct error *err);

/* Begins. Rules that change meanwhile do not count. 0 and *ret (owned), or a code with `err`. */
int whatif_new(const struct console *c, const struct whatif_candidate *candidate, uint64_t from_us,
	uint64_t to_us, struct whatif **ret, struct error *err);
void whatif_free(struct whatif *w); /* NULL is fine */

/* Goes on for about `budget_ns`. 1: there is more; 0: done; or a code. */
int whatif_step(struct whatif *w, uint64_t budget_ns);

/* {"done":false,"examined","total","changed"}: how far it is. A new reference. */
json_t *whatif_progress(const struct whatif *w);

/*
 * {"done":true,"examined","matched","changed","newly_decided","not_recorded","changes":[{"from","to","count"}],
 * "programs":[{"path","count"}],"hosts":[{"host","count"}],"samples":[{"connection","before","after"}]}. An action of "ask" is no
 * rule's: somebody would be asked, or the default action decide. A new reference, or NULL when out of memory.
 */
json_t *whatif_result(struct whatif *w);

#endif
