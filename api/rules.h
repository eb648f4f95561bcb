/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The routes of rules. The rules themselves are in api/rule_book.h. */
#ifndef API_RULES_H
#define API_RULES_H

#include "lib/limits.h"

struct http_request;
struct rule_entry;

/* GET, POST /api/v1/rules */
void route_rules_list(struct http_request *req);
void route_rules_create(struct http_request *req);

/* GET, PUT, PATCH, DELETE /api/v1/rules/{name} */
void route_rules_get(struct http_request *req);
void route_rules_put(struct http_request *req);
void route_rules_patch(struct http_request *req);
void route_rules_delete(struct http_request *req);

#define RULES_PATH_LEN (sizeof("/api/v1/rules/") + 3 * LIMIT_RULE_NAME)

/* "/api/v1/rules/NAME", percent-encoded (RFC 3986, section 2.3). */
void rules_path(const char *name, char ret[static RULES_PATH_LEN]);

/* Answers with a rule; 201 names its place. */
void rules_reply(struct http_request *req, unsigned status, const struct rule_entry *e);

#endif
