/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How one rule compares with a connection, operand by operand: for people who ask why. */
#ifndef API_RULE_TRACE_H
#define API_RULE_TRACE_H

#include <jansson.h>
#include <stdbool.h>

#include "api/rule_doc.h"
#include "lib/rule.h"
#include "lib/subject.h"

/*
 * Every comparison of the rule, those in lists too (a rule matches when all of them do), by the code that the engine
 * decides with: [{"place","type","operand","sensitive","data","value","matched"}]. `value` is what the connection has, as text
 * (ancestors with ", " between), or null where it is not known. *ret_matched: whether all did. A new reference,
 * or NULL when out of memory. The rule must have `wire`. `lists` may be NULL: there are none.
 */
json_t *rule_trace(const struct rule_doc *doc, const struct rule_lists *lists,
	const struct subject *subject, bool *ret_matched);

#endif
