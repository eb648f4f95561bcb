/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules that would have allowed what a program was allowed to do (api/suggest.h makes them). */
#ifndef API_RULE_SUGGEST_H
#define API_RULE_SUGGEST_H

struct http_request;

/*
 * GET /api/v1/rules/suggestions?process.path=P&from=&to= (default: the last week): {"program","examined","uncovered","items":[{"rule",
 * "connections","covers"}]}. Accepting is POST /api/v1/rules/import with the rules that are wanted: all of them, or none.
 */
void rule_suggestions_get(struct http_request *req);

#endif
