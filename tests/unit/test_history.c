/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decided connections: stored, listed and filtered. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/history_private.h"
#include "lib/process_flag.h"
#include "tests/unit/history_kit.h"

static void assert_text(struct text t, const char *wanted)
{
	assert_int_equal(t.len, strlen(wanted));
	if (t.len)
		assert_memory_equal(t.s, wanted, t.len);
}

/* Everything that a message tells. */
static void check_whole(void *ctx, const struct connection_record *c)
{
	unsigned *n = ctx;

	(*n)++;
	assert_int_equal(c->time_us, T0 + 3000000);
	assert_int_equal(c->flow.proto, IPPROTO_UDP);
	assert_int_equal(c->flow.src.family, 6);
	assert_int_equal(c->flow.dst.bytes[15], 9);
	assert_int_equal(c->flow.src_port, 50000);
	assert_int_equal(c->flow.dst_port, 443);
	assert_int_equal(c->action, ACTION_REJECT);
	assert_int_equal(c->reason, REASON_RULE);
	assert_int_equal(c->method, METHOD_PROC);
	assert_int_equal(c->confidence, CONFIDENCE_SCAN);
	assert_int_equal(c->host_source, HOST_DNS);
	assert_int_equal(c->latency_us, 61);
	assert_int_equal(c->held, 3);
	assert_int_equal(c->pid, 4711);
	assert_int_equal(c->uid, 1000);
	assert_int_equal(c->start_time, 777);
	assert_text(c->host, "host-3.example");
	assert_text(c->rule, "reject-it");
	assert_text(c->iface_out, "eth0");
	assert_text(c->iface_in, "veth7");
	assert_true(c->is_forwarded);
	assert_text(c->netns, "blue");
	assert_text(c->path, "/usr/bin/curl");
	assert_text(c->args, "curl\x1f-s\x1fhttps://example.com/");
	assert_text(c->cwd, "/home/ann");
	assert_text(c->user, "ann");
	assert_text(c->cgroup, "/user.slice");
	assert_text(c->container, "docker:abc");
	assert_text(c->script, "/home/ann/x.py");
	assert_int_equal(c->flags, PROCESS_TRACED | PROCESS_PRELOAD);
	assert_int_equal(c->started_us, T0);
	assert_int_equal(c->real_uid, 1001);
	assert_int_equal(c->euid, 0);
	assert_int_equal(c->creator.pid, 77);
	assert_text(c->creator.path, "/usr/sbin/socketd");
	assert_int_equal(c->creator.uid, UINT32_MAX);
	assert_int_equal(c->creator.started_us, 0);
	assert_int_equal(c->n_parents, 2);
	assert_int_equal(c->parents[0].pid, 4000);
	assert_text(c->parents[0].path, "/usr/bin/bash");
	assert_int_equal(c->parents[0].started_us, T0 - 5);
	assert_int_equal(c->parents[0].uid, 1000);
	assert_int_equal(c->parents[0].euid, 33);
	assert_int_equal(c->parents[1].pid, 1);
	assert_int_equal(c->parents[1].uid, UINT32_MAX);
	assert_int_equal(c->parents[1].euid, UINT32_MAX);
	assert_text(c->parents[1].path, "/sbin/init");
}

static void test_round_trip(void **state)
{
	struct kit *k = *state;
	struct ipc_connection *c = make(k, 3);
	unsigned n = 0;
	uint64_t id, next;

	c->flow.proto = IPPROTO_UDP;
	assert_int_equal(ip_addr_parse("2001:db8::5", &c->flow.src), 0);
	assert_int_equal(ip_addr_parse("2001:db8::9", &c->flow.dst), 0);
	c->action = ACTION_REJECT;
	c->reason = REASON_RULE;
	c->method = METHOD_PROC;
	c->confidence = CONFIDENCE_SCAN;
	c->host_source = HOST_DNS;
	c->latency_us = 61;
	c->held_packets = 3;
	memcpy(c->iface_out, "eth0", 5);
	memcpy(c->iface_in, "veth7", 6);
	c->is_forwarded = 1;
	put(k, &c->netns, "blue");
	c->process.start_time = 777;
	put(k, &c->rule, "reject-it");
	put(k, &c->process.cwd, "/home/ann");
	put(k, &c->process.cgroup, "/user.slice");
	put(k, &c->process.container, "docker:abc");
	put(k, &c->process.script, "/home/ann/x.py");
	c->process.flags = PROCESS_TRACED | PROCESS_PRELOAD;
	c->process.started_us = T0;
	c->process.real_uid = 1001;
	c->process.euid = 0;
	c->process.creator.pid = 77;
	c->process.creator.uid = c->process.creator.euid = UINT32_MAX;
	put(k, &c->process.creator.path, "/usr/sbin/socketd");
	c->process.n_parents = 2;
	c->process.parents[0].pid = 4000;
	c->process.parents[0].started_us = T0 - 5;
	c->process.parents[0].uid = 1000;
	c->process.parents[0].euid = 33;
	put(k, &c->process.parents[0].path, "/usr/bin/bash");
	c->process.parents[1].pid = 1;
	c->process.parents[1].uid = c->process.parents[1].euid = UINT32_MAX;
	put(k, &c->process.parents[1].path, "/sbin/init");
	id = add(k);

	/* While it waits, and when it stands in the database. */
	assert_int_equal(history_get(k->history, id, check_whole, &n), 0);
	history_tick(k->history);
	assert_int_equal(history_get(k->history, id, check_whole, &n), 0);
	assert_int_equal(history_list(k->history, &(struct history_filter)HISTORY_FILTER_ANY, 0, 10,
				 check_whole, &n, &next),
		0);
	assert_int_equal(n, 3);
	assert_int_equal(history_get(k->history, id + 1, check_whole, &n), ERR_NOT_FOUND);
	assert_int_equal(history_get(k->history, UINT64_MAX, check_whole, &n), ERR_NOT_FOUND);
}

/* Rows of before 010_lineage.sql have ancestors with their PID alone; hostile ones have anything. */
static void test_old_relatives(void **state)
{
	static const char old[] = "4000\x1f/usr/bin/bash\x1f"
				  "1,,,7\x1f/sbin/init\x1f"
				  "9,x";
	struct record_relative r[3], again;
	struct record_relative nameless = { .pid = 1, .name = { "in,it", 5 } };
	char buf[64], roomy[256], long_name[300];

	(void)state;
	assert_int_equal(history_relatives_parse((struct text) { old, sizeof(old) - 1 }, r, 3), 2);
	assert_int_equal(r[0].pid, 4000);
	assert_text(r[0].path, "/usr/bin/bash");
	assert_int_equal(r[0].started_us, 0);
	assert_int_equal(r[0].uid, UINT32_MAX);
	assert_int_equal(r[0].euid, UINT32_MAX);
	assert_int_equal(r[1].pid, 1);
	assert_int_equal(r[1].uid, UINT32_MAX);
	assert_int_equal(r[1].euid, 7);
	assert_int_equal(history_relatives_parse((struct text) { old, sizeof(old) - 1 }, r, 1), 1);
	assert_int_equal(history_relatives_parse((struct text) { NULL, 0 }, r, 3), 0);
	assert_int_equal(r[0].name.len, 0);
	/* The name of one without a path; one that is too long is cut. */
	assert_text(history_relatives_text(&nameless, 1, buf, sizeof(buf)), "1,,0,0,in,it\x1f");
	assert_int_equal(history_relatives_parse((struct text) { buf, 13 }, &again, 1), 1);
	assert_text(again.name, "in,it");
	assert_int_equal(again.euid, 0);
	assert_int_equal(again.path.len, 0);
	nameless.name = (struct text) { long_name, sizeof(long_name) };
	memset(long_name, 'x', sizeof(long_name));
	assert_int_equal(
		history_relatives_text(&nameless, 1, roomy, sizeof(roomy)).len, 7 + 60 + 1);
	/* What does not fit is left out whole. */
	assert_text(history_relatives_text(r, 2, buf, 30), "4000,,,\x1f/usr/bin/bash");
}

/* Nothing known but the addresses; arguments that are no text. */
static void test_sparse_and_hostile(void **state)
{
	struct kit *k = *state;
	struct ipc_connection *c = make(k, 1);
	struct seen s = { 0 };
	uint64_t id;

	memset(&c->process, 0, sizeof(c->process));
	memset(&c->host, 0, sizeof(c->host));
	c->process.uid = UINT32_MAX;
	assert_false(history_has_work(k->history));
	id = add(k);
	assert_true(history_has_work(k->history));
	history_tick(k->history);
	assert_false(history_has_work(k->history));
	assert_int_equal(history_get(k->history, id, see, &s), 0);
	assert_int_equal(s.last.pid, 0);
	assert_int_equal(s.last.uid, UINT32_MAX);
	assert_int_equal(s.last.path.len, 0);
	assert_int_equal(s.last.n_parents, 0);
	assert_false(s.last.is_forwarded);
	assert_int_equal(s.last.netns.len, 0);

	c = make(k, 2);
	ipc_put(&k->b, &c->process.args, "a\xff\0\0b\x1f\n\0", 8);
	add(k);
	history_tick(k->history);
	list(k, &(struct history_filter)HISTORY_FILTER_ANY, &s);
	assert_int_equal(s.n, 2);
}

static void check_args(void *ctx, const struct connection_record *c)
{
	(void)ctx;
	assert_text(c->args, "a\\xff\x1f\x1f"
			     "b\\x1f\\x0a");
}

static void test_args_are_printable(void **state)
{
	struct kit *k = *state;
	struct ipc_connection *c = make(k, 2);
	uint64_t id;

	ipc_put(&k->b, &c->process.args, "a\xff\0\0b\x1f\n\0", 8);
	id = add(k);
	assert_int_equal(history_get(k->history, id, check_args, NULL), 0);
	history_tick(k->history);
	assert_int_equal(history_get(k->history, id, check_args, NULL), 0);
}

static void test_ids_are_never_reused(void **state)
{
	struct kit *k = *state;
	uint64_t last = add_simple(k, 1), next;
	int status;
	pid_t pid;

	kit_close(k);
	kit_open(k);
	next = add_simple(k, 2);
	assert_int_equal(next, last + 1);
	kit_close(k);

	/* A process that dies in the middle; what it gave out was never stored. */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		kit_open(k);
		for (unsigned i = 0; i < 100; i++)
			add_simple(k, i);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	kit_open(k);
	assert_true(add_simple(k, 3) > next + 100);
}

static void test_nolog_is_not_stored(void **state)
{
	struct kit *k = *state;
	uint64_t id;

	make(k, 1)->nolog = 1;
	id = add(k);
	assert_true(id > 0);
	assert_int_equal(count(k, (struct history_filter)HISTORY_FILTER_ANY), 0);
	assert_int_equal(add_simple(k, 2), id + 1);
}

/* A full batch is written without waiting for the tick. */
static void test_batches(void **state)
{
	struct kit *k = *state;
	struct history_state st;

	for (unsigned i = 0; i < LIMIT_HISTORY_BATCH - 1; i++)
		add_simple(k, i % 7);
	history_get_state(k->history, &st);
	assert_int_equal(st.rows, 0);
	assert_int_equal(st.queued, LIMIT_HISTORY_BATCH - 1);
	add_simple(k, 0);
	history_get_state(k->history, &st);
	assert_true(st.rows > 0);
	assert_int_equal(st.rows + st.queued, LIMIT_HISTORY_BATCH);
	assert_int_equal(st.lost, 0);
}

static void fill_filter_rows(struct kit *k)
{
	struct ipc_connection *c;

	add_simple(k, 0);
	c = make(k, 1);
	c->action = ACTION_DENY;
	c->flow.dst_port = 80;
	c->process.uid = 0;
	put(k, &c->rule, "deny-web");
	add(k);
	c = make(k, 2);
	c->flow.proto = IPPROTO_UDP;
	assert_int_equal(ip_addr_parse("2001:db8::1", &c->flow.src), 0);
	assert_int_equal(ip_addr_parse("2001:db8::9", &c->flow.dst), 0);
	put(k, &c->process.path, "/usr/bin/wget");
	add(k);
}

static void test_filters(void **state)
{
	struct kit *k = *state;
	const struct history_filter any = HISTORY_FILTER_ANY;
	struct history_filter f;

	fill_filter_rows(k);
#define COUNT(field, value) (f = any, f.field = (value), count(k, f))
	assert_int_equal(count(k, any), 3);
	assert_int_equal(COUNT(action, ACTION_ALLOW), 2);
	assert_int_equal(COUNT(action, ACTION_DENY), 1);
	assert_int_equal(COUNT(action, ACTION_REJECT), 0);
	assert_int_equal(COUNT(path, "/usr/bin/curl"), 2);
	assert_int_equal(COUNT(path, "/usr/bin/wget"), 1);
	assert_int_equal(COUNT(path, "/usr/bin/cur"), 0);
	assert_int_equal(COUNT(host, "HOST-1.example."), 1);
	assert_int_equal(COUNT(host, "host-9.example"), 0);
	assert_int_equal(COUNT(ip, "2001:db8::9"), 1);
	assert_int_equal(COUNT(ip, "192.0.2.7"), 2);
	assert_int_equal(COUNT(dst_port, 443), 2);
	assert_int_equal(COUNT(dst_port, 80), 1);
	assert_int_equal(COUNT(protocol, "tcp"), 2);
	assert_int_equal(COUNT(protocol, "udp6"), 1);
	assert_int_equal(COUNT(protocol, "udp"), 0);
	assert_int_equal(COUNT(protocol, "nonsense"), 0);
	assert_int_equal(COUNT(uid, 0), 1);
	assert_int_equal(COUNT(uid, 1000), 2);
	assert_int_equal(COUNT(rule, "deny-web"), 1);
	assert_int_equal(COUNT(from_us, T0 + 1000000), 2);
	assert_int_equal(COUNT(from_us, T0 + 2000001), 0);
	assert_int_equal(COUNT(to_us, T0 + 1000000), 1);
	assert_int_equal(COUNT(to_us, T0), 0);
	assert_int_equal(COUNT(q, "EXAMPLE"), 3);
	assert_int_equal(COUNT(q, "host-2"), 1);
	assert_int_equal(COUNT(q, "-s https"), 3);
	assert_int_equal(COUNT(q, "WGET"), 1);
	assert_int_equal(COUNT(q, "deny-w"), 1);
	assert_int_equal(COUNT(q, "2001:"), 1);
	assert_int_equal(COUNT(q, "80"), 1);
	assert_int_equal(COUNT(q, "4711"), 3);
	assert_int_equal(COUNT(q, "%"), 0);
	assert_int_equal(COUNT(q, "nothing like that"), 0);
#undef COUNT
	f = any;
	f.path = "/usr/bin/curl";
	f.dst_port = 80;
	f.from_us = T0;
	f.q = "host";
	assert_int_equal(count(k, f), 1);
	f.rule = "another";
	assert_int_equal(count(k, f), 0);
}

/* Pages neither repeat nor miss a row while new ones come. */
static void test_cursors(void **state)
{
	struct kit *k = *state;
	const struct history_filter any = HISTORY_FILTER_ANY;
	struct seen s = { 0 };
	uint64_t next = 0;

	for (unsigned i = 0; i < 100; i++)
		add_simple(k, i % 10);
	do {
		assert_int_equal(history_list(k->history, &any, next, 7, see, &s, &next), 0);
		add_simple(k, 5);
	} while (next);
	assert_int_equal(s.n, 100);
	for (unsigned i = 1; i < s.n; i++)
		assert_int_equal(s.ids[i], s.ids[i - 1] - 1);

	/* The end is told exactly: a page that is just full may be the last. */
	assert_int_equal(history_list(k->history, &any, s.ids[92], 7, see, &s, &next), 0);
	assert_int_equal(s.n, 107);
	assert_int_equal(next, 0);
}

/* A rare match is found behind many rows, by an index and without one. */
static void test_rare_match(void **state)
{
	struct kit *k = *state;
	struct history_filter f = HISTORY_FILTER_ANY;
	struct ipc_connection *c = make(k, 1);

	c->action = ACTION_REJECT;
	put(k, &c->rule, "rare");
	add(k);
	for (unsigned i = 0; i < 12000; i++)
		add_simple(k, i % 10);
	f.rule = "rare";
	assert_int_equal(count(k, f), 1);
	f.rule = NULL;
	f.action = ACTION_REJECT;
	assert_int_equal(count(k, f), 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		cmocka_unit_test(test_old_relatives),
		TEST(test_sparse_and_hostile),
		TEST(test_args_are_printable),
		TEST(test_ids_are_never_reused),
		TEST(test_nolog_is_not_stored),
		TEST(test_batches),
		TEST(test_filters),
		TEST(test_cursors),
		TEST(test_rare_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
