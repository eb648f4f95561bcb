/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of what the engine knows: connections, prompts, status. */
#include "config.h"

#include "daemon/engine_internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/process_flag.h"
#include "lib/utf8.h"

static void put_text(struct ipc_builder *b, struct ipc_str *ret, const char *s)
{
	if (s)
		ipc_put(b, ret, s, strlen(s));
}

static void put_relative(struct ipc_builder *b, struct ipc_relative *ret, int32_t pid,
	const char *path, const struct process_who *who)
{
	ret->pid = pid;
	ret->uid = who->uid;
	ret->euid = who->euid;
	ret->started_us = who->started_us;
	put_text(b, &ret->path, path);
	if (!*path) {
		char name[4 * PROCESS_NAME_LEN];

		utf8_sanitize(who->name, strlen(who->name), name, sizeof(name));
		put_text(b, &ret->name, name);
	}
}

static void fill_process(struct engine *e, struct ipc_process *m, const struct connection *c)
{
	struct ipc_builder *b = &e->builder;
	const struct process *p = c->process;

	m->uid = c->uid;
	m->real_uid = m->euid = UINT32_MAX;
	if (c->uid != UINT32_MAX)
		put_text(b, &m->user, users_name(e->users, c->uid));
	if (!p)
		return;
	m->pid = p->pid;
	m->start_time = p->start_time;
	m->started_us = p->who.started_us;
	m->real_uid = p->who.uid;
	m->euid = p->who.euid;
	m->exe = p->exe;
	put_text(b, &m->path, p->path);
	ipc_put(b, &m->args, p->args, p->args_len);
	put_text(b, &m->cwd, p->cwd);
	put_text(b, &m->cgroup, p->cgroup);
	put_text(b, &m->container, p->container);
	put_text(b, &m->script, p->script);
	m->flags = p->flags | (c->is_shared ? PROCESS_SHARED_SOCKET : 0);
	if (c->creator)
		put_relative(b, &m->creator, c->creator->pid, c->creator->path, &c->creator->who);
	for (unsigned i = 0; i < p->n_parents; i++) {
		const struct process_parent *of = &p->parents[i];

		put_relative(b, &m->parents[i], of->pid, of->path, &of->who);
	}
	m->n_parents = p->n_parents;
}

static void fill_connection(struct engine *e, struct ipc_connection *m, const struct connection *c)
{
	m->time_us = c->time_us;
	m->flow = c->flow;
	m->method = (uint8_t)c->method;
	m->confidence = (uint8_t)c->confidence;
	m->host_source = (uint8_t)c->name.source;
	m->host_certainty = (uint8_t)c->name.certainty;
	m->is_forwarded = c->is_forwarded;
	memcpy(m->iface_in, c->iface_in, sizeof(m->iface_in));
	memcpy(m->iface_out, c->iface_out, sizeof(m->iface_out));
	put_text(&e->builder, &m->netns, c->netns);
	ipc_put(&e->builder, &m->host, c->name.host, c->name.len);
	fill_process(e, &m->process, c);
}

static uint32_t latency_between(uint64_t read_ns, uint64_t decided_ns)
{
	uint64_t us = (decided_ns - read_ns) / 1000;

	return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

void engine_report_connection(struct engine *e, const struct connection *c, enum action action,
	enum reason reason, bool nolog, struct text rule, unsigned n_packets, uint64_t flow_id)
{
	struct ipc_connection *m = ipc_begin(&e->builder, IPC_CONNECTION);

	m->latency_us = latency_between(c->read_ns, clock_mono_ns());
	m->action = (uint8_t)action;
	m->reason = (uint8_t)reason;
	m->nolog = nolog;
	m->held_packets = n_packets;
	m->flow_id = flow_id;
	fill_connection(e, m, c);
	ipc_put(&e->builder, &m->rule, rule.s, rule.len);
	ipc_end(&e->builder);
	if (outbox_event(e->outbox, e->builder.buf, e->builder.len))
		return;
	e->counters.events_lost++;
	e->flows_telling.is_wanted |= flow_id != 0;
}

bool engine_report_flow(struct engine *e, const struct live_flow *f)
{
	struct ipc_flow *m = ipc_begin(&e->builder, IPC_FLOW);

	m->connection.action = (uint8_t)f->action;
	m->connection.reason = (uint8_t)f->reason;
	m->connection.nolog = f->nolog;
	m->connection.held_packets = 1;
	m->connection.flow_id = f->id;
	m->connection.latency_us = latency_between(f->connection.read_ns, f->added_ns);
	m->before_start = f->before_start;
	m->bytes_out = f->bytes_out;
	m->bytes_in = f->bytes_in;
	m->packets_out = f->packets_out;
	m->packets_in = f->packets_in;
	fill_connection(e, &m->connection, &f->connection);
	put_text(&e->builder, &m->connection.rule, f->rule);
	ipc_end(&e->builder);
	return outbox_event(e->outbox, e->builder.buf, e->builder.len);
}

bool engine_report_flow_table(struct engine *e, uint32_t number, bool is_end)
{
	struct ipc_flow_table *m = ipc_begin(&e->builder, IPC_FLOW_TABLE);

	m->number = number;
	m->is_end = is_end;
	ipc_end(&e->builder);
	return outbox_event(e->outbox, e->builder.buf, e->builder.len);
}

void engine_report_traffic(
	struct engine *e, const struct live_flow *f, bool is_end, enum flow_end end)
{
	struct ipc_flow_traffic *m = ipc_begin(&e->builder, IPC_FLOW_TRAFFIC);

	m->flow_id = f->id;
	m->time_us = clock_real_us();
	m->bytes_out = f->bytes_out;
	m->bytes_in = f->bytes_in;
	m->packets_out = f->packets_out;
	m->packets_in = f->packets_in;
	m->is_end = is_end;
	m->end = (uint8_t)end;
	m->counted = conntrack_counts(e->conntrack);
	ipc_end(&e->builder);
	/* Of one that goes on, the next figures make up for these. */
	if (outbox_event(e->outbox, e->builder.buf, e->builder.len) || !is_end)
		return;
	e->counters.events_lost++;
	e->flows_telling.is_wanted = true;
}

void engine_report_prompt(struct engine *e, struct prompt *prompt)
{
	struct ipc_prompt *m = ipc_begin(&e->builder, IPC_PROMPT);

	m->id = prompt->id;
	m->opened_us = prompt->opened_us;
	m->deadline_us = prompt->deadline_us;
	m->held = prompt->n_packets ? prompt->n_packets
				    : 1; /* the first is on its way to the hold queue */
	fill_connection(e, &m->connection, &pending_first_flow(prompt)->connection);
	ipc_end(&e->builder);
	outbox_urgent(e->outbox, e->builder.buf, e->builder.len);
}

static uint64_t rss_kib(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/statm", "re");
	unsigned long size = 0, resident = 0;

	if (!f || fscanf(f, "%lu %lu", &size, &resident) != 2)
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

/* Gathers what the rooms count themselves. */
static void update_counters(struct engine *e)
{
	struct ipc_counters *c = &e->counters;
	struct attribution_stats a;
	struct queue_stats q;
	struct dns_watch_stats d;

	queue_stats(e->queue, &q);
	attribution_stats(e->attribution, &a);
	c->queue_dropped = q.dropped;
	c->queue_user_dropped = q.user_dropped;
	c->verdict_lost = q.verdict_lost;
	c->verdict_errors = q.verdict_errors;
	c->trace_events = a.trace.events;
	c->trace_lost = a.trace.lost;
	c->trace_reads = a.trace.reads;
	c->trace_empty_reads = a.trace.empty_reads;
	c->proc_scans = a.proc_scans;
	c->processes_now = a.processes;
	c->names_now = names_count(e->names);
	dns_watch_stats(e->dns, &d);
	c->dns_answers = d.answers;
	c->dns_refused = d.refused;
	c->held_now = pending_packets(e->pending);
	c->prompts_now = pending_count(e->pending);
}

/* The kernel dropping packets, or losing trace events, is told once for each time that it grows. */
static void alert_losses(struct engine *e, const struct ipc_counters *before)
{
	const struct ipc_counters *now = &e->counters;
	uint64_t was = before->queue_dropped + before->queue_user_dropped;
	uint64_t dropped = now->queue_dropped + now->queue_user_dropped;

	/* The kernel's counters have 32 bits, and begin anew. */
	if (dropped > was)
		engine_alert(e, ALERT_QUEUE_OVERFLOW,
			"the kernel dropped %llu packets before they were seen: the queue was full",
			(unsigned long long)(dropped - was));
	if (now->trace_lost > before->trace_lost)
		engine_alert(e, ALERT_TRACE_LOST,
			"%llu trace events were lost: some attributions fell back on /proc",
			(unsigned long long)(now->trace_lost - before->trace_lost));
	if (now->events_lost > before->events_lost)
		engine_alert(e, ALERT_EVENTS_LOST, "%llu events did not reach the console",
			(unsigned long long)(now->events_lost - before->events_lost));
}

void engine_report_status(struct engine *e)
{
	struct ipc_counters before = e->counters;
	struct ipc_status *m;

	before.events_lost = e->events_lost_told;
	update_counters(e);
	e->events_lost_told = e->counters.events_lost;
	alert_losses(e, &before);
	m = ipc_begin(&e->builder, IPC_STATUS);
	m->counters = e->counters;
	m->ruleset_generation = e->ruleset ? ruleset_generation(e->ruleset) : 0;
	m->paused_until_us = e->enabled ? 0 : e->paused_until_us;
	m->engine_rss_kib = rss_kib();
	m->enabled = e->enabled;
	m->interception = e->interception_number;
	m->method = (uint8_t)attribution_method(e->attribution);
	m->fail_closed = e->setup.config->fail_closed;
	m->rules_ok = e->firewall_ok;
	m->queue_num = e->setup.options->queue_num;
	m->console_starts = e->console_starts;
	put_text(&e->builder, &m->method_why, attribution_why(e->attribution));
	put_text(&e->builder, &m->netns, e->setup.options->netns);
	ipc_end(&e->builder);
	outbox_urgent(e->outbox, e->builder.buf, e->builder.len);
}
