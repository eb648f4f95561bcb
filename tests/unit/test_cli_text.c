/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hostile strings on a terminal, tables that fit it, JSON that is safe on it. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/json_out.h"
#include "cli/table.h"
#include "cli/text.h"
#include "lib/cleanup.h"
#include "lib/utf8.h"

static void check_safe(const char *in, const char *expected)
{
	_cleanup_free_ char *out = text_safe(in);

	assert_non_null(out);
	assert_string_equal(out, expected);
}

static void test_safe_escapes_what_a_terminal_obeys(void **state)
{
	(void)state;
	check_safe("", "");
	check_safe("plain text, 1 + 1 = 2", "plain text, 1 + 1 = 2");
	check_safe("\033[31mred\033[0m", "\\x1b[31mred\\x1b[0m");
	check_safe("a\tb\nc\rd\be\x7f", "a\\x09b\\x0ac\\x0dd\\x08e\\x7f");
	check_safe("\xc2\x9b"
		   "31m",
		"\\xc2\\x9b31m"); /* CSI as one C1 character */
	check_safe("\xff\xc0\xaf", "\\xff\\xc0\\xaf");
}

static void test_safe_shows_bidi_and_invisible_characters(void **state)
{
	(void)state;
	check_safe("gpj\xe2\x80\xae"
		   "exe",
		"gpj\\u{202e}exe");
	check_safe("\xe2\x81\xa6x\xe2\x81\xa9", "\\u{2066}x\\u{2069}");
	check_safe("\xd8\x9c", "\\u{61c}");
	check_safe("a\xe2\x80\x8b"
		   "b",
		"a\\u{200b}b");
	check_safe("\xef\xbb\xbf", "\\u{feff}");
	check_safe("\xf3\xa0\x81\x81", "\\u{e0041}");
	check_safe("\xc2\xad", "\\u{ad}");
}

static void test_safe_leaves_other_scripts_alone(void **state)
{
	(void)state;
	check_safe("gr\xc3\xbc\xc3\x9f"
		   "e \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x94\xa5",
		"gr\xc3\xbc\xc3\x9f"
		"e \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x94\xa5");
}

/* Whatever goes in: what comes out is well-formed, without controls, and stays so when made safe again. */
static void test_safe_of_random_bytes(void **state)
{
	uint32_t seed = 20400;

	(void)state;
	for (int round = 0; round < 5000; round++) {
		char in[33];
		_cleanup_free_ char *out = NULL;
		_cleanup_free_ char *again = NULL;

		for (size_t i = 0; i < sizeof(in) - 1; i++) {
			seed = seed * 1664525 + 1013904223;
			in[i] = (char)(seed >> 24 ? seed >> 24 : 1);
		}
		in[sizeof(in) - 1] = '\0';
		out = text_safe(in);
		assert_non_null(out);
		assert_true(utf8_valid(out, strlen(out)));
		for (const char *p = out; *p; p++)
			assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
		again = text_safe(out);
		assert_string_equal(again, out);
	}
}

static void check_cut(const char *in, size_t columns, const char *expected)
{
	_cleanup_free_ char *out = text_cut(in, columns);

	assert_non_null(out);
	assert_string_equal(out, expected);
	assert_true(text_width(out) <= columns);
}

static void test_cut(void **state)
{
	(void)state;
	check_cut("hello", 5, "hello");
	check_cut("hello", 4, "hel\xe2\x80\xa6");
	check_cut("hello", 1, "\xe2\x80\xa6");
	check_cut("hello", 0, "");
	check_cut("", 0, "");
	assert_int_equal(text_width("\xe6\x97\xa5\xe6\x9c\xac"), 4);
	/* a character of two columns does not fit the one that is left */
	check_cut("\xe6\x97\xa5\xe6\x9c\xac", 3, "\xe6\x97\xa5\xe2\x80\xa6");
	check_cut("\xe6\x97\xa5\xe6\x9c\xac", 2, "\xe2\x80\xa6");
}

static const struct table_column columns[] = {
	{ "NAME", 6, false },
	{ "N", 0, true },
	{ "MATCHES", 8, false },
};

static struct table *sample(void)
{
	struct table *t = table_new(columns, array_len(columns));

	assert_non_null(t);
	assert_int_equal(table_add(t, (const char *[]) { "short", "7", "a" }), 0);
	assert_int_equal(table_add(t, (const char *[]) { "a-rather-long-name", "12345",
					      "process.path = /usr/bin/curl" }),
		0);
	return t;
}

static void test_layout(void **state)
{
	struct table *t = sample();
	size_t w[3];

	(void)state;
	table_layout(t, 200, w);
	assert_int_equal(w[0], 18);
	assert_int_equal(w[1], 5);
	assert_int_equal(w[2], 28);
	/* the widest gives way first */
	table_layout(t, 50, w);
	assert_int_equal(w[0], 18);
	assert_int_equal(w[1], 5);
	assert_int_equal(w[2], 23);
	table_layout(t, 30, w);
	assert_int_equal(w[0] + w[1] + w[2] + 4, 30);
	/* less than the least: as small as may be */
	table_layout(t, 5, w);
	assert_int_equal(w[0], 6);
	assert_int_equal(w[1], 5);
	assert_int_equal(w[2], 8);
	table_free(t);
}

static char *printed(const struct table *t, size_t total)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(table_print(t, out, total), 0);
	fclose(out);
	return text;
}

static void test_print(void **state)
{
	struct table *t = sample();
	_cleanup_free_ char *fitted = printed(t, 40);
	_cleanup_free_ char *tabs = printed(t, 0);

	(void)state;
	assert_string_equal(fitted,
		"NAME                 N  MATCHES\n"
		"short                7  a\n"
		"a-rather-long-\xe2\x80\xa6  12345  process.path = \xe2\x80\xa6\n");
	assert_string_equal(
		tabs, "short\t7\ta\na-rather-long-name\t12345\tprocess.path = /usr/bin/curl\n");
	table_free(t);
}

static void test_print_hostile_cell(void **state)
{
	struct table *t = table_new(columns, array_len(columns));
	_cleanup_free_ char *tabs = NULL;

	(void)state;
	assert_int_equal(table_add(t, (const char *[]) { "a\tb", NULL, "\033]0;x\007" }), 0);
	tabs = printed(t, 0);
	assert_string_equal(tabs, "a\\x09b\t\t\\x1b]0;x\\x07\n");
	table_free(t);
}

static void test_json_is_ascii(void **state)
{
	json_t *value = json_pack("{s:s}", "k", "\033\x7f\xc2\x9b\xe2\x80\xae");
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	json_t *back;

	(void)state;
	assert_int_equal(json_out(value, out), 0);
	fclose(out);
	for (const char *p = text; *p; p++)
		assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
	back = json_loads(text, 0, NULL);
	assert_true(json_equal(back, value));
	json_decref(back);
	json_decref(value);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_safe_escapes_what_a_terminal_obeys),
		cmocka_unit_test(test_safe_shows_bidi_and_invisible_characters),
		cmocka_unit_test(test_safe_leaves_other_scripts_alone),
		cmocka_unit_test(test_safe_of_random_bytes),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_print_hostile_cell),
		cmocka_unit_test(test_json_is_ascii),
	};

	text_locale();
	return cmocka_run_group_tests_name("cli_text", tests, NULL, NULL);
}
