/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patterns: their dialect, hostile strings, and the bound on their work. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/pattern.h"

static bool matches(const char *pattern, bool sensitive, const char *s, size_t len)
{
	struct pattern *p = NULL;
	struct error err = { 0 };
	bool found;

	if (pattern_new(pattern, strlen(pattern), sensitive, &p, &err) < 0)
		fail_msg("'%s': %s", pattern, err.message);
	found = pattern_match(p, s, len);
	pattern_free(p);
	return found;
}

static void test_dialect(void **state)
{
	static const struct {
		const char *pattern, *s;
		bool sensitive, want;
	} table[] = {
		{ "b", "abc", true, true },
		{ "^b", "abc", true, false },
		{ "B", "abc", true, false },
		{ "B", "abc", false, true },
		{ "", "", true, true },
		{ "", "x", true, true },
		{ "^$", "", true, true },
		{ "c$", "abc", true, true },
		{ "c$", "abc\n", true, false },
		{ "c\\z", "abc", true, true },
		{ "(?P<n>a)b", "ab", true, true },
		{ "(?i)AB", "ab", true, true },
		{ "(?-i)AB", "ab", false, false },
		{ "\\d{3}", "x123", true, true },
		{ "\\d", "\331\243", true, false }, /* an Arabic digit: \d is ASCII */
		{ "[[:alpha:]]+\\.", "ab.", true, true },
		{ "\\pL", "\303\244", true, true },
		{ "^.$", "\303\244", true, true }, /* one character, not two bytes */
		{ "\\Q.\\E", "a", true, false },
		{ "\\x{e4}", "\303\244", true, true },
		{ "\303\204", "\303\244", false, true }, /* case beyond ASCII */
		{ "a.b", "a\nb", true, false },
		{ "(?s)a.b", "a\nb", true, true },
	};

	(void)state;
	for (size_t i = 0; i < array_len(table); i++)
		if (matches(table[i].pattern, table[i].sensitive, table[i].s, strlen(table[i].s)) !=
			table[i].want)
			fail_msg("'%s' on '%s'", table[i].pattern, table[i].s);
}

static void test_bad_patterns(void **state)
{
	static const char *const table[] = { "(", "[", "*", "a{2,1}", "(?P<n", "\\", "(a)\\1",
		"a\\Cb", "\xff", "\xc3", "(?<=a+)b" };
	char *big = test_malloc(LIMIT_RULE_DATA + 1);
	struct pattern *p = NULL;
	struct error err;

	(void)state;
	for (size_t i = 0; i < array_len(table); i++) {
		err = (struct error) { 0 };
		if (pattern_new(table[i], strlen(table[i]), true, &p, &err) != ERR_INVALID)
			fail_msg("'%s' was taken", table[i]);
		assert_null(p);
		assert_int_equal(err.code, ERR_INVALID);
		assert_string_equal(err.place, "");
		assert_non_null(strstr(err.message, "offset"));
	}
	memset(big, 'a', LIMIT_RULE_DATA + 1);
	assert_int_equal(pattern_new(big, LIMIT_RULE_DATA + 1, true, &p, &err), ERR_TOO_BIG);
	assert_int_equal(pattern_new(big, LIMIT_RULE_DATA, true, &p, &err), 0);
	assert_true(pattern_match(p, big, LIMIT_RULE_DATA));
	pattern_free(p);
	test_free(big);
}

static void test_strings_that_are_not_utf8(void **state)
{
	static const char broken[] = "\xff"
				     "evil\xc3.exe\0x";
	const size_t len = sizeof(broken) - 1;

	(void)state;
	assert_true(matches("evil", true, broken, len));
	assert_true(matches("\\.exe", true, broken, len));
	assert_true(matches("x$", true, broken, len));
	assert_true(matches("^.evil.\\.exe", true, broken, len)); /* one character each */
	assert_false(matches("^evil", true, broken, len));
	assert_true(matches("\\x{fffd}evil", true, broken, len));
	assert_true(matches("\\W", true, "a\xc3", 2));
	assert_true(matches("\\W", true, "aB\x80\xf0\xc3\xa4", 6));
	assert_true(matches("^$", true, NULL, 0));
	assert_false(matches("^\\xff", true, "\xff", 1));
	assert_true(matches("^...$", true, "\xff\xfe\x80", 3));
	assert_true(matches("^[^a]*$", true, "b\xc3\xa4", 3));
	assert_true(matches("^.b$", true,
		"\xf0\x9f\x98\x80"
		"b",
		5)); /* a whole character */
	assert_true(matches("^...b$", true,
		"\xf0\x9f\x98"
		"b",
		4)); /* three bytes of one */
}

static void test_long_broken_strings_are_cut(void **state)
{
	char *s = test_malloc(PATTERN_BROKEN_MAX + 2);

	(void)state;
	memset(s, 0xff, PATTERN_BROKEN_MAX + 2);
	s[PATTERN_BROKEN_MAX - 1] = 'a';
	s[PATTERN_BROKEN_MAX] = 'b';
	assert_true(matches("a", true, s, PATTERN_BROKEN_MAX + 2));
	assert_true(matches("a$", true, s, PATTERN_BROKEN_MAX + 2));
	assert_false(matches("b", true, s, PATTERN_BROKEN_MAX + 2));
	test_free(s);
}

/* Time that this process has computed. */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Each of these takes exponential time in a matcher that goes back and forth without a bound. */
static void test_catastrophes_are_bounded(void **state)
{
	static const char *const table[] = { "(a+)+$", "(a|aa)+$", "(a|a)*$", "(a*)*[^a!]",
		"^(([a-z])+.)+[A-Z]([a-z])+$", "(.*a){12}\\d", "((a?){20}){20}b\\d" };
	enum { LEN = LIMIT_ARGS };
	char *s = test_malloc(LEN);
	uint64_t before = pattern_limit_hits();

	(void)state;
	memset(s, 'a', LEN);
	s[LEN - 1] = '!';
	for (size_t i = 0; i < array_len(table); i++) {
		uint64_t start = cpu_ns();

		assert_false(matches(table[i], true, s, LEN));
		/* Milliseconds of computing, or years: a bound for the slowest machine, whatever else it does. */
		if (cpu_ns() - start > 30000000000u)
			fail_msg("'%s' took %u ms", table[i],
				(unsigned)((cpu_ns() - start) / 1000000u));
	}
	assert_true(pattern_limit_hits() > before);
	/* The next match is a fresh one. */
	assert_true(matches("a+!$", true, s + LEN - 10, 10));
	test_free(s);
}

static void test_several_at_once(void **state)
{
	struct pattern *a = NULL, *b = NULL;

	(void)state;
	assert_int_equal(pattern_new("a", 1, true, &a, NULL), 0);
	assert_int_equal(pattern_new("b", 1, true, &b, NULL), 0);
	pattern_free(a);
	assert_true(pattern_match(b, "b", 1));
	assert_int_equal(pattern_new("(", 1, true, &a, NULL), ERR_INVALID);
	assert_true(pattern_match(b, "b", 1));
	pattern_free(b);
	pattern_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialect),
		cmocka_unit_test(test_bad_patterns),
		cmocka_unit_test(test_strings_that_are_not_utf8),
		cmocka_unit_test(test_long_broken_strings_are_cut),
		cmocka_unit_test(test_catastrophes_are_bounded),
		cmocka_unit_test(test_several_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
