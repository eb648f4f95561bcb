/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of operands, operator types and verdicts: both ways, each once, and nothing else. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/operand.h"
#include "lib/verdict.h"

static void test_operands(void **state)
{
	const char *extra = "untouched";
	enum operand o;
	char name[64];

	(void)state;
	for (int i = 0; i < OPERAND_COUNT_; i++) {
		bool env = i == OPERAND_PROCESS_ENV;

		snprintf(name, sizeof(name), "%s%s", operand_str((enum operand)i),
			env ? "HOME" : "");
		assert_true(operand_parse(name, &o, &extra));
		assert_int_equal(o, i);
		if (env)
			assert_string_equal(extra, "HOME");
		else
			assert_null(extra);
	}
	assert_false(operand_parse("process.env.", &o, &extra));
	assert_false(operand_parse("process.pathx", &o, &extra));
	assert_false(operand_parse("Process.path", &o, &extra));
	assert_false(operand_parse("", &o, &extra));
	assert_string_equal(operand_str((enum operand)OPERAND_COUNT_), "?");
}

static void test_operator_types(void **state)
{
	enum operator_type t;

	(void)state;
	for (int i = 0; i < OPERATOR_COUNT_; i++) {
		assert_true(operator_type_parse(operator_type_str((enum operator_type)i), &t));
		assert_int_equal(t, i);
	}
	assert_false(operator_type_parse("Simple", &t));
	assert_false(operator_type_parse("complex", &t));
	assert_string_equal(operator_type_str((enum operator_type)OPERATOR_COUNT_), "?");
}

/* Every value of an enum to its name and back; what is no name leaves the value alone. */
#define ROUND_TRIP(prefix, type, count)                                                            \
	do {                                                                                       \
		type v_;                                                                           \
                                                                                                   \
		for (int i_ = 0; i_ < (count); i_++) {                                             \
			assert_true(prefix##_parse(prefix##_str((type)i_), &v_));                  \
			assert_int_equal(v_, i_);                                                  \
		}                                                                                  \
		assert_string_equal(prefix##_str((type)(count)), "?");                             \
		v_ = (type)1;                                                                      \
		assert_false(prefix##_parse("?", &v_));                                            \
		assert_false(prefix##_parse("", &v_));                                             \
		assert_int_equal(v_, 1);                                                           \
	} while (0)

static void test_verdicts(void **state)
{
	(void)state;
	ROUND_TRIP(action, enum action, ACTION_COUNT_);
	ROUND_TRIP(reason, enum reason, REASON_COUNT_);
	ROUND_TRIP(attribution_method, enum attribution_method, METHOD_COUNT_);
	ROUND_TRIP(confidence, enum confidence, CONFIDENCE_COUNT_);
	ROUND_TRIP(host_source, enum host_source, HOST_COUNT_);
}

/* The API's words, which must never change. */
static void test_words_of_the_api(void **state)
{
	static const char *const reasons[] = { "rule", "default", "answer", "timeout", "no_client",
		"overflow", "paused", "own" };
	static const char *const ends[] = { "answered", "timed_out", "rule", "cancelled" };

	(void)state;
	assert_string_equal(action_str(ACTION_ALLOW), "allow");
	assert_string_equal(action_str(ACTION_DENY), "deny");
	assert_string_equal(action_str(ACTION_REJECT), "reject");
	assert_int_equal(sizeof(reasons) / sizeof(reasons[0]), REASON_COUNT_);
	for (int i = 0; i < REASON_COUNT_; i++)
		assert_string_equal(reason_str((enum reason)i), reasons[i]);
	assert_int_equal(sizeof(ends) / sizeof(ends[0]), PROMPT_END_COUNT_);
	for (int i = 0; i < PROMPT_END_COUNT_; i++)
		assert_string_equal(prompt_end_str((enum prompt_end)i), ends[i]);
	assert_string_equal(prompt_end_str((enum prompt_end)PROMPT_END_COUNT_), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operands),
		cmocka_unit_test(test_operator_types),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_words_of_the_api),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
