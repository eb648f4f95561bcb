/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Table `rule_changes`: what became of rules, newest first, bounded by LIMIT_RULE_CHANGES. It knows no meaning. */
#ifndef DB_RULE_CHANGES_H
#define DB_RULE_CHANGES_H

#include <stdint.h>

#include "db/log_span.h"
#include "lib/err.h"

struct store;

struct rule_change {
	uint64_t id; /* given by the database */
	uint64_t time_us; /* CLOCK_REALTIME */
	const char *name;
	const char *kind; /* "created", "updated", "renamed", "deleted" */
	const char *by_kind;
	const char *by_name; /* NULL: none */
	const char *via; /* NULL: nothing special */
	const char *before, *after; /* documents; NULL: there was no rule */
};

/*
 * Adds one (its id is not looked at) and removes the oldest beyond the limit. After a power cut the last seconds may be missing: a folder
 * with thousands of new files must not wait for the disk at each. 0 or a code with `err`.
 */
int rule_changes_add(struct store *s, const struct rule_change *c, struct error *err);

/* Which changes; texts are borrowed, NULL: any. */
struct rule_change_filter {
	const char *name; /* of the rule; not NULL */
	struct log_span span;
	const char *kind, *by_kind, *by_name; /* equal */
};

/*
 * Calls `fn` for the changes that the filter takes, until it returns non-zero, which is then returned. A change is valid during its call.
 * Otherwise 0 or a code. There are few enough to look at all.
 */
int rule_changes_each(struct store *s, const struct rule_change_filter *f,
	int (*fn)(void *ctx, const struct rule_change *c), void *ctx);

#endif
