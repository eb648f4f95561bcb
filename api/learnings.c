/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which proposals are not offered any more. */
#include "config.h"

#include "api/learnings.h"

#include <string.h>

#include "api/console.h"
#include "api/http.h"
#include "db/learnings.h"
#include "lib/clock.h"
#include "lib/limits.h"

static int add_item(void *ctx, const char *name, uint64_t began_us)
{
	return json_array_append_new(
		       ctx, json_pack("{s:o, s:o}", "name", http_json_text(name, strlen(name)),
				    "from", http_json_time(began_us))) < 0
		       ? ERR_NOMEM
		       : 0;
}

void learnings_done_get(struct http_request *req)
{
	json_t *items = json_array();
	int r = items ? learnings_done_each(req->console->store, add_item, items) : ERR_NOMEM;

	if (r < 0) {
		json_decref(items);
		http_reply_error(req, r, NULL);
		return;
	}
	http_reply_json(req, 200, json_pack("{s:o}", "items", items));
}

void learnings_done_post(struct http_request *req)
{
	static const char *const known[] = { "name", "from", NULL };
	const char *name = json_string_value(json_object_get(req->body, "name"));
	const char *from = json_string_value(json_object_get(req->body, "from"));
	struct error err = { 0 };
	uint64_t began_us;
	int r;

	if (!http_body_known(req, known))
		return;
	if (!name || !*name || strlen(name) > LIMIT_RULE_NAME) {
		http_reply_invalid(req, "name", "must be the name of a rule");
		return;
	}
	if (!from || clock_parse(from, &began_us) < 0 || began_us > INT64_MAX) {
		http_reply_invalid(req, "from", "must be a time as RFC 3339 writes it");
		return;
	}
	r = learnings_done_add(req->console->store, name, began_us, &err);
	if (r < 0)
		http_reply_error(req, r, &err);
	else
		http_reply_empty(req);
}
