/* SPDX-License-Identifier: GPL-2.0-or-later */
/* POST /api/v1/interception: pause and resume. */
#include "config.h"

#include <string.h>

#include "api/console.h"
#include "api/engine_view.h"
#include "api/http.h"
#include "api/ipc_client.h"
#include "api/sse.h"
#include "lib/clock.h"
#include "lib/log.h"

#define PAUSE_MAX_MS (7 * UINT64_C(86400000))

/* Reads "for"; false after a 422. */
static bool read_for(struct http_request *req, bool enabled, uint64_t *ret_ms)
{
	const json_t *json = json_object_get(req->body, "for");

	*ret_ms = 0;
	if (!json || json_is_null(json))
		return true;
	if (enabled) {
		http_reply_invalid(req, "for", "goes only with \"enabled\": false");
		return false;
	}
	if (json_is_string(json) && clock_parse_duration(json_string_value(json), ret_ms) == 0 &&
		*ret_ms >= 1000 && *ret_ms <= PAUSE_MAX_MS)
		return true;
	http_reply_invalid(req, "for", "must be a duration from 1s to 7d, as \"5m\"");
	return false;
}

void interception_post(struct http_request *req)
{
	static const char *const known[] = { "enabled", "for", NULL };
	struct console *c = req->console;
	struct ipc_status *s = &c->engine->status;
	uint16_t number = (uint16_t)(c->engine->interception_sent + 1);
	const json_t *enabled = json_object_get(req->body, "enabled");
	uint64_t ms;
	int r;

	if (!http_body_known(req, known))
		return;
	if (!json_is_boolean(enabled)) {
		http_reply_invalid(req, "enabled", "must be true or false");
		return;
	}
	if (!read_for(req, json_is_true(enabled), &ms))
		return;
	r = ipc_client_send_interception(c->ipc, number, json_is_true(enabled), (uint32_t)ms);
	if (r < 0) {
		http_reply_error(req, r, NULL);
		return;
	}
	log_notice("interception is turned %s by %s", json_is_true(enabled) ? "on" : "off",
		req->caller.user);
	c->engine->interception_sent = number;
	/* The engine handles messages in order and takes every one of these: its status will say so. */
	s->enabled = json_is_true(enabled);
	s->paused_until_us = ms ? clock_real_us() + ms * 1000 : 0;
	http_reply_json(req, 200,
		json_pack("{s:b, s:o}", "enabled", s->enabled, "until",
			http_json_time(s->paused_until_us)));
	if (sse_is_wanted(c->sse, SSE_STATS))
		sse_publish(c->sse, SSE_STATS, status_json(c));
}
