/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All rules at once: taking them out, and bringing others in. */
#ifndef API_RULE_TRANSFER_H
#define API_RULE_TRANSFER_H

struct http_request;

/* GET /api/v1/rules/export: a JSON array of the rules as OpenSnitch writes them, in order of names. */
void rules_export(struct http_request *req);

/*
 * POST /api/v1/rules/import: such an array, all of it or nothing. A name that is taken is a 409, but with `replace=true` the rule
 * takes the place of the one that has it. `dry_run=true` changes nothing and says what would happen.
 */
void rules_import(struct http_request *req);

#endif
