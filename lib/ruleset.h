/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An immutable, compiled set of rules, and the one question put to it.
 *
 * Built from the flat form of lib/rulewire.h, whose every offset, index and enum is checked before
 * anything is believed; a set is whole or not there at all. Matching never allocates and never locks; it asks only rules that
 * can match (lib/rule_index.h).
 * The engine decides with it; the console uses the same code to explain and to try rules out.
 */
#ifndef LIB_RULESET_H
#define LIB_RULESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/rule.h"
#include "lib/subject.h"
#include "lib/verdict.h"

struct ruleset;

struct ruleset_match {
	enum action action;
	struct text rule; /* its name, borrowed from the set */
	uint32_t index; /* of the rule, in order */
	bool nolog;
};

/*
 * Compiles a set from `len` bytes (borrowed, copied where needed). Without lists: what is said of them does not match. Safe in another thread than the one that matches with other sets. 0 and *ret (owned by the caller), or a
 * negative code with `err` naming the rule and operator ("rule 12 'x': operator.list[1].data").
 */
int ruleset_load(const void *data, size_t len, struct ruleset **ret, struct error *err);

/* The same with the compiled lists that `lists` finds (borrowed during the call; may be NULL: there are none). */
int ruleset_load_lists(const void *data, size_t len, const struct rule_lists *lists,
	struct ruleset **ret, struct error *err);

/*
 * The same, with lists, from a memfd that must be sealed (F_SEAL_WRITE and F_SEAL_SHRINK) and at most
 * LIMIT_RULESET_BYTES. Borrows `fd`.
 */
int ruleset_load_fd(
	int fd, const struct rule_lists *lists, struct ruleset **ret, struct error *err);

void ruleset_free(struct ruleset *rs);

/* Of an error of ruleset_load(): its place inside the rule ("operator.list[1].data"), or all of its place. Borrowed from `err`. */
const char *ruleset_error_field(const struct error *err);

uint64_t ruleset_generation(const struct ruleset *rs);
uint32_t ruleset_count(const struct ruleset *rs);

/*
 * OpenSnitch's order: rules by name; the first match that denies, rejects or has precedence decides at
 * once, otherwise the last allow that matched. Rules past their expiry do not count. False: no rule matches.
 */
bool ruleset_decide(const struct ruleset *rs, const struct subject *subject, uint64_t now_boot_ns,
	struct ruleset_match *ret);

/* The same answer by asking rule after rule: what the index is held against, in tests and measurements. */
bool ruleset_walk(const struct ruleset *rs, const struct subject *subject, uint64_t now_boot_ns,
	struct ruleset_match *ret);

/*
 * What can become of a connection whose host is not known yet, whatever that turns out to be: bits 1 << enum action, and
 * 1 << ACTION_COUNT_ where maybe no rule matches. Asks rule after rule.
 */
unsigned ruleset_outcomes(
	const struct ruleset *rs, const struct subject *subject, uint64_t now_boot_ns);

/* The digests that any rule may ask for: bits 1 << enum digest. */
unsigned ruleset_needs(const struct ruleset *rs);

/* How many rules every connection is held against, as the index cannot tell that they do not match. */
uint32_t ruleset_unfiled(const struct ruleset *rs);

/* One rule of the set, borrowed; `index` below ruleset_count(). rule_explain() tells its operators one by one. */
struct ruleset_rule {
	const struct rule *rule;
	struct text name;
	uint64_t expires_boot_ns; /* UINT64_MAX = never */
	enum action action;
	bool stops; /* decides at once when it matches: denies, rejects or has precedence */
	bool nolog;
};
struct ruleset_rule ruleset_at(const struct ruleset *rs, uint32_t index);

#endif
