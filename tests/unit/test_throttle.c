/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waits after wrong passwords, on a clock of the test's own. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/throttle.h"
#include "lib/limits.h"

#define SECOND UINT64_C(1000000000)

static struct ip_addr addr(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(text, &a), 0);
	return a;
}

static void test_an_address_waits_twice_as_long_each_time(void **state)
{
	struct throttle *t = throttle_new();
	struct ip_addr a = addr("192.0.2.1"), b = addr("192.0.2.2");
	uint64_t now = 1000 * SECOND;
	unsigned wait = 1;

	(void)state;
	assert_int_equal(throttle_wait_s(t, &a, now), 0);
	for (int i = 0; i < 14; i++) {
		throttle_failed(t, &a, now);
		assert_int_equal(throttle_wait_s(t, &a, now), wait);
		assert_int_equal(throttle_wait_s(t, &a, now + SECOND / 2), wait);
		assert_int_equal(throttle_wait_s(t, &a, now + wait * SECOND - 1), 1);
		now += wait * SECOND;
		assert_int_equal(throttle_wait_s(t, &a, now), 0);
		assert_int_equal(throttle_wait_s(t, &b, now), 0);
		wait = 2 * wait < LIMIT_LOGIN_DELAY_S ? 2 * wait : LIMIT_LOGIN_DELAY_S;
	}
	assert_int_equal(wait, LIMIT_LOGIN_DELAY_S);
	throttle_passed(t, &a);
	throttle_failed(t, &a, now);
	assert_int_equal(throttle_wait_s(t, &a, now), 1);
	throttle_free(t);
	throttle_free(NULL);
}

static void test_failures_are_forgotten(void **state)
{
	struct throttle *t = throttle_new();
	struct ip_addr a = addr("2001:db8::1");
	uint64_t now = 1000 * SECOND;

	(void)state;
	for (int i = 0; i < 5; i++)
		throttle_failed(t, &a, now);
	assert_int_equal(throttle_wait_s(t, &a, now), 16);
	now += LIMIT_LOGIN_FORGET_S * SECOND;
	throttle_failed(t, &a, now);
	assert_int_equal(throttle_wait_s(t, &a, now), 1);
	throttle_free(t);
}

static void test_a_network_of_ipv6_is_one(void **state)
{
	struct throttle *t = throttle_new();
	struct ip_addr a = addr("2001:db8::1"), same = addr("2001:db8::ffff:1"),
		       other = addr("2001:db8:0:1::1");

	(void)state;
	throttle_failed(t, &a, SECOND);
	assert_int_equal(throttle_wait_s(t, &same, SECOND), 1);
	assert_int_equal(throttle_wait_s(t, &other, SECOND), 0);
	throttle_free(t);
}

static void test_guesses_from_everywhere_slow_everybody(void **state)
{
	struct throttle *t = throttle_new();
	struct ip_addr owner = addr("127.0.0.1");
	uint64_t now = 1000 * SECOND;

	(void)state;
	for (unsigned i = 0; i < 2 * LIMIT_LOGIN_ADDRESSES; i++) {
		char text[20];
		struct ip_addr a;

		snprintf(text, sizeof(text), "10.0.%u.%u", i / 250, i % 250 + 1);
		a = addr(text);
		if (i <= LIMIT_LOGIN_FREE)
			assert_int_equal(throttle_wait_s(t, &owner, now), 0);
		throttle_failed(t, &a, now);
	}
	/* The table holds the bound; who was forgotten and the owner wait as all do. */
	assert_int_equal(throttle_wait_s(t, &owner, now), LIMIT_LOGIN_DELAY_ALL_S);
	assert_int_equal(throttle_wait_s(t, &owner, now + LIMIT_LOGIN_DELAY_ALL_S * SECOND), 0);
	throttle_free(t);
}

static void test_the_oldest_makes_room(void **state)
{
	struct throttle *t = throttle_new();
	struct ip_addr first = addr("10.0.0.1"), last;
	uint64_t now = 1000 * SECOND;

	(void)state;
	for (int i = 0; i < 9; i++)
		throttle_failed(t, &first, now);
	for (unsigned i = 0; i < LIMIT_LOGIN_ADDRESSES; i++) {
		char text[20];

		snprintf(text, sizeof(text), "10.1.%u.%u", i / 250, i % 250 + 1);
		last = addr(text);
		throttle_failed(t, &last, ++now);
	}
	/* Its 256 seconds are gone; everybody's are left. */
	assert_int_equal(throttle_wait_s(t, &first, now), LIMIT_LOGIN_DELAY_ALL_S);
	throttle_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_address_waits_twice_as_long_each_time),
		cmocka_unit_test(test_failures_are_forgotten),
		cmocka_unit_test(test_a_network_of_ipv6_is_one),
		cmocka_unit_test(test_guesses_from_everywhere_slow_everybody),
		cmocka_unit_test(test_the_oldest_makes_room),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
