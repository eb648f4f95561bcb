/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who floods the tracing: found, left out for a while, and taken in again. */
#include "config.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/trace_flood.h"

#define SECOND 1000000000ull

/* What was found to flood last, muted if that is wanted. */
static struct trace_flooder *claim_at(struct trace_flood *f, uint64_t time_ns, int32_t tid,
	uint16_t sport, uint16_t dport, int proto, unsigned n)
{
	struct trace_event ev = { .type = TRACE_EVENT_CLAIM, .tid = tid, .time_ns = time_ns };
	struct trace_flooder *found = NULL;

	flow_init(&ev.flow);
	ev.flow.proto = (uint8_t)proto;
	ev.flow.src_port = sport;
	ev.flow.dst_port = dport;
	assert_int_equal(ip_addr_parse("10.0.0.1", &ev.flow.src), 0);
	assert_int_equal(ip_addr_parse("10.0.0.2", &ev.flow.dst), 0);
	while (n--) {
		struct trace_flooder *one = trace_flood_note(f, &ev);

		found = one ? one : found;
	}
	return found;
}

static struct trace_flooder *claim_n(
	struct trace_flood *f, int32_t tid, uint16_t sport, uint16_t dport, int proto, unsigned n)
{
	return claim_at(f, SECOND, tid, sport, dport, proto, n);
}

static void mute_at(struct trace_flood *f, uint64_t time_ns, int32_t tid, uint16_t sport)
{
	struct trace_flooder *found = claim_at(f, time_ns, tid, sport, 53, IPPROTO_UDP, 700);

	assert_non_null(found);
	assert_false(found->is_muted);
	found->is_muted = true;
}

static void assert_nothing_new(struct trace_flood *f, uint64_t now_ns)
{
	struct trace_omissions o;

	assert_false(trace_flood_tick(f, now_ns, &o));
}

static void assert_tick(struct trace_flood *f, uint64_t now_ns, const char *but_if, int32_t muted)
{
	struct trace_omissions o;

	assert_true(trace_flood_tick(f, now_ns, &o));
	assert_string_equal(o.but_if, but_if);
	assert_int_equal(o.n_muted, muted ? 1 : 0);
	if (muted)
		assert_int_equal(o.muted[0], muted);
}

static struct flow flow_of(const char *src, uint16_t src_port)
{
	struct flow flow;

	/* To any place. */
	flow_init(&flow);
	flow.proto = IPPROTO_UDP;
	flow.src_port = src_port;
	flow.dst_port = 53;
	assert_int_equal(ip_addr_parse(src, &flow.src), 0);
	assert_int_equal(ip_addr_parse("192.0.2.9", &flow.dst), 0);
	return flow;
}

static void a_flood_is_left_out(void **state)
{
	struct trace_flood *f = calloc(1, sizeof(*f));
	struct flow flow;

	(void)state;
	assert_non_null(f);
	for (int i = 0; i < 20; i++) {
		assert_null(claim_n(f, 7, 4000, 53, IPPROTO_UDP, 499));
		assert_null(claim_n(f, 7, 4000, 53, IPPROTO_TCP, 5000));
		assert_nothing_new(f, SECOND);
	}
	assert_ptr_equal(claim_n(f, 7, 4000, 53, IPPROTO_UDP, 700), &f->flooders[0]);
	assert_tick(f, SECOND, "(common_pid != 7 || sport != 4000 || dport != 53)", 0);
	/* What was in the ring still comes, and changes nothing. */
	assert_null(claim_n(f, 7, 4000, 53, IPPROTO_UDP, 700));
	assert_nothing_new(f, 2 * SECOND);
	assert_ptr_equal(claim_n(f, 8, 4001, 443, IPPROTO_UDP, 500), &f->flooders[1]);
	assert_tick(f, 3 * SECOND,
		"(common_pid != 7 || sport != 4000 || dport != 53) && (common_pid != 8 || sport != "
		"4001 || dport != 443)",
		0);

	/* From its own address and ports. */
	flow = flow_of("10.0.0.1", 4000);
	assert_true(trace_flooder_fits(&f->flooders[0], &flow));
	assert_false(trace_flooder_fits(&f->flooders[1], &flow));
	assert_false(trace_flooder_fits(&f->flooders[2], &flow));
	flow = flow_of("10.0.0.9", 4000);
	assert_false(trace_flooder_fits(&f->flooders[0], &flow));

	/* Another task has the number; then time is up. */
	trace_flood_forget(f, 8);
	assert_tick(f, 4 * SECOND, "(common_pid != 7 || sport != 4000 || dport != 53)", 0);
	trace_flood_forget(f, 9);
	assert_nothing_new(f, 10 * SECOND);
	assert_tick(f, 12 * SECOND, "", 0);
	assert_nothing_new(f, 13 * SECOND);
	free(f);
}

static void what_is_read_late_is_no_flood(void **state)
{
	struct trace_flood *f = calloc(1, sizeof(*f));

	(void)state;
	assert_non_null(f);
	/* A thousand a second, for five seconds in which nobody read; then ten thousand a second. */
	for (unsigned ms = 0; ms < 5000; ms++)
		assert_null(claim_at(f, SECOND + ms * 1000000ull, 7, 4000, 53, IPPROTO_UDP, 1));
	for (unsigned ms = 0; ms < 49; ms++)
		assert_null(
			claim_at(f, 7 * SECOND + ms * 1000000ull, 7, 4000, 53, IPPROTO_UDP, 10));
	assert_non_null(claim_at(f, 7 * SECOND + 49000000, 7, 4000, 53, IPPROTO_UDP, 10));
	free(f);
}

static void a_task_is_muted_as_a_whole(void **state)
{
	struct trace_flood *f = calloc(1, sizeof(*f));
	struct flow flow = flow_of("10.0.0.1", 4000);

	(void)state;
	assert_non_null(f);
	mute_at(f, SECOND, 7, 4000);
	assert_true(trace_flood_is_muted(f, 7));
	assert_false(trace_flood_is_muted(f, 8));
	assert_tick(f, SECOND, "", 7);
	assert_true(trace_flooder_fits(&f->flooders[0], &flow));
	claim_at(f, SECOND, 8, 4001, 53, IPPROTO_UDP, 700);
	assert_tick(f, SECOND, "(common_pid != 8 || sport != 4001 || dport != 53)", 7);

	/* After ten seconds it is looked whether it still does; until the kernel knows its claim stands. */
	assert_nothing_new(f, 10 * SECOND);
	assert_tick(f, 11 * SECOND, "", 0);
	assert_true(trace_flooder_fits(&f->flooders[0], &flow));
	assert_true(trace_flood_is_muted(f, 7));
	/* It does: told at once, in its own slot. */
	mute_at(f, 11 * SECOND, 7, 4000);
	assert_tick(f, 11 * SECOND + SECOND / 10, "", 7);
	assert_tick(f, 21 * SECOND, "", 0);
	/* It does not. */
	assert_nothing_new(f, 22 * SECOND);
	assert_true(trace_flooder_fits(&f->flooders[0], &flow));
	assert_nothing_new(f, 23 * SECOND);
	assert_false(trace_flooder_fits(&f->flooders[0], &flow));
	assert_false(trace_flood_is_muted(f, 7));
	free(f);
}

static void what_ended_is_not_muted(void **state)
{
	struct trace_flood *f = calloc(1, sizeof(*f));
	struct flow flow = flow_of("10.0.0.1", 4000);

	(void)state;
	assert_non_null(f);
	mute_at(f, SECOND, 7, 4000);
	assert_tick(f, SECOND, "", 7);
	trace_flood_end(f, 8, 2 * SECOND);
	assert_nothing_new(f, 2 * SECOND);
	trace_flood_end(f, 7, 2 * SECOND);
	assert_tick(f, 2 * SECOND, "", 0);
	assert_true(trace_flooder_fits(&f->flooders[0], &flow));
	assert_nothing_new(f, 4 * SECOND);
	assert_false(trace_flooder_fits(&f->flooders[0], &flow));

	/* The number is another's: nothing stands, whether or not its end was seen. */
	mute_at(f, 5 * SECOND, 7, 4000);
	mute_at(f, 5 * SECOND, 9, 4000);
	trace_flood_end(f, 9, 5 * SECOND);
	trace_flood_forget(f, 7);
	trace_flood_forget(f, 9);
	assert_false(trace_flood_is_muted(f, 7));
	assert_false(trace_flooder_fits(&f->flooders[0], &flow));
	assert_false(trace_flooder_fits(&f->flooders[1], &flow));
	assert_tick(f, 5 * SECOND, "", 0);
	free(f);
}

/* The kernel waits each time that somebody is taken in again. */
static void it_is_not_told_too_often(void **state)
{
	struct trace_flood *f = calloc(1, sizeof(*f));
	struct trace_omissions o;

	(void)state;
	assert_non_null(f);
	mute_at(f, SECOND, 7, 4000);
	mute_at(f, SECOND, 8, 4000);
	assert_true(trace_flood_tick(f, SECOND, &o));
	assert_int_equal(o.n_muted, 2);
	trace_flood_forget(f, 7);
	assert_tick(f, 2 * SECOND, "", 8);
	trace_flood_forget(f, 8);
	assert_nothing_new(f, 2 * SECOND + SECOND / 10);
	assert_nothing_new(f, 3 * SECOND - 1);
	assert_tick(f, 3 * SECOND, "", 0);
	/* Whoever floods is told at once, and the rest with it. */
	mute_at(f, 3 * SECOND, 9, 4000);
	trace_flood_forget(f, 8);
	assert_tick(f, 3 * SECOND, "", 9);
	trace_flood_end(f, 9, 3 * SECOND);
	mute_at(f, 3 * SECOND, 10, 4000);
	assert_tick(f, 3 * SECOND + 1, "", 10);
	free(f);
}

static void only_so_many(void **state)
{
	struct trace_flood *f = calloc(1, sizeof(*f));
	struct trace_omissions o;

	(void)state;
	assert_non_null(f);
	for (int i = 0; i < 20; i++)
		claim_n(f, INT32_MAX - i, (uint16_t)(65535 - i), 65535, IPPROTO_UDP, 600);
	assert_true(trace_flood_tick(f, SECOND, &o));
	assert_non_null(
		strstr(o.but_if, "(common_pid != 2147483644 || sport != 65532 || dport != 65535)"));
	assert_null(strstr(o.but_if, "65531 "));
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_is_left_out),
		cmocka_unit_test(what_is_read_late_is_no_flood),
		cmocka_unit_test(a_task_is_muted_as_a_whole),
		cmocka_unit_test(what_ended_is_not_muted),
		cmocka_unit_test(it_is_not_told_too_often),
		cmocka_unit_test(only_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
