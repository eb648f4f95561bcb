/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET /api/v1/rules/report: what is wrong with the rules as a whole, each finding with a request that mends it.
 *
 * The rules are looked at in slices of the loop, as a person has thousands of them in imported lists. A finding is proven
 * (api/rule_leaf.h), but for what is a matter of taste: unused, too wide, about to end.
 */
#ifndef API_RULE_REPORT_H
#define API_RULE_REPORT_H

struct http_request;

/*
 * {"items":[{"kind","severity","rule","other","message","fix":{"title","method","path","body"}|null}],"rules","complete"}. Kinds:
 * not_evaluated, never_matches, shadowed, duplicate, contradiction, redundant, unused (?days=30), missing_program, too_wide,
 * ending (within an hour).
 */
void rule_report_get(struct http_request *req);

#endif
