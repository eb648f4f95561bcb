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

static void claim_n(
	struct trace_flood *f, int32_t tid, uint16_t sport, uint16_t dport, int proto, unsigned n)
{
	struct trace_event ev = { .type = TRACE_EVENT_CLAIM, .tid = tid, .time_ns = SECOND };

	flow_init(&ev.flow);
	ev.flow.proto = (uint8_t)proto;
	ev.flow.src_port = sport;
	ev.flow.dst_port = dport;
	assert_int_equal(ip_addr_parse("10.0.0.1", &ev.flow.src), 0);
	assert_int_equal(ip_addr_parse("10.0.0.2", &ev.flow.dst), 0);
	while (n--)
		trace_flood_note(f, &ev);
}

static void assert_tick(struct trace_flood *f, uint64_t now_ns, bool changed, const char *want)
{
	char text[TRACE_FLOOD_TEXT];

	assert_int_equal(trace_flood_tick(f, now_ns, text), changed);
	assert_string_equal(text, want);
}

static void a_flood_is_left_out(void **state)
{
	struct trace_flood *f = calloc(1, sizeof(*f));
	struct flow flow;

	(void)state;
	assert_non_null(f);
	for (int i = 0; i < 20; i++) {
		claim_n(f, 7, 4000, 53, IPPROTO_UDP, 499);
		claim_n(f, 7, 4000, 53, IPPROTO_TCP, 5000);
		assert_tick(f, SECOND, false, "");
	}
	claim_n(f, 7, 4000, 53, IPPROTO_UDP, 700);
	assert_tick(f, SECOND, true, "(common_pid != 7 || sport != 4000 || dport != 53)");
	/* What was in the ring still comes, and changes nothing. */
	claim_n(f, 7, 4000, 53, IPPROTO_UDP, 700);
	assert_tick(f, 2 * SECOND, false, "(common_pid != 7 || sport != 4000 || dport != 53)");
	claim_n(f, 8, 4001, 443, IPPROTO_UDP, 500);
	assert_tick(f, 3 * SECOND, true,
		"(common_pid != 7 || sport != 4000 || dport != 53) && (common_pid != 8 || sport != "
		"4001 || dport != 443)");

	/* To any place, from its own address and ports. */
	flow_init(&flow);
	flow.proto = IPPROTO_UDP;
	flow.src_port = 4000;
	flow.dst_port = 53;
	assert_int_equal(ip_addr_parse("10.0.0.1", &flow.src), 0);
	assert_int_equal(ip_addr_parse("192.0.2.9", &flow.dst), 0);
	assert_true(trace_flooder_fits(&f->flooders[0], &flow));
	assert_false(trace_flooder_fits(&f->flooders[1], &flow));
	assert_false(trace_flooder_fits(&f->flooders[2], &flow));
	assert_int_equal(ip_addr_parse("10.0.0.9", &flow.src), 0);
	assert_false(trace_flooder_fits(&f->flooders[0], &flow));

	/* Another task has the number; then time is up. */
	trace_flood_forget(f, 8);
	assert_tick(f, 4 * SECOND, true, "(common_pid != 7 || sport != 4000 || dport != 53)");
	trace_flood_forget(f, 9);
	assert_tick(f, 10 * SECOND, false, "(common_pid != 7 || sport != 4000 || dport != 53)");
	assert_tick(f, 12 * SECOND, true, "");
	assert_tick(f, 13 * SECOND, false, "");
	free(f);
}

static void only_so_many(void **state)
{
	struct trace_flood *f = calloc(1, sizeof(*f));
	char text[TRACE_FLOOD_TEXT];

	(void)state;
	assert_non_null(f);
	for (int i = 0; i < 20; i++)
		claim_n(f, INT32_MAX - i, (uint16_t)(65535 - i), 65535, IPPROTO_UDP, 600);
	assert_true(trace_flood_tick(f, SECOND, text));
	assert_non_null(
		strstr(text, "(common_pid != 2147483644 || sport != 65532 || dport != 65535)"));
	assert_null(strstr(text, "65531 "));
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_is_left_out),
		cmocka_unit_test(only_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
