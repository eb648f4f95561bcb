/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What became of each rule: every change with who made it and both documents, and the way back.
 *
 * A change is recorded once it has happened; one that cannot be recorded (a full disk) is logged and stands all the same.
 */
#ifndef API_RULE_HISTORY_H
#define API_RULE_HISTORY_H

#include "api/rule_book.h"

struct console;
struct http_request;

/*
 * The book's event, to be recorded: by the caller whose request is being handled (console.caller), or where there is none
 * by the rules folder (a rule that has a file) or the clock (an end).
 */
void rule_history_record(struct console *c, enum rule_event what, const struct rule_entry *rule,
	const struct rule_doc *before);

/* GET /api/v1/rules/{name}/history: newest first, also of a rule that is gone. */
void rule_history_get(struct http_request *req);

/*
 * POST /api/v1/rules/{name}/revert: {"change": ID} puts the rule back to what it was before that change; {} the newest one. 200 with the
 * rule, or 204 when there was none before.
 */
void rule_history_revert(struct http_request *req);

#endif
