/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flat form: the builder keeps to it, and no corruption of it is believed. */
#include "config.h"

#include <netinet/in.h>
#include <stdio.h>

#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/rulewire.h"
#include "tests/unit/random_kit.h"
#include "tests/unit/ruleset_kit.h"

struct file {
	uint8_t *bytes;
	size_t len;
};

/* Three rules with every kind of string, a list and a list in it. */
static struct file make_file(void)
{
	struct rulewire_builder *b = rulewire_builder_new();
	struct file f = { 0 };
	void *bytes = NULL;
	uint32_t root, first, inner;

	kit_op(b, rulewire_build_rule(b, kit_text("a"), ACTION_ALLOW, false, false, 0),
		OPERATOR_SIMPLE, "process.env.HOME", true, "/home/ann");
	root = rulewire_build_rule(b, kit_text("b"), ACTION_DENY, true, false, 5);
	first = rulewire_build_list(b, root, 3);
	kit_op(b, first, OPERATOR_REGEXP, "dest.host", false, "(^|\\.)br\303\274cke$");
	inner = rulewire_build_list(b, first + 1, 2);
	kit_op(b, first + 2, OPERATOR_RANGE, "dest.port", false, "1-1024");
	kit_op(b, inner, OPERATOR_NETWORK, "dest.network", false, "LAN");
	kit_op(b, inner + 1, OPERATOR_SIMPLE, "true", false, "");
	kit_op(b, rulewire_build_rule(b, kit_text("c"), ACTION_REJECT, false, true, 0),
		OPERATOR_SIMPLE, "dest.ip", false, "192.0.2.1");
	assert_int_equal(rulewire_build_finish(b, 42, &bytes, &f.len), 0);
	rulewire_builder_free(b);
	f.bytes = bytes;
	return f;
}

static struct rulewire_header *header_of(struct file f)
{
	return (void *)f.bytes;
}

static struct rulewire_rule *rule_of(struct file f, unsigned i)
{
	return (struct rulewire_rule *)(void *)(f.bytes + header_of(f)->rules_off) + i;
}

static struct rulewire_op *op_of(struct file f, unsigned i)
{
	return (struct rulewire_op *)(void *)(f.bytes + header_of(f)->ops_off) + i;
}

/* Loads bytes that may be anything, and asks what came of them. Its code. */
static int try_load(const void *bytes, size_t len)
{
	struct ruleset *rs = NULL;
	struct error err = { 0 };
	int r = ruleset_load(bytes, len, &rs, &err);
	struct ruleset_match m;
	struct subject s;

	if (r < 0) {
		assert_null(rs);
		assert_int_equal(err.code, r);
		assert_string_not_equal(err.message, "");
		return r;
	}
	memset(&s, 0, sizeof(s));
	s.flow.proto = IPPROTO_TCP;
	s.flow.dst_port = 443;
	ip_addr_parse("192.168.1.1", &s.flow.dst);
	s.host = kit_text("www.br\303\274cke");
	for (uint64_t now = 0; now < 10; now += 5) {
		if (!ruleset_decide(rs, &s, now, &m))
			continue;
		assert_true(m.index < ruleset_count(rs));
		assert_true(m.rule.len > 0 && m.rule.len <= LIMIT_RULE_NAME);
		assert_int_not_equal(m.rule.s[m.rule.len - 1], '\0');
	}
	ruleset_free(rs);
	return 0;
}

static void test_good_one(void **state)
{
	struct file f = make_file();
	uint8_t *unaligned = malloc(f.len + 1);

	(void)state;
	assert_int_equal(try_load(f.bytes, f.len), 0);
	memcpy(unaligned + 1, f.bytes, f.len);
	assert_int_equal(try_load(unaligned + 1, f.len), 0);
	free(unaligned);
	free(f.bytes);
}

/* One field of a header, rule or operator, by its place in that struct. */
struct field {
	size_t offset, size;
};

#define FIELD(type, name)                                                                          \
	{                                                                                          \
		offsetof(struct type, name), sizeof(((struct type *)0)->name)                      \
	}

/* A good set with `value` in a field of the struct that stands at `at`: the code of loading it. */
static int code_with(struct file f, void *at, struct field field, uint64_t value)
{
	uint8_t *to = (uint8_t *)at + field.offset;
	int r;

	/* Little machine words: the first bytes are the low ones. */
	assert_in_range(field.size, 1, sizeof(value));
	memcpy(to, &value, field.size);
	r = try_load(f.bytes, f.len);
	free(f.bytes);
	return r;
}

static void test_header_fields(void **state)
{
	static const struct {
		struct field field;
		uint32_t value;
		int code;
	} table[] = {
		{ FIELD(rulewire_header, magic), 0, ERR_MALFORMED },
		{ FIELD(rulewire_header, version), RULEWIRE_VERSION + 1, ERR_MALFORMED },
		{ FIELD(rulewire_header, total_len), 1, ERR_MALFORMED },
		{ FIELD(rulewire_header, n_rules), 2, ERR_MALFORMED },
		{ FIELD(rulewire_header, n_rules), 4, ERR_MALFORMED },
		{ FIELD(rulewire_header, n_rules), LIMIT_RULES + 1, ERR_TOO_BIG },
		{ FIELD(rulewire_header, n_ops), 7, ERR_MALFORMED },
		{ FIELD(rulewire_header, n_ops), UINT32_MAX, ERR_TOO_BIG },
		{ FIELD(rulewire_header, rules_off), 0, ERR_MALFORMED },
		{ FIELD(rulewire_header, rules_off), 56, ERR_MALFORMED },
		{ FIELD(rulewire_header, ops_off), 0, ERR_MALFORMED },
		{ FIELD(rulewire_header, strings_off), UINT32_MAX, ERR_MALFORMED },
		{ FIELD(rulewire_header, strings_len), 0, ERR_MALFORMED },
		{ FIELD(rulewire_header, strings_len), UINT32_MAX, ERR_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < array_len(table); i++) {
		struct file f = make_file();

		if (code_with(f, header_of(f), table[i].field, table[i].value) != table[i].code)
			fail_msg("row %zu", i);
	}
}

static void test_rule_fields(void **state)
{
	static const struct {
		unsigned rule;
		uint32_t value;
		struct field field;
	} table[] = {
		{ 0, 0, FIELD(rulewire_rule, name.len) }, { 0, 0, FIELD(rulewire_rule, name.off) },
		{ 0, UINT32_MAX, FIELD(rulewire_rule, name.off) },
		{ 0, UINT32_MAX, FIELD(rulewire_rule, name.len) },
		{ 0, LIMIT_RULE_NAME + 1, FIELD(rulewire_rule, name.len) },
		{ 0, ACTION_COUNT_, FIELD(rulewire_rule, action) },
		{ 0, 2, FIELD(rulewire_rule, precedence) }, { 0, 2, FIELD(rulewire_rule, nolog) },
		{ 0, 1, FIELD(rulewire_rule, pad) },
		{ 0, 1, FIELD(rulewire_rule, root_op) }, /* another rule's */
		{ 2, UINT32_MAX, FIELD(rulewire_rule, root_op) },
		{ 2, 2, FIELD(rulewire_rule, root_op) }, /* in the middle of a tree */
	};
	static const struct field name_off = FIELD(rulewire_rule, name.off);
	struct file f;

	(void)state;
	for (size_t i = 0; i < array_len(table); i++) {
		f = make_file();
		if (code_with(f, rule_of(f, table[i].rule), table[i].field, table[i].value) !=
			ERR_MALFORMED)
			fail_msg("row %zu", i);
	}
	/* Names out of order, and twice the same. */
	f = make_file();
	assert_int_equal(
		code_with(f, rule_of(f, 0), name_off, rule_of(f, 2)->name.off), ERR_MALFORMED);
	f = make_file();
	assert_int_equal(
		code_with(f, rule_of(f, 1), name_off, rule_of(f, 0)->name.off), ERR_MALFORMED);
}

static void test_op_fields(void **state)
{
	/* 0: a's, 1: b's list, 2 to 4: its operators (3 a list), 5 and 6: that one's, 7: c's */
	static const struct {
		unsigned op;
		uint32_t value;
		struct field field;
	} table[] = {
		{ 0, OPERATOR_COUNT_, FIELD(rulewire_op, type) },
		{ 0, OPERAND_COUNT_, FIELD(rulewire_op, operand) },
		{ 0, 2, FIELD(rulewire_op, sensitive) }, { 0, 1, FIELD(rulewire_op, pad) },
		{ 0, 1, FIELD(rulewire_op, first_child) }, { 0, 1, FIELD(rulewire_op, n_children) },
		{ 0, OPERATOR_LIST, FIELD(rulewire_op, type) },
		{ 0, OPERAND_LIST, FIELD(rulewire_op, operand) },
		{ 0, OPERAND_DEST_HOST, FIELD(rulewire_op, operand) }, /* has a variable's name */
		{ 0, 0, FIELD(rulewire_op, extra.len) }, { 0, 0, FIELD(rulewire_op, extra.off) },
		{ 0, UINT32_MAX, FIELD(rulewire_op, data.off) },
		{ 0, UINT32_MAX, FIELD(rulewire_op, data.len) },
		{ 0, LIMIT_RULE_DATA + 1, FIELD(rulewire_op, data.len) },
		{ 0, 10, FIELD(rulewire_op, data.off) },
		{ 1, OPERAND_TRUE, FIELD(rulewire_op, operand) },
		{ 1, OPERATOR_SIMPLE, FIELD(rulewire_op, type) },
		{ 1, 1, FIELD(rulewire_op, first_child) }, /* its own child */
		{ 1, 0, FIELD(rulewire_op, first_child) },
		{ 1, 3, FIELD(rulewire_op, first_child) },
		{ 1, UINT32_MAX, FIELD(rulewire_op, first_child) },
		{ 1, 0, FIELD(rulewire_op, n_children) }, { 1, 2, FIELD(rulewire_op, n_children) },
		{ 1, 4, FIELD(rulewire_op, n_children) },
		{ 1, UINT32_MAX, FIELD(rulewire_op, n_children) },
		{ 3, 1, FIELD(rulewire_op, first_child) }, /* a cycle */
		{ 3, 4, FIELD(rulewire_op, first_child) }, /* shared with its parent */
		{ 3, 3, FIELD(rulewire_op, n_children) }, /* and with the next rule */
		{ 3, 1, FIELD(rulewire_op, data.len) },
		{ 6, OPERAND_PROCESS_ENV, FIELD(rulewire_op, operand) }, /* without a name */
	};

	(void)state;
	for (size_t i = 0; i < array_len(table); i++) {
		struct file f = make_file();

		if (code_with(f, op_of(f, table[i].op), table[i].field, table[i].value) !=
			ERR_MALFORMED)
			fail_msg("row %zu", i);
	}
}

static void test_strings(void **state)
{
	struct file f = make_file();
	struct rulewire_header *h = header_of(f);
	struct rulewire_op *regexp = op_of(f, 2);
	uint8_t *umlaut = memchr(f.bytes + h->strings_off, 0xc3, h->strings_len);
	uint8_t was = f.bytes[regexp->data.off];

	(void)state;
	f.bytes[regexp->data.off] = 0;
	assert_int_equal(try_load(f.bytes, f.len), ERR_MALFORMED);
	f.bytes[regexp->data.off] = 0xff;
	assert_int_equal(try_load(f.bytes, f.len), ERR_MALFORMED);
	f.bytes[regexp->data.off] = was;
	assert_int_equal(try_load(f.bytes, f.len), 0);
	/* A string that begins or ends inside a character. */
	regexp->data.len -= (uint32_t)(f.bytes + regexp->data.off + regexp->data.len - umlaut - 1);
	assert_int_equal(try_load(f.bytes, f.len), ERR_MALFORMED);
	regexp->data.len = 2;
	regexp->data.off = (uint32_t)(umlaut + 1 - f.bytes);
	assert_int_equal(try_load(f.bytes, f.len), ERR_MALFORMED);
	/* Shared bytes would make the work more than linear. */
	regexp->data = op_of(f, 0)->data;
	op_of(f, 4)->data = op_of(f, 0)->data;
	op_of(f, 5)->data = op_of(f, 0)->data;
	assert_int_equal(try_load(f.bytes, f.len), ERR_MALFORMED);
	free(f.bytes);
}

static void test_every_length(void **state)
{
	struct file f = make_file();

	(void)state;
	for (size_t len = 0; len < f.len; len++) {
		uint8_t *cut = malloc(len ? len : 1);

		memcpy(cut, f.bytes, len);
		assert_int_equal(try_load(cut, len), ERR_MALFORMED);
		if (len >= sizeof(struct rulewire_header)) {
			header_of((struct file) { cut, len })->total_len = len;
			assert_int_equal(try_load(cut, len), ERR_MALFORMED);
		}
		free(cut);
	}
	free(f.bytes);
}

/* Each byte of the tables in turn, every value it can have: refused, or harmless (the sanitizers watch). */
static void test_every_byte(void **state)
{
	struct file f = make_file();
	unsigned taken = 0;

	(void)state;
	for (size_t at = 0; at < f.len; at++) {
		uint8_t was = f.bytes[at];

		for (unsigned v = 0; v < 256; v++) {
			f.bytes[at] = (uint8_t)v;
			taken += try_load(f.bytes, f.len) == 0;
		}
		f.bytes[at] = was;
	}
	/* Generations, expiry times and letters are free; most else is not. */
	assert_in_range(taken, f.len, f.len * 256 / 2);
	free(f.bytes);
}

/* Several words at once, with values that like to overflow. */
static void test_random_words(void **state)
{
	struct random_state random = { 7 };

	(void)state;
	for (unsigned round = 0; round < 40000; round++) {
		struct file f = make_file();
		unsigned n = 1 + random_below(&random, 3);

		for (unsigned i = 0; i < n; i++) {
			const uint32_t values[] = { 0, 1, 2, 7, 8, (uint32_t)f.len - 1,
				(uint32_t)f.len, (uint32_t)f.len + 1, 0x7fffffff, 0x80000000u,
				0xfffffffc, UINT32_MAX, (uint32_t)random_next(&random) };
			uint32_t v = values[random_below(&random, array_len(values))];
			size_t at = 4u * random_below(&random, (unsigned)f.len / 4);

			memcpy(f.bytes + at, &v, sizeof(v));
		}
		(void)try_load(f.bytes, f.len);
		free(f.bytes);
	}
}

/* ---- the builder's own bounds */

static int finish_code(struct rulewire_builder *b)
{
	void *bytes = NULL;
	size_t len = 0;
	int r = rulewire_build_finish(b, 1, &bytes, &len);

	if (r == 0)
		r = try_load(bytes, len);
	free(bytes);
	rulewire_builder_free(b);
	return r;
}

static uint32_t add(struct rulewire_builder *b, const char *name)
{
	return rulewire_build_rule(b, kit_text(name), ACTION_ALLOW, false, false, 0);
}

/* One rule of `depth` lists, one in the other. */
static int code_of_depth(unsigned depth)
{
	struct rulewire_builder *b = rulewire_builder_new();
	uint32_t at = add(b, "r");

	for (unsigned i = 0; i < depth; i++)
		at = rulewire_build_list(b, at, 1);
	kit_op(b, at, OPERATOR_SIMPLE, "true", false, "");
	return finish_code(b);
}

/* One rule that is a list of `n` operators, itself counted. */
static int code_of_operators(unsigned n)
{
	struct rulewire_builder *b = rulewire_builder_new();
	uint32_t first = rulewire_build_list(b, add(b, "r"), n - 1);

	for (unsigned i = 0; i + 1 < n; i++)
		kit_op(b, first + i, OPERATOR_SIMPLE, "true", false, "");
	return finish_code(b);
}

static int code_of_lengths(size_t name_len, size_t data_len)
{
	struct rulewire_builder *b = rulewire_builder_new();
	char *s = malloc(LIMIT_RULE_DATA + 1);
	int r;

	memset(s, 'x', LIMIT_RULE_DATA + 1);
	rulewire_build_op(b,
		rulewire_build_rule(
			b, (struct text) { s, name_len }, ACTION_ALLOW, false, false, 0),
		OPERATOR_SIMPLE, OPERAND_DEST_HOST, false, (struct text) { s, data_len },
		(struct text) { 0 });
	r = finish_code(b);
	free(s);
	return r;
}

static void test_limits(void **state)
{
	struct rulewire_builder *b = rulewire_builder_new();
	char name[16];

	(void)state;
	assert_int_equal(finish_code(b), 0); /* no rule at all is a good set */
	assert_int_equal(code_of_depth(LIMIT_RULE_DEPTH), 0);
	assert_int_equal(code_of_depth(LIMIT_RULE_DEPTH + 1), ERR_MALFORMED);
	assert_int_equal(code_of_operators(LIMIT_RULE_OPERATORS), 0);
	assert_int_equal(code_of_operators(LIMIT_RULE_OPERATORS + 1), ERR_TOO_BIG);
	assert_int_equal(code_of_lengths(LIMIT_RULE_NAME, LIMIT_RULE_DATA), 0);
	assert_int_equal(code_of_lengths(LIMIT_RULE_NAME + 1, 1), ERR_TOO_BIG);
	assert_int_equal(code_of_lengths(1, LIMIT_RULE_DATA + 1), ERR_TOO_BIG);
	assert_int_equal(code_of_lengths(0, 1), ERR_MALFORMED);

	b = rulewire_builder_new();
	for (unsigned i = 0; i <= LIMIT_RULES; i++) {
		snprintf(name, sizeof(name), "%u", i);
		kit_op(b, add(b, name), OPERATOR_SIMPLE, "true", false, "");
	}
	assert_int_equal(finish_code(b), ERR_TOO_BIG);
}

static void test_builder_misused(void **state)
{
	struct rulewire_builder *b = rulewire_builder_new();

	(void)state;
	kit_op(b, add(b, "r"), OPERATOR_SIMPLE, "true", false, "");
	kit_op(b, add(b, "r"), OPERATOR_SIMPLE, "true", false, "");
	assert_int_equal(finish_code(b), ERR_EXISTS);

	b = rulewire_builder_new();
	add(b, "r"); /* never filled */
	assert_int_equal(finish_code(b), ERR_INVALID);

	b = rulewire_builder_new();
	kit_op(b, add(b, "r"), OPERATOR_SIMPLE, "true", false, "");
	kit_op(b, 0, OPERATOR_SIMPLE, "true", false, ""); /* filled twice */
	assert_int_equal(finish_code(b), ERR_INVALID);

	b = rulewire_builder_new();
	kit_op(b, 9, OPERATOR_SIMPLE, "true", false, ""); /* not there */
	assert_int_equal(finish_code(b), ERR_INVALID);
	rulewire_builder_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_one),
		cmocka_unit_test(test_header_fields),
		cmocka_unit_test(test_rule_fields),
		cmocka_unit_test(test_op_fields),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_random_words),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_builder_misused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
