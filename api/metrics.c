/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The metrics page. */
#include "config.h"

#include "api/metrics.h"

#include <string.h>

#include "api/console.h"
#include "api/engine_view.h"
#include "api/exports.h"
#include "api/http.h"
#include "api/problem.h"
#include "api/reply.h"
#include "api/rule_book.h"
#include "api/sse.h"
#include "api/textbuf.h"
#include "db/history.h"
#include "lib/cleanup.h"
#include "lib/clock.h"

#define CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Upper bounds in microseconds; what is held for an answer takes seconds. */
static const uint32_t bounds_us[METRICS_BUCKETS - 1] = { 25, 50, 100, 250, 500, 1000, 2500, 5000,
	10000, 50000, 250000, 1000000, 5000000, 15000000, 60000000 };

void metrics_note_connection(struct metrics *m, const struct ipc_connection *msg)
{
	bool held = msg->reason == REASON_ANSWER || msg->reason == REASON_TIMEOUT;
	struct metrics_histogram *h = &m->latency[held];
	unsigned i = 0;

	while (i < array_len(bounds_us) && msg->latency_us > bounds_us[i])
		i++;
	h->buckets[i]++;
	h->count++;
	h->sum_us += msg->latency_us;
	m->connections++;
}

void metrics_note_prompt_end(struct metrics *m, const struct ipc_prompt_closed *msg)
{
	m->prompt_ends[msg->end]++;
}

/* ---- the page */

static void head(struct textbuf *b, const char *name, const char *type, const char *help)
{
	textbuf_printf(
		b, "# HELP opensnitch_%s %s\n# TYPE opensnitch_%s %s\n", name, help, name, type);
}

static void one(
	struct textbuf *b, const char *name, const char *type, const char *help, double value)
{
	head(b, name, type, help);
	textbuf_printf(b, "opensnitch_%s %.15g\n", name, value);
}

static void labelled(
	struct textbuf *b, const char *name, const char *label, const char *value, uint64_t n)
{
	textbuf_printf(
		b, "opensnitch_%s{%s=\"%s\"} %llu\n", name, label, value, (unsigned long long)n);
}

static void add_engine_arrays(struct textbuf *b, const struct ipc_counters *c)
{
	head(b, "decisions_total", "counter", "Connections decided, by action.");
	for (unsigned i = 0; i < ACTION_COUNT_; i++)
		labelled(b, "decisions_total", "action", action_str((enum action)i),
			c->decisions[i]);
	head(b, "decision_reasons_total", "counter", "Connections decided, by what decided.");
	for (unsigned i = 0; i < REASON_COUNT_; i++)
		labelled(b, "decision_reasons_total", "reason", reason_str((enum reason)i),
			c->reasons[i]);
	head(b, "attributions_total", "counter", "Connections attributed, by method.");
	for (unsigned i = 0; i < METHOD_COUNT_; i++)
		labelled(b, "attributions_total", "method",
			attribution_method_str((enum attribution_method)i), c->methods[i]);
	head(b, "attribution_confidence_total", "counter",
		"Connections attributed, by how sure that is.");
	for (unsigned i = 0; i < CONFIDENCE_COUNT_; i++)
		labelled(b, "attribution_confidence_total", "confidence",
			confidence_str((enum confidence)i), c->confidences[i]);
}

static void add_engine_counters(struct textbuf *b, const struct ipc_counters *c)
{
	const struct {
		const char *name, *help;
		uint64_t value;
	} all[] = {
		{ "packets_total", "Packets read from the queues.", c->packets },
		{ "queue_dropped_total", "Packets dropped by the kernel: queue full.",
			c->queue_dropped },
		{ "queue_user_dropped_total", "Packets dropped by the kernel: socket buffer full.",
			c->queue_user_dropped },
		{ "overflow_total",
			"Connections decided by default because a bound on held packets was "
			"reached.",
			c->overflow },
		{ "retransmits_total", "Packets of flows that were decided already.",
			c->retransmits },
		{ "midstream_total", "Packets of TCP connections older than the daemon.",
			c->midstream },
		{ "malformed_total", "Packets that no parser understood.", c->malformed },
		{ "verdict_lost_total", "Verdicts that came after the packet was gone.",
			c->verdict_lost },
		{ "verdict_errors_total", "Verdicts that the kernel refused.", c->verdict_errors },
		{ "dns_answers_total", "DNS answers that names were learnt from.", c->dns_answers },
		{ "dns_refused_total", "DNS answers that were malformed, or that nobody asked for.",
			c->dns_refused },
		{ "trace_events_total", "Events read from the kernel's tracing.", c->trace_events },
		{ "trace_lost_total", "Events that the kernel's tracing lost.", c->trace_lost },
		{ "trace_reads_total", "Times that a processor's ring buffer was read.",
			c->trace_reads },
		{ "trace_empty_reads_total", "Times that it was read and had nothing new.",
			c->trace_empty_reads },
		{ "proc_scans_total", "Searches through /proc for the owner of a socket.",
			c->proc_scans },
		{ "prompts_opened_total", "Prompts opened.", c->prompts },
		{ "events_lost_total", "Events that the console was too slow for.",
			c->events_lost },
		{ "ipc_refused_total", "Messages of the console that failed their check.",
			c->ipc_refused },
		{ "rules_repaired_total", "Times that netfilter rules were put back.",
			c->rules_repaired },
	};

	for (size_t i = 0; i < array_len(all); i++)
		one(b, all[i].name, "counter", all[i].help, (double)all[i].value);
}

static void add_engine_gauges(struct textbuf *b, const struct engine_view *v)
{
	const struct ipc_status *s = &v->status;

	one(b, "interception_enabled", "gauge", "1 while connections are filtered.", s->enabled);
	one(b, "netfilter_rules_ok", "gauge", "1 while the netfilter rules stand.", s->rules_ok);
	one(b, "held_packets", "gauge", "Packets that wait for an answer.", s->counters.held_now);
	one(b, "prompts_open", "gauge", "Prompts that wait for an answer.",
		s->counters.prompts_now);
	one(b, "processes", "gauge", "Processes in the table.", s->counters.processes_now);
	one(b, "names", "gauge", "Addresses with a known name.", s->counters.names_now);
	one(b, "console_starts", "gauge", "Consoles that this engine has started.",
		s->console_starts);
	one(b, "warnings", "gauge", "Warnings that status shows.", v->n_warnings);
}

static void add_histogram(struct textbuf *b, const struct metrics *m)
{
	static const char *const held[] = { "false", "true" };

	head(b, "decision_latency_seconds", "histogram",
		"From reading a packet to its verdict; held: waited for an answer.");
	for (unsigned k = 0; k < 2; k++) {
		const struct metrics_histogram *h = &m->latency[k];
		uint64_t sum = 0;

		for (unsigned i = 0; i < array_len(bounds_us); i++) {
			sum += h->buckets[i];
			textbuf_printf(b,
				"opensnitch_decision_latency_seconds_bucket{held=\"%s\",le=\"%."
				"6g\"} %llu\n",
				held[k], bounds_us[i] / 1e6, (unsigned long long)sum);
		}
		textbuf_printf(b,
			"opensnitch_decision_latency_seconds_bucket{held=\"%s\",le=\"+Inf\"} %llu\n"
			"opensnitch_decision_latency_seconds_sum{held=\"%s\"} %.6f\n"
			"opensnitch_decision_latency_seconds_count{held=\"%s\"} %llu\n",
			held[k], (unsigned long long)h->count, held[k], (double)h->sum_us / 1e6,
			held[k], (unsigned long long)h->count);
	}
	head(b, "prompts_ended_total", "counter", "Prompts that are over, by how they ended.");
	for (unsigned i = 0; i < PROMPT_END_COUNT_; i++)
		labelled(b, "prompts_ended_total", "end", prompt_end_str((enum prompt_end)i),
			m->prompt_ends[i]);
}

static void add_console(struct textbuf *b, const struct console *c)
{
	struct history_state h = { .stopped = true };

	if (c->history)
		history_get_state(c->history, &h);
	one(b, "connection_events_total", "counter", "Decisions that the engine told the console.",
		(double)c->metrics.connections);
	one(b, "sse_clients", "gauge", "Clients of the event stream.", sse_clients(c->sse));
	one(b, "sse_prompt_clients", "gauge", "Clients that can answer prompts.",
		sse_prompt_clients(c->sse));
	one(b, "rules", "gauge", "Rules in the book.", (double)rule_book_count(c->rules));
	one(b, "rule_problems", "gauge", "Rule files that are skipped.",
		(double)rule_book_problems(c->rules));
	one(b, "history_stopped", "gauge", "1 while connections cannot be recorded.", h.stopped);
	one(b, "history_rows", "gauge", "Connections on record.", (double)h.rows);
	one(b, "history_queue_rows", "gauge", "Connections that wait for the disk.",
		(double)h.queued);
	one(b, "history_lag_seconds", "gauge",
		"Age of the oldest connection that waits for the disk.", (double)h.lag_us / 1e6);
	one(b, "history_lost_total", "counter", "Connections that could not be recorded.",
		(double)h.lost);
	exports_metrics(c->exports, b);
	head(b, "resident_memory_bytes", "gauge", "Resident memory of the two processes.");
	labelled(b, "resident_memory_bytes", "process", "engine",
		c->engine->status.engine_rss_kib * 1024);
	labelled(b, "resident_memory_bytes", "process", "console", console_rss_kib() * 1024);
}

void metrics_get(struct http_request *req)
{
	const struct console *c = req->console;
	struct textbuf b = { 0 };
	char *text;
	size_t len;

	head(&b, "build_info", "gauge", "The version that runs.");
	textbuf_puts(&b, "opensnitch_build_info{version=\"" PACKAGE_VERSION "\"} 1\n");
	one(&b, "start_time_seconds", "gauge", "When the engine started, in seconds since 1970.",
		(double)c->started_us / 1e6);
	add_engine_arrays(&b, &c->engine->status.counters);
	add_engine_counters(&b, &c->engine->status.counters);
	add_engine_gauges(&b, c->engine);
	add_histogram(&b, &c->metrics);
	add_console(&b, c);
	text = textbuf_steal(&b, &len);
	http_reply_text_as(req, 200, CONTENT_TYPE, text, len);
}
