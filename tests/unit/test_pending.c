/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Held packets: what makes one question, the bounds, and that every packet is released exactly once. */
#include "config.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/pending.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "tests/unit/random_kit.h"

enum { MAX_ID = 1 << 16 };

/* What came out, by packet id. */
struct outlet {
	unsigned times[MAX_ID];
	enum action action[MAX_ID];
	unsigned n;
};

static void on_release(
	void *ctx, const struct held_flow *flow, struct held_packet packet, enum action action)
{
	struct outlet *o = ctx;

	assert_non_null(flow->prompt);
	assert_int_equal(packet.queue_num, 7371);
	assert_true(packet.id < MAX_ID);
	o->times[packet.id]++;
	o->action[packet.id] = action;
	o->n++;
}

static struct process *process_of(int32_t pid, const char *path)
{
	struct process *p = test_malloc(sizeof(*p));

	memset(p, 0, sizeof(*p));
	p->refs = 1;
	p->pid = pid;
	p->start_time = 1000 + (uint64_t)pid;
	p->path = (char *)(uintptr_t)path;
	return p;
}

/* Stands in for the process table, which is not what is tested here. */
void process_unref(struct process *p)
{
	if (p && --p->refs == 0)
		test_free(p);
}

/* A connection of `pid` (0: no process) from a port of its own. */
static struct connection connect_from(int32_t pid, const char *path, uint16_t src_port,
	const char *host, const char *addr, uint16_t dst_port, uint8_t proto)
{
	struct connection c;

	memset(&c, 0, sizeof(c));
	flow_init(&c.flow);
	ip_addr_parse("10.0.0.1", &c.flow.src);
	assert_int_equal(ip_addr_parse(addr, &c.flow.dst), 0);
	c.flow.src_port = src_port;
	c.flow.dst_port = dst_port;
	c.flow.proto = proto;
	c.uid = 1000;
	if (pid)
		c.process = process_of(pid, path);
	if (host) {
		snprintf(c.name.host, sizeof(c.name.host), "%s", host);
		c.name.len = strlen(host);
		c.name.source = HOST_DNS;
	}
	return c;
}

static struct held_flow *hold(struct pending *p, struct connection c, bool *opened)
{
	struct held_flow *flow = NULL;
	bool is_opened = false;

	assert_int_equal(pending_hold(p, &c, 100, 200, 300, &flow, &is_opened), 0);
	assert_null(c.process);
	assert_int_equal(c.flow.dst_port, 0);
	if (opened)
		*opened = is_opened;
	return flow;
}

static void attach(struct pending *p, struct held_flow *flow, uint32_t id)
{
	struct held_packet packet = { .queue_num = 7371, .id = id };

	assert_int_equal(pending_attach(p, flow, packet), 0);
}

static void test_what_makes_one_question(void **state)
{
	static const struct {
		int32_t pid;
		const char *path, *host, *addr;
		uint16_t port;
		uint8_t proto;
		unsigned question;
	} table[] = {
		{ 10, "/usr/bin/curl", "example.com", "192.0.2.1", 443, IPPROTO_TCP, 1 },
		{ 11, "/usr/bin/curl", "example.com", "192.0.2.2", 443, IPPROTO_TCP, 1 },
		{ 10, "/usr/bin/curl", "example.com", "2001:db8::1", 443, IPPROTO_TCP, 1 },
		{ 10, "/usr/bin/curl", "example.com", "192.0.2.1", 80, IPPROTO_TCP, 2 },
		{ 10, "/usr/bin/curl", "example.com", "192.0.2.1", 443, IPPROTO_UDP, 3 },
		{ 10, "/usr/bin/curl", "example.org", "192.0.2.1", 443, IPPROTO_TCP, 4 },
		{ 10, "/usr/bin/wget", "example.com", "192.0.2.1", 443, IPPROTO_TCP, 5 },
		{ 10, "/usr/bin/curl", NULL, "192.0.2.1", 443, IPPROTO_TCP, 6 },
		{ 11, "/usr/bin/curl", NULL, "192.0.2.1", 443, IPPROTO_TCP, 6 },
		{ 10, "/usr/bin/curl", NULL, "192.0.2.2", 443, IPPROTO_TCP, 7 },
		{ 0, NULL, NULL, "192.0.2.1", 443, IPPROTO_TCP, 8 },
		{ 0, NULL, NULL, "192.0.2.1", 443, IPPROTO_TCP, 8 },
	};
	struct outlet *o = test_calloc(1, sizeof(*o));
	struct pending *p = pending_new(1, on_release, o);
	unsigned seen = 0;

	(void)state;
	for (size_t i = 0; i < array_len(table); i++) {
		bool opened;
		struct held_flow *flow = hold(p,
			connect_from(table[i].pid, table[i].path, (uint16_t)(1000 + i),
				table[i].host, table[i].addr, table[i].port, table[i].proto),
			&opened);

		if (flow->prompt->id != table[i].question)
			fail_msg("row %zu joined question %u", i, (unsigned)flow->prompt->id);
		assert_int_equal(opened, table[i].question > seen);
		seen = table[i].question;
		assert_ptr_equal(pending_find(p, table[i].question), flow->prompt);
	}
	assert_int_equal(pending_count(p), 8);
	assert_int_equal(pending_packets(p), array_len(table));
	assert_int_equal(pending_first(p)->id, 1);
	assert_int_equal(pending_first(p)->n_flows, 3);
	assert_int_equal(pending_next(pending_first(p))->id, 2);
	assert_null(pending_find(p, 9));
	pending_free(p, ACTION_DENY);
	assert_int_equal(o->n, 0);
	test_free(o);
}

static void test_life_of_a_flow(void **state)
{
	struct outlet *o = test_calloc(1, sizeof(*o));
	struct pending *p = pending_new(1, on_release, o);
	struct connection c = connect_from(5, "/bin/a", 1, NULL, "192.0.2.1", 80, IPPROTO_UDP);
	struct held_flow *flow, *again = NULL;
	struct held_packet packet = { .queue_num = 7371, .id = 99 };
	struct prompt *prompt;
	bool opened;

	(void)state;
	flow = hold(p, c, &opened);
	assert_true(opened);
	prompt = flow->prompt;
	assert_int_equal(prompt->deadline_ns, 100);
	assert_int_equal(prompt->opened_us, 200);
	assert_int_equal(prompt->deadline_us, 300);
	assert_ptr_equal(pending_find_flow(p, &c.flow), flow);
	/* Held already: refused, and the connection is still ours. */
	c.process = NULL;
	assert_int_equal(pending_hold(p, &c, 1, 1, 1, &again, &opened), ERR_EXISTS);
	assert_int_equal(c.flow.dst_port, 80);

	assert_int_equal(prompt->n_packets, 0);
	for (uint32_t id = 0; id < LIMIT_HELD_PER_FLOW; id++) {
		attach(p, flow, id);
		assert_int_equal(prompt->n_packets, id + 1);
		assert_int_equal(pending_packets(p), id + 1);
	}
	assert_int_equal(pending_attach(p, flow, packet), ERR_FULL);
	assert_int_equal(pending_decide_flow(p, flow, ACTION_REJECT), LIMIT_HELD_PER_FLOW);
	for (uint32_t id = 0; id < LIMIT_HELD_PER_FLOW; id++) {
		assert_int_equal(o->times[id], 1);
		assert_int_equal(o->action[id], ACTION_REJECT);
	}
	assert_int_equal(pending_count(p), 0);
	assert_int_equal(pending_packets(p), 0);
	assert_null(pending_find_flow(p, &c.flow));
	assert_null(pending_find(p, 1));
	/* An id is never used again. */
	flow = hold(p, connect_from(5, "/bin/a", 1, NULL, "192.0.2.1", 80, IPPROTO_UDP), NULL);
	assert_int_equal(flow->prompt->id, 2);
	attach(p, flow, 50);
	pending_free(p, ACTION_ALLOW);
	assert_int_equal(o->times[50], 1);
	assert_int_equal(o->action[50], ACTION_ALLOW);
	pending_free(NULL, ACTION_DENY);
	test_free(o);
}

static void test_deadlines(void **state)
{
	static const uint64_t deadlines[] = { 500, 300, 400 };
	struct outlet *o = test_calloc(1, sizeof(*o));
	struct pending *p = pending_new(1, on_release, o);
	struct held_flow *flows[3];
	bool opened;

	(void)state;
	assert_null(pending_earliest(p));
	for (uint16_t i = 0; i < 3; i++) {
		struct connection c =
			connect_from(5, "/bin/a", i, NULL, "192.0.2.1", i, IPPROTO_TCP);

		assert_int_equal(pending_hold(p, &c, deadlines[i], 0, 0, &flows[i], &opened), 0);
	}
	assert_ptr_equal(pending_earliest(p), flows[1]->prompt);
	pending_decide_flow(p, flows[1], ACTION_ALLOW);
	assert_ptr_equal(pending_earliest(p), flows[2]->prompt);
	/* A later flow does not move the deadline of its prompt. */
	{
		struct connection c =
			connect_from(5, "/bin/a", 77, NULL, "192.0.2.1", 2, IPPROTO_TCP);
		struct held_flow *late;

		assert_int_equal(pending_hold(p, &c, 9000, 0, 0, &late, &opened), 0);
		assert_false(opened);
		assert_int_equal(late->prompt->deadline_ns, 400);
	}
	pending_decide_flow(p, flows[2], ACTION_ALLOW);
	assert_int_equal(pending_earliest(p)->deadline_ns, 400);
	pending_free(p, ACTION_DENY);
	test_free(o);
}

/* Holds flows of a pattern until one is refused; how many went in. */
static unsigned fill(struct pending *p, unsigned flows_per_pid, unsigned flows_per_port)
{
	for (unsigned n = 0;; n++) {
		struct connection c =
			connect_from((int32_t)(n / flows_per_pid + 1), "/bin/a", (uint16_t)n, NULL,
				"192.0.2.1", (uint16_t)(n / flows_per_port), IPPROTO_TCP);
		struct held_flow *flow;
		bool opened;
		int r = pending_hold(p, &c, 1, 1, 1, &flow, &opened);

		if (r < 0) {
			assert_int_equal(r, ERR_FULL);
			assert_non_null(c.process);
			connection_done(&c);
			return n;
		}
	}
}

static void test_bounds(void **state)
{
	static const struct {
		unsigned flows_per_pid, flows_per_port, want;
	} table[] = {
		{ 1, 1, LIMIT_PROMPTS },
		{ 1, 1000, LIMIT_HELD_PER_PROMPT },
		{ 1000, 10, LIMIT_HELD_PER_PROCESS },
		{ LIMIT_HELD_PER_PROCESS, LIMIT_HELD_PER_PROMPT, LIMIT_HELD },
	};

	(void)state;
	for (size_t i = 0; i < array_len(table); i++) {
		struct outlet *o = test_calloc(1, sizeof(*o));
		struct pending *p = pending_new(1, on_release, o);
		unsigned n = fill(p, table[i].flows_per_pid, table[i].flows_per_port);
		struct held_packet packet = { .queue_num = 7371, .id = 1 };
		struct held_flow *first = pending_first_flow(pending_first(p));

		assert_int_equal(n, table[i].want);
		assert_int_equal(pending_packets(p), n);
		/* The first packet of a flow was counted with it; a second has no room where packets are counted. */
		attach(p, first, 0);
		if (n != LIMIT_PROMPTS) {
			if (table[i].want == LIMIT_HELD_PER_PROCESS)
				first = pending_first_flow(pending_next(pending_first(p)));
			attach(p, pending_next_flow(first), 2);
			assert_int_equal(
				pending_attach(p, pending_next_flow(first), packet), ERR_FULL);
		}
		/* What goes makes room. */
		pending_decide_flow(p, pending_first_flow(pending_first(p)), ACTION_DENY);
		assert_int_equal(pending_packets(p), n - 1);
		pending_free(p, ACTION_DENY);
		test_free(o);
	}
}

/* ---- random operations against a list that is searched from end to end */

struct model_flow {
	bool used;
	struct flow flow;
	unsigned question, pid;
	unsigned n;
	uint32_t ids[LIMIT_HELD_PER_FLOW];
};

enum { N_MODEL = 1500, MAX_PORTS = 1000 };

struct model {
	struct random_state random;
	struct model_flow flows[N_MODEL];
	uint32_t next_packet;
	unsigned released;
};

static unsigned model_weight(const struct model *m, int question, int pid)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < N_MODEL; i++) {
		const struct model_flow *f = &m->flows[i];

		if (f->used && (question < 0 || f->question == (unsigned)question) &&
			(pid < 0 || f->pid == (unsigned)pid))
			sum += f->n ? f->n : 1;
	}
	return sum;
}

static bool model_asks(const struct model *m, unsigned question)
{
	return model_weight(m, (int)question, -1) > 0;
}

static unsigned model_questions(const struct model *m)
{
	unsigned n = 0;

	for (unsigned q = 0; q < MAX_PORTS; q++)
		n += model_asks(m, q);
	return n;
}

static bool model_full(const struct model *m, const struct model_flow *f)
{
	return model_weight(m, -1, -1) >= LIMIT_HELD ||
	       model_weight(m, (int)f->question, -1) >= LIMIT_HELD_PER_PROMPT ||
	       model_weight(m, -1, (int)f->pid) >= LIMIT_HELD_PER_PROCESS;
}

/* How many different ones a random run has: few make their own bound the one that is reached. */
struct spread {
	unsigned flows, pids, ports;
};

static void random_hold(struct pending *p, struct model *m, unsigned slot, struct spread spread)
{
	struct model_flow *f = &m->flows[slot];
	unsigned pid = 1 + random_below(&m->random, spread.pids),
		 port = random_below(&m->random, spread.ports);
	/* One program a process here, so that a question belongs to one. */
	struct connection c = connect_from((int32_t)pid, "/bin/a", (uint16_t)slot, NULL,
		"192.0.2.1", (uint16_t)port, IPPROTO_TCP);
	struct held_flow *held = NULL;
	bool opened, want_open;
	int r, want = 0;

	f->flow = c.flow;
	f->question = port;
	f->pid = pid;
	want_open = !model_asks(m, f->question);
	if (model_full(m, f) || (want_open && pending_count(p) >= LIMIT_PROMPTS))
		want = ERR_FULL;
	r = pending_hold(p, &c, 1, 1, 1, &held, &opened);
	assert_int_equal(r, want);
	if (r < 0) {
		connection_done(&c);
		return;
	}
	assert_int_equal(opened, want_open);
	f->used = true;
	f->n = 0;
}

static void random_attach(struct pending *p, struct model *m, struct model_flow *f)
{
	struct held_packet packet = { .queue_num = 7371, .id = m->next_packet };
	struct held_flow *held = pending_find_flow(p, &f->flow);
	int want = f->n >= LIMIT_HELD_PER_FLOW || (f->n > 0 && model_full(m, f)) ? ERR_FULL : 0;

	assert_non_null(held);
	assert_int_equal(pending_attach(p, held, packet), want);
	if (want == 0)
		f->ids[f->n++] = m->next_packet++;
}

static void random_decide(
	struct pending *p, struct model *m, struct model_flow *f, struct outlet *o)
{
	enum action action = (enum action)random_below(&m->random, ACTION_COUNT_);

	assert_int_equal(pending_decide_flow(p, pending_find_flow(p, &f->flow), action), f->n);
	for (unsigned i = 0; i < f->n; i++) {
		assert_int_equal(o->times[f->ids[i]], 1);
		assert_int_equal(o->action[f->ids[i]], action);
	}
	m->released += f->n;
	f->used = false;
	assert_null(pending_find_flow(p, &f->flow));
}

static void check_totals(struct pending *p, const struct model *m)
{
	unsigned flows = 0, packets = 0, want_flows = 0;

	for (struct prompt *q = pending_first(p); q; q = pending_next(q)) {
		unsigned in_prompt = 0;

		for (struct held_flow *f = pending_first_flow(q); f; f = pending_next_flow(f)) {
			assert_ptr_equal(f->prompt, q);
			in_prompt += f->n_packets;
			flows++;
		}
		assert_int_equal(in_prompt, q->n_packets);
		packets += in_prompt;
	}
	for (unsigned i = 0; i < N_MODEL; i++)
		want_flows += m->flows[i].used;
	assert_int_equal(flows, want_flows);
	assert_int_equal(pending_packets(p), model_weight(m, -1, -1));
	assert_int_equal(pending_count(p), model_questions(m));
	assert_true(packets <= pending_packets(p));
}

static void run_random(unsigned seed, struct spread spread)
{
	struct outlet *o = test_calloc(1, sizeof(*o));
	struct model *m = test_calloc(1, sizeof(*m));
	struct pending *p = pending_new(1, on_release, o);

	m->random.s = seed;
	for (unsigned step = 0; step < 10000; step++) {
		unsigned slot = random_below(&m->random, spread.flows);
		struct model_flow *f = &m->flows[slot];

		if (!f->used)
			random_hold(p, m, slot, spread);
		else if (random_below(&m->random, 4))
			random_attach(p, m, f);
		else
			random_decide(p, m, f, o);
		if (step % 500 == 0)
			check_totals(p, m);
	}
	check_totals(p, m);
	pending_free(p, ACTION_DENY);
	assert_int_equal(o->n, m->next_packet);
	for (uint32_t id = 0; id < m->next_packet; id++)
		assert_int_equal(o->times[id], 1);
	test_free(m);
	test_free(o);
}

static void test_random_against_oracle(void **state)
{
	(void)state;
	run_random(1, (struct spread) { 200, 100, 2 });
	run_random(2, (struct spread) { 400, 2, 200 });
	run_random(3, (struct spread) { 400, 300, 300 });
	run_random(4, (struct spread) { N_MODEL, 30, 100 });
	run_random(5, (struct spread) { N_MODEL, 1000, MAX_PORTS });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_makes_one_question),
		cmocka_unit_test(test_life_of_a_flow),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_random_against_oracle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
