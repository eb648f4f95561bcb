/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The history stays within its bounds, and outlives a disk that is full. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/clock.h"
#include "tests/unit/history_kit.h"

static int64_t database_size(struct kit *k, struct history_state *st)
{
	history_get_state(k->history, st);
	return (int64_t)st->rows;
}

static void tick_until_tidy(struct kit *k, uint64_t rows)
{
	uint64_t deadline = clock_mono_ns() + UINT64_C(60000000000);
	struct history_state st;

	do
		history_tick(k->history);
	while (database_size(k, &st) > (int64_t)rows && clock_mono_ns() < deadline);
	assert_int_equal(st.rows, rows);
}

static void test_bounded_by_rows(void **state)
{
	struct kit *k = *state;
	struct seen s;

	for (unsigned i = 0; i < 3000; i++)
		add_simple(k, i);
	history_set_limits(k->history, &(struct history_limits) { .max_rows = 50 });
	tick_until_tidy(k, 50);
	list(k, &(struct history_filter)HISTORY_FILTER_ANY, &s);
	assert_int_equal(s.n, 50);
	assert_string_equal(s.host, "host-2950.example");
	/* And stays so. */
	for (unsigned i = 0; i < 2000; i++)
		add_simple(k, i);
	tick_until_tidy(k, 50);
}

static void test_bounded_by_age(void **state)
{
	struct kit *k = *state;
	uint64_t now = clock_real_us();
	struct seen s;

	for (unsigned i = 0; i < 700; i++)
		add_simple(k, 1);
	make(k, 42)->time_us = now;
	add(k);
	history_set_limits(k->history, &(struct history_limits) { .max_age_ms = 3600000 });
	tick_until_tidy(k, 1);
	list(k, &(struct history_filter)HISTORY_FILTER_ANY, &s);
	assert_string_equal(s.host, "host-42.example");
}

/* Texts go with the rows that named them, and those in use stay right. */
static void test_strings_are_swept(void **state)
{
	struct kit *k = *state;
	struct history_filter f = HISTORY_FILTER_ANY;
	struct seen s;

	for (unsigned i = 0; i < 6000; i++)
		add_simple(k, i);
	history_set_limits(k->history, &(struct history_limits) { .max_rows = 10 });
	tick_until_tidy(k, 10);
	for (unsigned i = 0; i < 20; i++)
		history_tick(k->history);
	for (unsigned i = 6000; i < 12000; i++)
		add_simple(k, i);
	tick_until_tidy(k, 10);
	for (unsigned i = 0; i < 20; i++)
		history_tick(k->history);
	/* "host-0.example" is long gone: its number too. */
	f.host = "host-0.example";
	assert_int_equal(count(k, f), 0);
	add_simple(k, 0);
	assert_int_equal(count(k, f), 1);
	list(k, &(struct history_filter)HISTORY_FILTER_ANY, &s);
	assert_int_equal(s.n, 10);
	assert_string_equal(s.host, "host-11991.example");
	assert_int_equal(s.last.pid, 4711);
}

static void limit_file_size(rlim_t bytes)
{
	struct rlimit l;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void test_full_disk(void **state)
{
	struct kit *k = *state;
	struct history_state st;
	uint64_t lost;

	history_set_limits(k->history, &(struct history_limits) { .retry_ms = 1 });
	add_simple(k, 1);
	history_tick(k->history);
	assert_int_equal(k->n_told, 0);

	limit_file_size(4096);
	add_simple(k, 2);
	history_tick(k->history);
	assert_int_equal(k->n_told, 1);
	assert_true(k->told.stopped);
	assert_true(strlen(k->told.why) > 0);

	/* Stopped is told once; rows wait, and those past the bound are counted. */
	for (unsigned i = 0; i < LIMIT_HISTORY_QUEUE + 10; i++)
		add_simple(k, 3);
	history_tick(k->history);
	history_get_state(k->history, &st);
	assert_int_equal(k->n_told, 1);
	assert_true(st.stopped);
	assert_true(st.lost >= 11);
	assert_int_equal(st.queued + st.lost, LIMIT_HISTORY_QUEUE + 11);
	/* What was there before can still be read. */
	assert_int_equal(count(k, (struct history_filter)HISTORY_FILTER_ANY), 1);

	limit_file_size(RLIM_INFINITY);
	lost = st.lost;
	for (uint64_t end = clock_mono_ns() + UINT64_C(60000000000); clock_mono_ns() < end;) {
		history_tick(k->history);
		history_get_state(k->history, &st);
		if (!st.queued)
			break;
	}
	assert_int_equal(k->n_told, 2);
	assert_false(k->told.stopped);
	assert_int_equal(st.lost, lost);
	assert_int_equal(st.rows, LIMIT_HISTORY_QUEUE + 12 - lost);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_bounded_by_rows),
		TEST(test_bounded_by_age),
		TEST(test_strings_are_swept),
		TEST(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
