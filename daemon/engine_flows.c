/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Live flows: begun by decisions, followed through conntrack, ended by it or by us. */
#include "config.h"

#include "daemon/engine_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/socket_holders.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"

#define FIRST_ID_MAX (1ull << 52) /* and counting on stays below 2^53, exact in a JSON number */
#define EVENTS_A_TURN 2048
#define SOCKETS_A_TURN 64
#define POLLS_A_TICK 256
#define JUDGED_A_TICK 128
#define WAITING_MAX 512 /* new flows that were not entered yet */
#define SWEEP_MS 3000
#define POLL_NS 1000000000ull /* between two looks at one flow */
#define TELLING_MAX                                                                                \
	(LIMIT_IPC_BACKLOG / 8) /* bytes: the rest of the backlog stays for what happens */
#define TELLING_BEGIN (TELLING_MAX / 16) /* bytes: not while much is to be told already */
#define TELLING_PAUSE_NS 5000000000ull /* between two beginnings */
#define SETTLE_NS 3000000000ull /* so long a decided flow may have no conntrack entry yet */

/* ---- begin and end */

static void forget(struct engine *e, struct live_flow *f, enum flow_end end)
{
	engine_report_traffic(e, f, true, end);
	flows_remove(e->flows, f);
	e->flows_over++;
}

static bool is_followed(const struct flow *f)
{
	return f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP || f->proto == IPPROTO_UDPLITE ||
	       f->proto == IPPROTO_SCTP || f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6;
}

/* Enters the new ones: before anybody asks for one, and off the path of packets. */
static void settle(struct engine *e)
{
	struct live_flow *f, *old;

	while ((f = flows_waiting(e->flows))) {
		old = flows_find(e->flows, &f->connection.flow);
		if (old)
			forget(e, old, FLOW_CLOSED);
		if (flows_count(e->flows) >= LIMIT_FLOWS)
			forget(e, flows_first(e->flows), FLOW_FORGOTTEN);
		if (!flows_enter(e->flows)) {
			log_debug("a connection is not followed: out of memory");
			e->flows_telling.is_wanted = true;
		}
	}
}

uint64_t engine_flow_begin(struct engine *e, const struct connection *c, enum action action,
	enum reason reason, bool nolog, struct text rule)
{
	struct live_flow *f;

	if (action != ACTION_ALLOW || reason == REASON_OWN || !is_followed(&c->flow))
		return 0;
	if (flows_count_waiting(e->flows) >= WAITING_MAX)
		settle(e);
	f = flows_add(e->flows, c, clock_mono_ns());
	if (!f)
		return 0;
	f->told = e->flows_telling.number;
	f->action = action;
	f->reason = reason;
	f->nolog = nolog;
	f->ct_id = c->ct_id;
	f->generation = e->ruleset ? ruleset_generation(e->ruleset) : 0;
	f->rule = rule.len ? strndup(rule.s, rule.len) : NULL;
	return f->id;
}

/* Takes in what a flow carried until now. The flow, or NULL: it was over already. */
static struct live_flow *look_last(struct engine *e, const struct live_flow *f)
{
	struct flow tuple = f->connection.flow;
	uint64_t id = f->id;
	struct live_flow *now;

	engine_flows_look(e, f);
	now = flows_find(e->flows, &tuple);
	return now && now->id == id ? now : NULL;
}

int engine_flow_end(struct engine *e, uint64_t id, enum flow_end why)
{
	struct live_flow *f;
	int r, deleted;

	settle(e);
	f = flows_find_id(e->flows, id);
	if (!f)
		return ERR_NOT_FOUND;
	f = look_last(e, f);
	if (!f)
		return 0;
	/* The socket first, so that it sends nothing between. */
	r = sockdiag_destroy(e->sockdiag, &f->connection.flow, 0);
	recent_forget(e->recent, &f->connection.flow);
	deleted = conntrack_delete(e->conntrack, &f->connection.flow);
	/* A connected socket that could not be ended goes on, and the flow with it. */
	if (r < 0 && r != ERR_NOT_FOUND && f->connection.flow.proto == IPPROTO_TCP)
		return r;
	if (deleted < 0 && deleted != ERR_NOT_FOUND && r < 0)
		return deleted;
	forget(e, f, why);
	return 0;
}

/* Its socket is gone: so is it, for the kernel as well. */
static void end_over(struct engine *e, struct live_flow *f)
{
	f = look_last(e, f);
	if (!f)
		return;
	recent_forget(e->recent, &f->connection.flow);
	conntrack_delete(e->conntrack, &f->connection.flow);
	forget(e, f, FLOW_CLOSED);
}

/* Judges a flow by the rules of now. False: they need a digest that is not there yet. */
static bool judge_again(struct engine *e, struct live_flow *f, uint64_t generation)
{
	struct ruleset_match match;
	bool denied = engine_match(e, &f->connection, &match) && match.action != ACTION_ALLOW;
	uint64_t id = f->id;

	if (e->digest_missing)
		return false;
	f->generation = generation;
	if (denied && engine_flow_end(e, id, FLOW_RULE) < 0)
		log_warning("a connection that a rule now denies cannot be ended");
	return true;
}

/* After a change of rules, some flows each tick until all were judged by them. */
static void end_denied(struct engine *e)
{
	uint64_t generation = e->ruleset ? ruleset_generation(e->ruleset) : 0;
	struct live_flow *f = flows_first(e->flows), *next;
	unsigned n = 0, waiting = 0;

	if (!e->settings.end_flows || !e->enabled || !e->ruleset || e->flows_judged == generation)
		return;
	for (; f && n < JUDGED_A_TICK; f = next) {
		next = flows_next(f);
		if (f->generation == generation)
			continue;
		waiting += !judge_again(e, f, generation);
		n++;
	}
	if (!f && !waiting)
		e->flows_judged = generation;
}

/* ---- what conntrack tells */

/* True when something changed. */
static bool take_counters(struct live_flow *f, const struct conntrack_entry *entry)
{
	bool changed;

	if (!entry->has_counters)
		return false;
	changed = f->packets_out != entry->packets_out || f->packets_in != entry->packets_in;
	f->bytes_out = entry->bytes_out;
	f->bytes_in = entry->bytes_in;
	f->packets_out = entry->packets_out;
	f->packets_in = entry->packets_in;
	return changed;
}

static void on_event(void *engine, const struct conntrack_entry *entry)
{
	struct engine *e = engine;
	struct live_flow *f = flows_find(e->flows, &entry->flow);

	if (!f)
		return;
	/* The end of an older entry with this tuple is not ours; nor is that of a newer one, which the next look finds. */
	if (f->ct_id != entry->id)
		return;
	take_counters(f, entry);
	forget(e, f, FLOW_CLOSED);
}

void engine_flows_drain(struct engine *e)
{
	settle(e);
	if (!conntrack_read(e->conntrack, EVENTS_A_TURN, on_event, e))
		log_debug("events of connection tracking were lost: the poll makes up for them");
}

/*
 * Its port is free for others, whose packets conntrack would take for the same flow for up to two minutes: the next one is to be
 * judged. Not where it is another socket's, as far as is known which one sends.
 */
static void on_socket_end(void *engine, const struct socket_end *end)
{
	struct engine *e = engine;
	struct live_flow *f = flows_first_from(e->flows, end->port), *next;

	for (; f; f = next) {
		const struct connection *c = &f->connection;

		next = flows_next_from(f);
		if (!c->is_forwarded && (!c->socket_cookie || c->socket_cookie == end->cookie) &&
			(ip_addr_is_any(&end->addr) || ip_addr_equal(&end->addr, &c->flow.src)))
			end_over(e, f);
	}
}

void engine_flows_sockets(struct engine *e)
{
	settle(e);
	socket_ends_read(e->socket_ends, SOCKETS_A_TURN, on_socket_end, e);
}

/* The answer to a look at one flow. */
static void on_look(void *engine, const struct conntrack_entry *entry)
{
	struct engine *e = engine;
	struct live_flow *f = flows_find(e->flows, &entry->flow);
	uint64_t now = clock_mono_ns();

	if (!f)
		return;
	flows_polled(e->flows, f, now);
	if (entry->is_end) {
		/* A socket from before the start has no entry until it sends something. */
		if (f->ct_id || (!f->before_start && now - f->added_ns > SETTLE_NS))
			forget(e, f, FLOW_CLOSED);
		return;
	}
	f->ct_id = entry->id;
	if (take_counters(f, entry) && !entry->is_over)
		engine_report_traffic(e, f, false, FLOW_CLOSED);
	if (entry->is_over)
		forget(e, f, FLOW_CLOSED);
	else
		engine_names_keep(e, &f->connection);
}

void engine_flows_look(struct engine *e, const struct live_flow *f)
{
	struct flow flow = f->connection.flow;

	conntrack_get(e->conntrack, &flow, 1, on_look, e);
}

static void poll_flows(struct engine *e, uint64_t now_ns)
{
	struct flow batch[CONNTRACK_BATCH];
	unsigned polled = 0, n;

	do {
		n = 0;
		for (struct live_flow *f = flows_first(e->flows);
			f && n < CONNTRACK_BATCH && now_ns - f->polled_ns >= POLL_NS;
			f = flows_next(f))
			batch[n++] = f->connection.flow;
		if (n && conntrack_get(e->conntrack, batch, n, on_look, e) < 0)
			break;
		polled += n;
	} while (n == CONNTRACK_BATCH && polled < POLLS_A_TICK);
}

/* ---- from before the start */

static void on_old_socket(
	void *engine, const struct flow *flow, const struct sock_owner *owner, bool is_inbound)
{
	struct engine *e = engine;
	struct connection c;
	struct live_flow *f;

	if (is_inbound || flows_count_waiting(e->flows) >= LIMIT_FLOWS / 2)
		return;
	memset(&c, 0, sizeof(c));
	c.flow = *flow;
	c.uid = owner->uid;
	connection_read_now(&c);
	f = flows_add(e->flows, &c, c.read_ns);
	if (f) {
		f->before_start = true;
		f->inode = owner->inode;
		f->connection.socket_cookie = owner->cookie;
	}
}

static void on_holder(void *engine, uint32_t inode, int32_t pid)
{
	struct engine *e = engine;
	struct live_flow *f = flows_first(e->flows);
	struct connection *c;
	struct name_asker asker;

	while (f && f->inode != inode)
		f = flows_next(f);
	if (!f || f->connection.process)
		return;
	c = &f->connection;
	c->process = attribution_process(e->attribution, pid);
	c->method = METHOD_PROC;
	c->confidence = CONFIDENCE_SCAN;
	asker = name_asker_of(c->process);
	names_find(e->names, &c->flow.dst, &asker, clock_boot_ns(), &c->name);
}

static int compare_inodes(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* All connected sockets there are, with their processes. Nothing is filtered yet, so it may take a moment. */
static void sweep(struct engine *e)
{
	_cleanup_free_ uint32_t *inodes = NULL;
	size_t n = 0;

	if (sockdiag_list(on_old_socket, e) < 0)
		log_warning("sockets from before the start cannot be listed");
	settle(e);
	inodes = calloc(flows_count(e->flows) + 1, sizeof(*inodes));
	if (!inodes)
		return;
	for (const struct live_flow *f = flows_first(e->flows); f; f = flows_next(f))
		if (f->inode)
			inodes[n++] = f->inode;
	qsort(inodes, n, sizeof(*inodes), compare_inodes);
	if (socket_holders_find("/proc", inodes, n, SWEEP_MS, on_holder, e) < 0)
		log_warning("the processes of sockets from before the start cannot be found");
}

/* ---- telling all */

static bool has_room(const struct engine *e)
{
	return outbox_events_size(e->outbox) < TELLING_MAX;
}

/* As many as there is room for. False: one is lost. *ret_all: none is left. */
static bool tell_some(struct engine *e, bool *ret_all)
{
	struct live_flow *f;

	*ret_all = false;
	for (f = flows_first(e->flows); f && has_room(e); f = flows_next(f)) {
		if (f->told == e->flows_telling.number)
			continue;
		if (!engine_report_flow(e, f))
			return false;
		f->told = e->flows_telling.number;
	}
	*ret_all = !f;
	return true;
}

/* Begins, goes on or ends; what is lost on the way begins it anew. */
static void go_on_telling(struct engine *e)
{
	bool all, good = true;

	if (!e->console_ready || (!e->flows_telling.is_wanted && !e->flows_telling.is_running))
		return;
	settle(e);
	if (e->flows_telling.is_wanted) {
		if (outbox_events_size(e->outbox) >= TELLING_BEGIN ||
			clock_mono_ns() - e->flows_telling.started_ns < TELLING_PAUSE_NS)
			return;
		if (!++e->flows_telling.number)
			e->flows_telling.number = 1;
		good = engine_report_flow_table(e, e->flows_telling.number, false);
		e->flows_telling.is_wanted = false;
		e->flows_telling.is_running = true;
		e->flows_telling.started_ns = clock_mono_ns();
	}
	good = good && tell_some(e, &all);
	if (good && all) {
		good = engine_report_flow_table(e, e->flows_telling.number, true);
		e->flows_telling.is_running = false;
	}
	e->flows_telling.is_wanted |= !good;
}

void engine_flows_tell_all(struct engine *e)
{
	e->flows_telling.is_wanted = true;
	e->flows_telling.started_ns = 0;
	go_on_telling(e);
}

/* ---- life */

int engine_flows_open(struct engine *e, struct error *err)
{
	uint64_t first = 0;
	int r;

	if (getrandom(&first, sizeof(first), 0) != sizeof(first))
		return error_set(err, ERR_IO, NULL, "no random numbers: %s", strerror(errno));
	e->flows = flows_new(first % FIRST_ID_MAX + 1);
	if (!e->flows)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	r = sockdiag_open(&e->sockdiag, err);
	if (r == 0)
		r = conntrack_open(&e->conntrack, err);
	if (r < 0)
		return r;
	e->socket_ends = socket_ends_open();
	if (!e->socket_ends)
		log_info("the kernel does not tell when UDP sockets end: %s", strerror(errno));
	sweep(e);
	return 0;
}

void engine_flows_close(struct engine *e)
{
	conntrack_close(e->conntrack);
	sockdiag_close(e->sockdiag);
	socket_ends_close(e->socket_ends);
	flows_free(e->flows);
}

void engine_flows_tick(struct engine *e)
{
	engine_flows_drain(e);
	poll_flows(e, clock_mono_ns());
	end_denied(e);
	go_on_telling(e);
}
