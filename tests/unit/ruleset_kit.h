/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of rule sets share: texts, and sets of one or a few rules made in a line. */
#ifndef TESTS_UNIT_RULESET_KIT_H
#define TESTS_UNIT_RULESET_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/ruleset.h"
#include "lib/rulewire_build.h"

static inline struct text kit_text(const char *s)
{
	return (struct text) { s, s ? strlen(s) : 0 };
}

/* Fills a reserved operator by the names that people write ("process.env.HOME"). */
static inline void kit_op(struct rulewire_builder *b, uint32_t op, enum operator_type type,
	const char *operand, bool sensitive, const char *data)
{
	enum operand o = OPERAND_TRUE;
	const char *extra = NULL;

	assert_true(operand_parse(operand, &o, &extra));
	rulewire_build_op(b, op, type, o, sensitive, kit_text(data), kit_text(extra));
}

/* Finishes, loads and frees the builder; the code of ruleset_load(). */
static inline int kit_load(struct rulewire_builder *b, struct ruleset **ret, struct error *err)
{
	void *file = NULL;
	size_t len = 0;
	int r = rulewire_build_finish(b, 7, &file, &len);

	assert_int_equal(r, 0);
	rulewire_builder_free(b);
	r = ruleset_load(file, len, ret, err);
	free(file);
	return r;
}

/* A set of one rule "r" that allows, with one operator. */
static inline int kit_load_one(enum operator_type type, const char *operand, bool sensitive,
	const char *data, struct ruleset **ret, struct error *err)
{
	struct rulewire_builder *b = rulewire_builder_new();

	assert_non_null(b);
	kit_op(b, rulewire_build_rule(b, kit_text("r"), ACTION_ALLOW, false, false, 0), type,
		operand, sensitive, data);
	return kit_load(b, ret, err);
}

#endif
