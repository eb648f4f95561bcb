/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the heap is trimmed. What that does is malloc's affair. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/heap.h"

static void test_after_much_work_when_quiet(void **state)
{
	struct heap_care h = { 0 };

	(void)state;
	assert_false(heap_tick(&h, 0));
	assert_false(heap_tick(&h, HEAP_WORK_LEAST - 1));
	assert_false(heap_tick(&h, HEAP_WORK_LEAST - 1)); /* quiet, but little was done */
	assert_false(heap_tick(&h, 5 * HEAP_WORK_LEAST)); /* much, and still at it */
	assert_true(heap_tick(&h, 5 * HEAP_WORK_LEAST));
	assert_false(heap_tick(&h, 5 * HEAP_WORK_LEAST)); /* once */
	assert_false(heap_tick(&h, 6 * HEAP_WORK_LEAST));
	assert_true(heap_tick(&h, 6 * HEAP_WORK_LEAST));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_after_much_work_when_quiet) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
