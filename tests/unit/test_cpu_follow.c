/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the engine goes to the processor that packets come from. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/cpu_follow.h"

#define NOW (10ull * CPU_FOLLOW_REST_NS)

/* So many packets from one processor; what the last one said. */
static int packets(struct cpu_follow *f, unsigned n, int cpu, int here, uint64_t now_ns)
{
	int r = -1;

	while (n--) {
		assert_int_equal(r, -1);
		r = cpu_follow_note(f, cpu, here, now_ns);
	}
	return r;
}

static struct cpu_follow two_processors(void)
{
	struct cpu_follow f = { .cpu = -1 };

	CPU_SET(0, &f.allowed);
	CPU_SET(1, &f.allowed);
	return f;
}

static void test_a_row_of_packets(void **state)
{
	struct cpu_follow f = two_processors();

	(void)state;
	assert_int_equal(packets(&f, CPU_FOLLOW_ROW - 1, 1, 0, NOW), -1);
	assert_int_equal(cpu_follow_note(&f, 1, 0, NOW), 1);
	/* A rest, then again after another row. */
	assert_int_equal(packets(&f, 3 * CPU_FOLLOW_ROW, 0, 1, NOW + CPU_FOLLOW_REST_NS - 1), -1);
	assert_int_equal(cpu_follow_note(&f, 0, 1, NOW + CPU_FOLLOW_REST_NS), 0);
}

static void test_no_habit(void **state)
{
	struct cpu_follow f = two_processors();

	(void)state;
	assert_int_equal(packets(&f, 3 * CPU_FOLLOW_ROW, 1, 1, NOW), -1); /* here already */
	for (unsigned i = 0; i < 5 * CPU_FOLLOW_ROW; i++)
		assert_int_equal(cpu_follow_note(&f, (int)(i / 3 % 2), 0, NOW), -1);
	assert_int_equal(packets(&f, 3 * CPU_FOLLOW_ROW, -1, 0, NOW), -1); /* not traced */
	assert_int_equal(packets(&f, 3 * CPU_FOLLOW_ROW, 2, 0, NOW), -1); /* not allowed */
	assert_int_equal(packets(&f, 3 * CPU_FOLLOW_ROW, CPU_SETSIZE, 0, NOW), -1);
}

static void test_moves_and_stays_free(void **state)
{
	struct cpu_follow f;
	cpu_set_t after;

	(void)state;
	cpu_follow_init(&f);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET((size_t)cpu, &f.allowed))
			continue;
		cpu_follow_move(&f, cpu);
		assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
		assert_true(CPU_EQUAL(&after, &f.allowed));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_row_of_packets),
		cmocka_unit_test(test_no_habit),
		cmocka_unit_test(test_moves_and_stays_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
