/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the console keeps of the engine's status. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/engine_view.h"

static struct ipc_status status(uint16_t interception, bool enabled, uint64_t packets)
{
	struct ipc_status s = {
		.header = { .len = sizeof(s), .version = IPC_VERSION, .type = IPC_STATUS },
		.interception = interception,
		.enabled = enabled,
		.counters.packets = packets,
	};

	return s;
}

static void test_a_status_under_way_does_not_undo_a_pause(void **state)
{
	struct engine_view v = { 0 };
	struct ipc_status first = status(0, true, 1), late = status(0, true, 2),
			  knows = status(1, false, 3), over = status(1, true, 4);

	(void)state;
	engine_view_status(&v, &first);
	assert_true(v.status.enabled);
	/* As POST /interception does. */
	v.interception_sent = 1;
	v.status.enabled = false;
	v.status.paused_until_us = 77;
	engine_view_status(&v, &late);
	assert_int_equal(v.status.counters.packets, 2);
	assert_false(v.status.enabled);
	assert_int_equal(v.status.paused_until_us, 77);
	engine_view_status(&v, &knows);
	assert_false(v.status.enabled);
	assert_int_equal(v.status.paused_until_us, 0);
	/* The pause ends by itself. */
	engine_view_status(&v, &over);
	assert_true(v.status.enabled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_status_under_way_does_not_undo_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
