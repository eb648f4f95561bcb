/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a connection is decided as it is: each rule in order, each comparison with its outcome. */
#ifndef API_EXPLAIN_H
#define API_EXPLAIN_H

#include <jansson.h>

#include "lib/subject.h"

struct console;
struct http_request;

/*
 * {"action","reason","rule","why","asks","steps":[{"rule","action","matched","decided","skipped","operands"}],"not_reached"}
 * for this connection with the rules as they are. Where no rule decides, `action` is what happens without an answer, `reason` is
 * "default", and `asks` says whether somebody would be asked first. A new reference, or NULL when out of memory.
 */
json_t *explain_subject(const struct console *c, const struct subject *subject);

/* POST /api/v1/explain */
void explain_post(struct http_request *req);

#endif
