/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Holding packets for a person: opening, joining, answering, timing out. */
#include "config.h"

#include "daemon/engine_internal.h"

#include <string.h>
#include <sys/timerfd.h>

#include "lib/clock.h"

/* How long a prompt may outlive its deadline while the console is not heard out: a compromised one would never stop talking. */
#define LATE_NS 3000000000u
#define LOOK_AGAIN_NS 10000000u

static const struct text no_rule = { NULL, 0 };

/* Whether anybody could answer now. */
static bool somebody_answers(const struct engine *e)
{
	return e->clients > 0 || e->settings.prompt_without_clients ||
	       clock_mono_ns() < e->clients_grace_ns;
}

static void decide_by_default(
	struct engine *e, const struct queue_packet *p, struct connection *c, enum reason reason)
{
	enum action action = (enum action)e->settings.default_action;

	engine_verdict(e, &p->ref, action);
	engine_decided(e, c, action, reason, NULL, no_rule, 1);
	connection_done(c);
}

void engine_ask(struct engine *e, const struct queue_packet *p, struct connection *c)
{
	uint64_t wait_ns = (uint64_t)e->settings.prompt_timeout_ms * 1000000u;
	struct held_flow *flow;
	bool opened;

	if (!somebody_answers(e)) {
		decide_by_default(e, p, c, REASON_NO_CLIENT);
		return;
	}
	if (pending_hold(e->pending, c, c->read_ns + wait_ns, c->time_us,
		    c->time_us + wait_ns / 1000, &flow, &opened) < 0) {
		decide_by_default(e, p, c, REASON_OVERFLOW);
		return;
	}
	queue_verdict(e->queue, &p->ref, QUEUE_HOLD, 0, 0);
	flow->prompt->told = false;
	if (opened) {
		attribution_look_again(e->attribution, &flow->connection.flow, p->ifindex_out,
			&flow->connection.process, &flow->connection.creator);
		e->counters.prompts++;
		engine_tell_prompts(e, false);
		engine_arm_deadline(e);
	}
}

void engine_hold_more(struct engine *e, const struct queue_packet *p, struct held_flow *flow)
{
	bool room = flow->n_packets < LIMIT_HELD_PER_FLOW;

	e->counters.retransmits++;
	queue_verdict(e->queue, &p->ref, room ? QUEUE_HOLD : QUEUE_DROP, 0, 0);
}

void engine_on_held(struct engine *e, const struct queue_packet *p, const struct packet *packet)
{
	struct held_flow *held = pending_find_flow(e->pending, &packet->flow);
	struct held_packet ours = { p->ref.queue_num, p->ref.id, p->ref.mark };
	struct recent_decision d;

	if (held) {
		if (pending_attach(e->pending, held, ours) < 0)
			queue_verdict(e->queue, &p->ref, QUEUE_DROP, 0, 0);
		else
			held->prompt->told = false;
		return;
	}
	/* Decided while the packet was on its way between the two queues. */
	if (recent_find(e->recent, &packet->flow, packet->tcp_seq, clock_mono_ns(), &d))
		engine_verdict(e, &p->ref, d.action);
	else if (!engine_sni_undecided(e, p, packet))
		engine_verdict(e, &p->ref, (enum action)e->settings.default_action);
}

void engine_release(
	void *engine, const struct held_flow *flow, struct held_packet packet, enum action action)
{
	struct queue_ref ref = { packet.queue_num, packet.id, packet.mark };

	(void)flow;
	engine_verdict(engine, &ref, action);
}

static void report_closed(
	struct engine *e, uint64_t id, enum prompt_end end, enum action action, unsigned released)
{
	struct ipc_prompt_closed *m = ipc_begin(&e->builder, IPC_PROMPT_CLOSED);

	m->id = id;
	m->end = (uint8_t)end;
	m->action = (uint8_t)action;
	m->released = released;
	ipc_end(&e->builder);
	outbox_urgent(e->outbox, e->builder.buf, e->builder.len);
}

/* Decides one held flow; its prompt may be gone after. */
static unsigned decide_flow(struct engine *e, struct held_flow *flow, enum action action,
	enum reason reason, const struct ruleset_match *match, struct text rule)
{
	unsigned n = flow->n_packets;

	engine_decided(e, &flow->connection, action, reason, match, rule, n ? n : 1);
	return pending_decide_flow(e->pending, flow, action);
}

unsigned engine_close_prompt(struct engine *e, struct prompt *prompt, enum action action,
	enum reason reason, struct text rule, enum prompt_end end)
{
	struct held_flow *flow = pending_first_flow(prompt), *next;
	uint64_t id = prompt->id;
	unsigned released = 0;

	for (; flow; flow = next) {
		next = pending_next_flow(flow);
		released += decide_flow(e, flow, action, reason, NULL, rule);
	}
	queue_flush(e->queue);
	report_closed(e, id, end, action, released);
	engine_arm_deadline(e);
	return released;
}

/* Puts the rules to each flow of a prompt: connections of one question may differ in what a rule looks at. */
static void reevaluate_prompt(struct engine *e, struct prompt *prompt)
{
	struct held_flow *flow = pending_first_flow(prompt), *next;
	uint64_t id = prompt->id;
	enum action last = ACTION_ALLOW;
	unsigned released = 0, left = prompt->n_flows;

	for (; flow; flow = next) {
		struct ruleset_match match;
		bool matched = engine_match(e, &flow->connection, &match);

		next = pending_next_flow(flow);
		/* Put to them again when it is there: engine_digests_ready(). */
		e->reevaluate_digests |= e->digest_missing;
		if (!matched || e->digest_missing)
			continue;
		prompt->told = false;
		last = match.action;
		left--;
		released += decide_flow(e, flow, match.action, REASON_RULE, &match, match.rule);
	}
	if (!left)
		report_closed(e, id, PROMPT_RULE, last, released);
}

void engine_reevaluate(struct engine *e, uint64_t except)
{
	struct prompt *prompt = pending_first(e->pending), *next;

	for (; prompt; prompt = next) {
		next = pending_next(prompt);
		if (prompt->id != except)
			reevaluate_prompt(e, prompt);
	}
	queue_flush(e->queue);
	engine_tell_prompts(e, false);
	engine_arm_deadline(e);
}

static void set_timer(struct engine *e, uint64_t at_ns)
{
	struct itimerspec when = { 0 };

	when.it_value.tv_sec = (time_t)(at_ns / 1000000000u);
	when.it_value.tv_nsec = (long)(at_ns % 1000000000u);
	timerfd_settime(e->deadline_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void engine_deadlines(struct engine *e)
{
	uint64_t now = clock_mono_ns(), until = now;
	struct prompt *prompt;

	/* What was answered in time counts, also where it stands behind a rule set that is still being loaded. */
	if (!engine_console_readable(e))
		until -= LATE_NS;
	while ((prompt = pending_earliest(e->pending)) && prompt->deadline_ns <= until) {
		e->counters.prompts_timed_out++;
		engine_close_prompt(e, prompt, (enum action)e->settings.prompt_timeout_action,
			REASON_TIMEOUT, no_rule, PROMPT_TIMED_OUT);
	}
	engine_arm_deadline(e);
	if (prompt && prompt->deadline_ns <= now)
		set_timer(e, now + LOOK_AGAIN_NS);
}

void engine_close_all(struct engine *e, enum action action, enum reason reason)
{
	struct prompt *prompt;

	while ((prompt = pending_first(e->pending)))
		engine_close_prompt(e, prompt, action, reason, no_rule, PROMPT_CANCELLED);
}

void engine_tell_prompts(struct engine *e, bool all)
{
	for (struct prompt *p = pending_first(e->pending); p; p = pending_next(p)) {
		if (p->told && !all)
			continue;
		engine_report_prompt(e, p);
		p->told = true;
	}
}

void engine_arm_deadline(struct engine *e)
{
	const struct prompt *p = pending_earliest(e->pending);

	set_timer(e, p ? p->deadline_ns : 0);
}
