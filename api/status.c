/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /api/v1/health and /api/v1/status. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/console.h"
#include "api/engine_view.h"
#include "api/exports.h"
#include "api/http.h"
#include "api/sse.h"
#include "db/history.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/verdict.h"

static json_t *text_or_null(const char *s)
{
	return *s ? json_string(s) : json_null();
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static const char *action_str_int(int i)
{
	return action_str((enum action)i);
}

static const char *reason_str_int(int i)
{
	return reason_str((enum reason)i);
}

static const char *method_str_int(int i)
{
	return attribution_method_str((enum attribution_method)i);
}

static const char *confidence_str_int(int i)
{
	return confidence_str((enum confidence)i);
}

static json_t *named_counters(const uint64_t *values, size_t n, const char *(*name)(int))
{
	json_t *object = json_object();

	for (size_t i = 0; i < n; i++)
		json_object_set_new(object, name((int)i), number(values[i]));
	return object;
}

static json_t *counters_json(const struct ipc_counters *c)
{
	const struct {
		const char *name;
		uint64_t value;
	} plain[] = {
		{ "packets", c->packets },
		{ "dns_answers", c->dns_answers },
		{ "dns_refused", c->dns_refused },
		{ "retransmits", c->retransmits },
		{ "midstream", c->midstream },
		{ "malformed", c->malformed },
		{ "prompts", c->prompts },
		{ "prompts_timed_out", c->prompts_timed_out },
		{ "overflow", c->overflow },
		{ "queue_dropped", c->queue_dropped },
		{ "queue_user_dropped", c->queue_user_dropped },
		{ "verdict_lost", c->verdict_lost },
		{ "verdict_errors", c->verdict_errors },
		{ "trace_events", c->trace_events },
		{ "trace_lost", c->trace_lost },
		{ "trace_reads", c->trace_reads },
		{ "trace_empty_reads", c->trace_empty_reads },
		{ "proc_scans", c->proc_scans },
		{ "events_lost", c->events_lost },
		{ "ipc_refused", c->ipc_refused },
		{ "rules_repaired", c->rules_repaired },
		{ "held_now", c->held_now },
		{ "prompts_now", c->prompts_now },
		{ "processes_now", c->processes_now },
		{ "names_now", c->names_now },
	};
	json_t *object = json_object();

	for (size_t i = 0; i < array_len(plain); i++)
		json_object_set_new(object, plain[i].name, number(plain[i].value));
	json_object_set_new(object, "decisions",
		named_counters(c->decisions, array_len(c->decisions), action_str_int));
	json_object_set_new(object, "reasons",
		named_counters(c->reasons, array_len(c->reasons), reason_str_int));
	json_object_set_new(object, "methods",
		named_counters(c->methods, array_len(c->methods), method_str_int));
	json_object_set_new(object, "confidences",
		named_counters(c->confidences, array_len(c->confidences), confidence_str_int));
	return object;
}

uint64_t console_rss_kib(void)
{
	_cleanup_close_ int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	unsigned long pages = 0;
	char text[128];
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (sscanf(text, "%*u %lu", &pages) != 1)
		return 0;
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static json_t *history_json(const struct console *c)
{
	struct history_state state = { .stopped = true, .why = "the history could not be opened" };

	if (c->history)
		history_get_state(c->history, &state);
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "state", state.stopped ? "stopped" : "ok",
		"why", text_or_null(state.stopped ? state.why : ""), "queued", number(state.queued),
		"lost", number(state.lost), "rows", number(state.rows));
}

static json_t *console_part(const struct console *c)
{
	return json_pack("{s:s, s:i, s:o, s:i, s:i, s:o, s:o}", "state", "ok", "pid", (int)getpid(),
		"rss_kib", number(console_rss_kib()), "starts",
		(int)c->engine->status.console_starts, "clients", (int)sse_clients(c->sse),
		"history", history_json(c), "export", exports_json(c->exports));
}

static json_t *engine_part(const struct engine_view *v)
{
	const struct ipc_status *s = &v->status;

	return json_pack("{s:s, s:i, s:o, s:b, s:b, s:o, s:o}", "state",
		v->status_ns ? "ok" : "starting", "pid", (int)v->engine_pid, "rss_kib",
		number(s->engine_rss_kib), "fail_closed", s->fail_closed, "rules_ok", s->rules_ok,
		"netns", text_or_null(v->netns), "ruleset_generation",
		number(s->ruleset_generation));
}

static json_t *queue_part(const struct ipc_status *s)
{
	const struct ipc_counters *c = &s->counters;

	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o}", "number", (int)s->queue_num, "received",
		number(c->packets), "dropped", number(c->queue_dropped), "overflow",
		number(c->overflow), "user_dropped", number(c->queue_user_dropped), "verdict_lost",
		number(c->verdict_lost));
}

static json_t *warnings_part(const struct engine_view *v)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < v->n_warnings; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "code",
						    alert_code_str(v->warnings[i].code), "severity",
						    alert_severity_str(v->warnings[i].code),
						    "message", v->warnings[i].message, "time",
						    http_json_time(v->warnings[i].time_us)));
	return list;
}

json_t *status_json(struct console *c)
{
	const struct engine_view *v = c->engine;
	const struct ipc_status *s = &v->status;
	uint64_t now = clock_real_us();
	uint64_t uptime = c->started_us && now > c->started_us ? now - c->started_us : 0;

	return json_pack(
		"{s:s, s:o, s:o, s:{s:b, s:o}, s:{s:s, s:s}, s:o, s:o, s:o, s:o, s:i, s:i, s:o}",
		"version", PACKAGE_VERSION, "uptime_s", number(uptime / 1000000), "started",
		http_json_time(c->started_us), "interception", "enabled", s->enabled, "until",
		http_json_time(s->enabled ? 0 : s->paused_until_us), "attribution", "method",
		attribution_method_str((enum attribution_method)s->method), "why", v->method_why,
		"queue", queue_part(s), "counters", counters_json(&s->counters), "engine",
		engine_part(v), "console", console_part(c), "prompts", (int)s->counters.prompts_now,
		"held", (int)s->counters.held_now, "warnings", warnings_part(v));
}

void health_get(struct http_request *req)
{
	http_reply_json(req, 200, json_pack("{s:s}", "status", "ok"));
}

void status_get(struct http_request *req)
{
	http_reply_resource(req, 200, status_json(req->console), NULL);
}
