/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The path of a packet, from the queue to its verdict. engine.h tells the story. */
#include "config.h"

#include "daemon/engine_internal.h"

#include <netinet/in.h>
#include <string.h>

#include "daemon/packet.h"
#include "daemon/tunnels.h"
#include "lib/clock.h"

#define TCP_SYN 0x02
#define TCP_ACK 0x10
#define NF_INET_FORWARD 2

/* Decisions taken while paused are void when filtering goes on: no rule set has this generation. */
#define GENERATION_PAUSED UINT64_MAX

static uint64_t current_generation(const struct engine *e)
{
	if (!e->enabled)
		return GENERATION_PAUSED;
	return e->ruleset ? ruleset_generation(e->ruleset) : 0;
}

void engine_verdict(struct engine *e, const struct queue_ref *ref, enum action action)
{
	uint32_t mask = e->mark_allow | e->mark_reject;

	switch (action) {
	case ACTION_ALLOW:
		/* No lasting mark while paused: the flow is judged when filtering goes on. */
		queue_verdict(e->queue, ref, QUEUE_ACCEPT, e->enabled ? e->mark_allow : 0,
			e->enabled ? mask : 0);
		break;
	case ACTION_REJECT:
		queue_verdict(e->queue, ref, QUEUE_REJECT, e->mark_reject, mask);
		break;
	case ACTION_DENY:
	case ACTION_COUNT_:
		queue_verdict(e->queue, ref, QUEUE_DROP, 0, 0);
		break;
	}
}

static struct text env_of(void *ctx, struct text name)
{
	static char value[LIMIT_RULE_DATA]; /* borrowed by one match at a time */
	const struct connection *c = ctx;
	int n = c->process ? process_env(c->process, name.s, name.len, value, sizeof(value)) : -1;

	return n < 0 ? (struct text) { NULL, 0 } : (struct text) { value, (size_t)n };
}

static struct text text_of(const char *s)
{
	return s ? (struct text) { s, strlen(s) } : (struct text) { NULL, 0 };
}

static void describe(struct engine *e, const struct connection *c,
	struct engine_digest_ctx *digest_ctx, struct subject *s)
{
	const struct process *p = c->process;

	memset(s, 0, sizeof(*s));
	s->flow = c->flow;
	s->uid = c->uid;
	s->host = (struct text) { c->name.host, c->name.len };
	if (c->is_forwarded)
		s->iface_in = text_of(c->iface_in);
	s->iface_out = text_of(c->iface_out);
	if (c->uid != UINT32_MAX)
		s->user = text_of(users_name(e->users, c->uid));
	s->env = env_of;
	s->env_ctx = (void *)(uintptr_t)c;
	if (!p)
		return;
	s->has_process = true;
	*digest_ctx = (struct engine_digest_ctx) { e, c };
	s->digest = engine_digest;
	s->digest_ctx = digest_ctx;
	s->pid = p->pid;
	s->path = text_of(p->path);
	s->command = text_of(p->command);
	s->n_parents = p->n_parents;
	for (unsigned i = 0; i < p->n_parents; i++)
		s->parents[i] = text_of(p->parents[i].path);
}

/*
 * The address has several names and the process asked for none of them: the most restrictive answer counts, and where one
 * of them has none, a person is asked.
 */
static bool match_any_name(struct engine *e, const struct connection *c, struct subject *subject,
	struct ruleset_match *ret)
{
	struct text names[LIMIT_NAMES_PER_ADDR + 1];
	unsigned n = engine_names_all(e, c, names, LIMIT_NAMES_PER_ADDR + 1);
	bool all = ruleset_decide(e->ruleset, subject, clock_boot_ns(), ret);

	for (unsigned i = 0; i < n; i++) {
		struct ruleset_match match;

		if (all && ret->action != ACTION_ALLOW)
			break;
		subject->host = names[i];
		if (!ruleset_decide(e->ruleset, subject, clock_boot_ns(), &match)) {
			all = false;
		} else if (match.action != ACTION_ALLOW) {
			*ret = match;
			all = true;
		}
	}
	return all;
}

bool engine_match(struct engine *e, const struct connection *c, struct ruleset_match *ret)
{
	struct engine_digest_ctx digest_ctx;
	struct subject subject;

	e->digest_missing = false;
	if (!e->ruleset)
		return false;
	describe(e, c, &digest_ctx, &subject);
	if (c->name.certainty == HOST_CERTAINTY_GUESS)
		return match_any_name(e, c, &subject, ret);
	return ruleset_decide(e->ruleset, &subject, clock_boot_ns(), ret);
}

unsigned engine_outcomes(struct engine *e, const struct connection *c)
{
	struct engine_digest_ctx digest_ctx;
	struct subject subject;
	unsigned outcomes;

	e->digest_missing = false;
	describe(e, c, &digest_ctx, &subject);
	outcomes = ruleset_outcomes(e->ruleset, &subject, clock_boot_ns());
	/* A digest may still come, and a rule that asks for it match. */
	return e->digest_missing ? UINT32_MAX : outcomes;
}

void engine_decided(struct engine *e, const struct connection *c, enum action action,
	enum reason reason, const struct ruleset_match *match, struct text rule, unsigned n_packets)
{
	struct recent_decision d = { action, reason, current_generation(e) };
	uint64_t flow_id;

	recent_add(e->recent, &c->flow, c->tcp_seq, &d, clock_mono_ns());
	engine_sni_decided(e, &c->flow, action);
	e->counters.decisions[action]++;
	e->counters.reasons[reason]++;
	e->counters.methods[c->method]++;
	e->counters.confidences[c->confidence]++;
	if (reason == REASON_OVERFLOW)
		e->counters.overflow++;
	flow_id = engine_flow_begin(e, c, action, reason, match && match->nolog, rule);
	engine_report_connection(
		e, c, action, reason, match && match->nolog, rule, n_packets, flow_id);
}

/* Not where packets come from many at once: then there is always one to decide, wherever it is done. */
static void follow_sender(struct engine *e, uint64_t now_ns)
{
	int cpu = cpu_follow_note(
		&e->cpu_follow, attribution_claim_cpu(e->attribution), sched_getcpu(), now_ns);

	if (cpu >= 0)
		cpu_follow_move(&e->cpu_follow, cpu);
}

static void decide(struct engine *e, const struct queue_packet *p, struct connection *c,
	enum action action, enum reason reason, const struct ruleset_match *match)
{
	/*
	 * The mark spares the queue what follows of a flow while the kernel calls it new: of TCP retransmits only, which
	 * `recent` answers. Written into the packet, where the kernel can do no other, it would cost another look for a route.
	 */
	if (action == ACTION_ALLOW && c->flow.proto == IPPROTO_TCP &&
		!queue_has_conntrack(e->queue))
		queue_verdict(e->queue, &p->ref, QUEUE_ACCEPT, 0, 0);
	else
		engine_verdict(e, &p->ref, action);
	engine_decided(
		e, c, action, reason, match, match ? match->rule : (struct text) { NULL, 0 }, 1);
	if (queue_batch_len(e->queue) == 1)
		follow_sender(e, c->read_ns);
	connection_done(c);
}

/* The dashboard itself: without this nobody could answer a prompt about it. */
static bool is_own_listener(const struct engine *e, const struct flow *f)
{
	const struct listeners *l = e->setup.listeners;

	if (!e->own_netns || f->proto != IPPROTO_TCP)
		return false;
	for (unsigned i = 0; i < l->n_addrs; i++)
		if (l->addrs[i].port == f->dst_port && ip_addr_equal(&l->addrs[i].addr, &f->dst))
			return true;
	return false;
}

/* Where the queue tells owners at all, a packet without one is the kernel's own, and not of whoever ran when it was made. */
static void learn_who(struct engine *e, const struct queue_packet *p, const struct packet *packet,
	struct connection *c)
{
	const struct flow *flow = &packet->flow;
	bool is_wrapped = flow->proto == IPPROTO_UDP && packet->payload &&
			  tunnels_is_header(packet->payload, packet->payload_len);
	struct attribution_result who;

	e->uids_told |= p->has_uid;
	if (c->is_forwarded)
		attribution_find_forwarded(e->attribution, flow, p->ifindex_in,
			p->has_mac ? p->mac : NULL, &who, c->netns);
	else if (p->has_uid || !e->uids_told)
		attribution_find(e->attribution, flow, p->has_uid ? p->uid : UINT32_MAX,
			p->ifindex_out, is_wrapped, &who);
	else
		attribution_kernel(e->attribution, &who);
	c->process = who.process;
	c->creator = who.creator;
	c->uid = who.uid;
	c->socket_cookie = who.socket_cookie;
	c->method = who.method;
	c->confidence = who.confidence;
	c->is_shared = who.is_shared;
}

void engine_learn(struct engine *e, const struct queue_packet *p, const struct packet *packet,
	struct connection *c)
{

	memset(c, 0, sizeof(*c));
	c->flow = packet->flow;
	c->tcp_seq = packet->tcp_seq;
	c->ct_id = p->ct_id;
	connection_read_now(c);
	c->is_forwarded = p->hook == NF_INET_FORWARD;
	if (c->is_forwarded)
		interfaces_name(&e->interfaces, p->ifindex_in, c->read_ns, c->iface_in);
	interfaces_name(&e->interfaces, p->ifindex_out, c->read_ns, c->iface_out);
	/*
	 * What was traced and answered before the packets of a batch came lies ready when the batch is read. Where the queue told of its
	 * first packet, the loop has read the answers that were there by then: only those that follow it may bring more.
	 */
	if (e->drained_batch != queue_batch(e->queue)) {
		e->drained_batch = queue_batch(e->queue);
		attribution_drain(e->attribution);
		if (queue_batch_len(e->queue) > 1 || !e->before_is_read)
			engine_names_drain(e);
	}
	learn_who(e, p, packet, c);
	engine_names_asker(e, c);
	engine_names_find(e, c);
}

/* A flow decided a moment ago gets the same again, unless other rules stand now. */
static bool repeat_decision(
	struct engine *e, const struct queue_packet *p, const struct packet *packet)
{
	struct recent_decision d;

	if (!recent_find(e->recent, &packet->flow, packet->tcp_seq, clock_mono_ns(), &d))
		return false;
	if (d.generation != current_generation(e) && d.reason != REASON_ANSWER &&
		d.reason != REASON_TIMEOUT)
		return false;
	e->counters.retransmits++;
	engine_verdict(e, &p->ref, d.action);
	return true;
}

void engine_judge(struct engine *e, const struct queue_packet *p, struct connection *c)
{
	struct ruleset_match match;
	bool matched;

	if (!e->enabled) {
		decide(e, p, c, ACTION_ALLOW, REASON_PAUSED, NULL);
		return;
	}
	matched = engine_match(e, c, &match);
	if (e->digest_missing && engine_wait_for_digest(e, p, c))
		return;
	if (matched)
		decide(e, p, c, match.action, REASON_RULE, &match);
	else if (!e->ruleset)
		decide(e, p, c, (enum action)e->settings.default_action, REASON_DEFAULT, NULL);
	else
		engine_ask(e, p, c);
}

void engine_judge_packet(
	struct engine *e, const struct queue_packet *p, const struct packet *packet)
{
	struct connection c;

	engine_learn(e, p, packet, &c);
	if (is_own_listener(e, &packet->flow))
		decide(e, p, &c, ACTION_ALLOW, REASON_OWN, NULL);
	else if (!engine_sni_begin(e, p, packet, &c))
		engine_judge(e, p, &c);
}

static bool is_midstream(const struct packet *packet)
{
	return packet->flow.proto == IPPROTO_TCP &&
	       (packet->tcp_flags & (TCP_SYN | TCP_ACK)) != TCP_SYN;
}

/* The same for what the console said: who may be asked, and the settings. */
static void hear_console(struct engine *e)
{
	if (e->heard_batch == queue_batch(e->queue))
		return;
	e->heard_batch = queue_batch(e->queue);
	if (queue_batch_len(e->queue) > 1 || !e->before_is_read)
		engine_console_readable(e);
}

void engine_on_packet(void *engine, const struct queue_packet *p)
{
	struct engine *e = engine;
	struct held_flow *held;
	struct packet packet;

	hear_console(e);
	e->counters.packets++;
	if (packet_parse(p->payload, p->payload_len, &packet) < 0) {
		e->counters.malformed++;
		engine_verdict(e, &p->ref, (enum action)e->settings.default_action);
		return;
	}
	if (p->ref.queue_num != e->setup.options->queue_num) {
		engine_on_held(e, p, &packet);
		return;
	}
	if (is_midstream(&packet)) {
		e->counters.midstream++;
		engine_verdict(e, &p->ref, ACTION_ALLOW);
		return;
	}
	held = pending_find_flow(e->pending, &packet.flow);
	if (held)
		engine_hold_more(e, p, held);
	else if (!repeat_decision(e, p, &packet) && !engine_sni_more(e, p, &packet))
		engine_judge_packet(e, p, &packet);
}
