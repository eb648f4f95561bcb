/* SPDX-License-Identifier: GPL-2.0-or-later */
/* POST /api/v1/rules/test: a candidate rule against a described connection, or against the recorded history. */
#ifndef API_RULE_TEST_H
#define API_RULE_TEST_H

struct http_request;

/*
 * {"rule": RULE (none: only a removal, or what is decided now), "replaces": NAME (default: the rule's own), "remove": NAME,
 * "connection": {...}} answers how it is decided before and after; without "connection", {"from","to"} (default: the last day) what of the
 * history would change (api/whatif.h), with Accept: application/x-ndjson as a stream of progress lines and the result.
 */
void rule_test_post(struct http_request *req);

#endif
