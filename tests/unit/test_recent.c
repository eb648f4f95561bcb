/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decided flows: who counts as the same try, for how long, and the bound. */
#include "config.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/recent.h"

#define SECOND 1000000000ull

static struct flow flow_of(uint8_t proto, uint16_t port)
{
	struct flow f;

	flow_init(&f);
	f.proto = proto;
	f.src_port = port;
	return f;
}

static void test_tcp(void **state)
{
	struct recent *r = recent_new(10);
	struct flow f = flow_of(IPPROTO_TCP, 1), other = flow_of(IPPROTO_TCP, 2);
	struct recent_decision d = { ACTION_DENY, REASON_ANSWER, 7 }, got = { 0 };
	uint64_t now = 1000 * SECOND;

	(void)state;
	assert_false(recent_find(r, &f, 5, now, &got));
	recent_add(r, &f, 5, &d, now);
	assert_true(recent_find(r, &f, 5, now, &got));
	assert_int_equal(got.action, ACTION_DENY);
	assert_int_equal(got.reason, REASON_ANSWER);
	assert_int_equal(got.generation, 7);
	assert_false(recent_find(r, &f, 6, now, &got)); /* a new try */
	assert_false(recent_find(r, &other, 5, now, &got));
	/* Each retransmit renews; then 130 s of silence end it. */
	assert_true(recent_find(r, &f, 5, now += 130 * SECOND, &got));
	assert_true(recent_find(r, &f, 5, now += 130 * SECOND, &got));
	assert_false(recent_find(r, &f, 5, now + 130 * SECOND + 1, &got));
	/* A new decision about the same flow replaces the old one. */
	d.action = ACTION_ALLOW;
	recent_add(r, &f, 6, &d, now);
	assert_false(recent_find(r, &f, 5, now, &got));
	assert_true(recent_find(r, &f, 6, now, &got));
	assert_int_equal(got.action, ACTION_ALLOW);
	recent_free(r);
	recent_free(NULL);
}

static void test_datagrams(void **state)
{
	struct recent *r = recent_new(10);
	struct flow f = flow_of(IPPROTO_UDP, 1);
	struct recent_decision d = { ACTION_ALLOW, REASON_RULE, 1 }, got;
	uint64_t now = 0;

	(void)state;
	recent_add(r, &f, 0, &d, now);
	assert_true(recent_find(r, &f, 99, now += 30 * SECOND, &got));
	assert_true(recent_find(r, &f, 1, now += 30 * SECOND, &got));
	assert_false(recent_find(r, &f, 1, now + 30 * SECOND + 1, &got));
	recent_free(r);
}

static void test_used_ones_stay(void **state)
{
	enum { CAPACITY = 128, OTHERS = 10000 };
	struct recent *r = recent_new(CAPACITY);
	struct recent_decision d = { 0 }, got;
	struct flow found_often = flow_of(IPPROTO_UDP, 1), decided_often = flow_of(IPPROTO_UDP, 2),
		    f;
	unsigned kept = 0;

	(void)state;
	recent_add(r, &found_often, 0, &d, 0);
	recent_add(r, &decided_often, 0, &d, 0);
	for (unsigned i = 0; i < OTHERS; i++) {
		f = flow_of(IPPROTO_UDP, (uint16_t)(1000 + i));
		recent_add(r, &f, 0, &d, i);
		assert_true(recent_find(r, &f, 0, i, &got));
		if (i % 4)
			continue;
		assert_true(recent_find(r, &found_often, 0, i, &got));
		recent_add(r, &decided_often, 0, &d, i);
	}
	assert_true(recent_find(r, &decided_often, 0, OTHERS, &got));
	for (unsigned i = 0; i < OTHERS; i++) {
		f = flow_of(IPPROTO_UDP, (uint16_t)(1000 + i));
		kept += recent_find(r, &f, 0, OTHERS, &got);
	}
	assert_true(kept >= CAPACITY / 2 && kept <= CAPACITY - 2);
	recent_free(r);
}

static void test_forget(void **state)
{
	struct recent *r = recent_new(1);
	struct recent_decision d = { 0 }, got;
	struct flow f = flow_of(IPPROTO_UDP, 1);

	(void)state;
	recent_forget(r, &f);
	recent_add(r, &f, 0, &d, 0);
	recent_forget(r, &f);
	assert_false(recent_find(r, &f, 0, 0, &got));
	recent_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_datagrams),
		cmocka_unit_test(test_used_ones_stay),
		cmocka_unit_test(test_forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
