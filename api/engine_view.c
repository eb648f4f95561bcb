/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's word on itself, and warnings. */
#include "config.h"

#include "api/engine_view.h"

#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/utf8.h"

static const struct {
	unsigned code;
	const char *name;
	const char *severity;
} alerts[] = {
	{ ALERT_RULES_FLUSHED, "rules_flushed", "warning" },
	{ ALERT_RULES_FAILED, "rules_failed", "error" },
	{ ALERT_CONSOLE_DIED, "console_died", "warning" },
	{ ALERT_QUEUE_OVERFLOW, "queue_overflow", "warning" },
	{ ALERT_TRACE_LOST, "trace_lost", "warning" },
	{ ALERT_EVENTS_LOST, "events_lost", "warning" },
	{ ALERT_RULESET_REFUSED, "ruleset_refused", "error" },
	{ ALERT_HISTORY_STOPPED, "history_stopped", "error" },
	{ ALERT_HISTORY_RESUMED, "history_resumed", "info" },
	{ ALERT_RULE_FILE, "rule_file", "warning" },
	{ ALERT_EXPORT_DOWN, "export_down", "warning" },
	{ ALERT_EXPORT_RESUMED, "export_resumed", "info" },
	{ ALERT_TLS_REFUSED, "tls_refused", "error" },
	{ ALERT_TLS_KEY_OPEN, "tls_key_open", "warning" },
	{ ALERT_TLS_EXPIRES, "tls_expires", "warning" },
	{ ALERT_TLS_EXPIRED, "tls_expired", "error" },
};

const char *alert_code_str(unsigned code)
{
	for (size_t i = 0; i < array_len(alerts); i++)
		if (alerts[i].code == code)
			return alerts[i].name;
	return "unknown";
}

const char *alert_severity_str(unsigned code)
{
	for (size_t i = 0; i < array_len(alerts); i++)
		if (alerts[i].code == code)
			return alerts[i].severity;
	return "warning";
}

/* A string of a message as safe text. */
static void copy_text(char *to, size_t size, const void *msg, struct ipc_str s)
{
	size_t len;
	const char *text = ipc_get(msg, s, &len);

	utf8_sanitize(text, len, to, size);
}

void engine_view_status(struct engine_view *v, const struct ipc_status *msg)
{
	struct ipc_status before = v->status;

	v->status_ns = clock_mono_ns();
	v->status = *msg;
	if (msg->interception != v->interception_sent) {
		v->status.enabled = before.enabled;
		v->status.paused_until_us = before.paused_until_us;
	}
	copy_text(v->method_why, sizeof(v->method_why), msg, msg->method_why);
	copy_text(v->netns, sizeof(v->netns), msg, msg->netns);
}

void engine_view_unwarn(struct engine_view *v, unsigned code)
{
	for (unsigned i = 0; i < v->n_warnings; i++) {
		if (v->warnings[i].code != code)
			continue;
		v->n_warnings--;
		memmove(v->warnings + i, v->warnings + i + 1,
			(v->n_warnings - i) * sizeof(*v->warnings));
		return;
	}
}

void engine_view_warn(struct engine_view *v, unsigned code, uint64_t time_us, const char *message)
{
	struct warning *w;

	engine_view_unwarn(v, code);
	if (v->n_warnings == WARNINGS_MAX)
		engine_view_unwarn(v, v->warnings[0].code);
	w = &v->warnings[v->n_warnings++];
	w->code = code;
	w->time_us = time_us;
	snprintf(w->message, sizeof(w->message), "%s", message);
}
