/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regular expressions for rules: PCRE2 with JIT, with bounded work for one match.
 *
 * RE2's reading of a pattern where the two differ: unanchored, `$` is the very end of the string, plain groups do not capture (so
 * there is nothing for a backreference to refer to), no \C. A byte of a string that belongs to no UTF-8 character counts as U+FFFD, as
 * it does in Go, so it can hide nothing. Patterns share one match context: matching is for one thread only;
 * making and freeing may happen in another.
 */
#ifndef LIB_PATTERN_H
#define LIB_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/limits.h"

struct pattern;

/*
 * Compiles `len` bytes of UTF-8, unanchored. 0 and *ret (owned), or ERR_INVALID with the reason and offset in
 * `err` (place is left for the caller to fill), ERR_TOO_BIG (past LIMIT_RULE_DATA), ERR_NOMEM. Where this machine forbids JIT (no
 * writable and executable memory) the pattern is interpreted: slower, the same result.
 */
int pattern_new(const char *s, size_t len, bool sensitive, struct pattern **ret, struct error *err);
void pattern_free(struct pattern *p); /* NULL is fine */

/*
 * Whether it is found in the string. A match that passes LIMIT_REGEXP_MATCH is none, and counted. Does not allocate. Of a string that
 * is not UTF-8 the first PATTERN_BROKEN_MAX bytes count.
 */
#define PATTERN_BROKEN_MAX (4 * LIMIT_ARGS)
bool pattern_match(const struct pattern *p, const char *s, size_t len);

/* Matches given up since the program's start because they passed a limit. */
uint64_t pattern_limit_hits(void);

#endif
