/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every offset, index, enum and reserved byte of a flat rule set, once. */
#include "config.h"

#include "lib/rulewire_check.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/limits.h"
#include "lib/operand.h"
#include "lib/rulewire.h"
#include "lib/utf8.h"
#include "lib/verdict.h"

#define MAX_OPS ((uint32_t)LIMIT_RULES * LIMIT_RULE_OPERATORS)

/* What is known of an operator from those before it. */
struct place {
	uint32_t rule; /* index + 1; 0 = nobody's */
	uint8_t depth; /* lists around it */
};

struct check {
	const struct rulewire_header *header;
	const struct rulewire_rule *rules;
	const struct rulewire_op *ops;
	const char *file;
	uint64_t strings_used;
	struct place *places; /* one an operator */
	uint8_t *ops_of_rule; /* their number */
	struct error *err;
};

static int refuse(struct check *c, const char *table, uint32_t index, const char *what)
{
	char place[64];

	snprintf(place, sizeof(place), "%s[%u]", table, index);
	return error_set(c->err, ERR_MALFORMED, place, "%s", what);
}

static int check_header(const void *file, size_t len, struct error *err)
{
	const struct rulewire_header *h = file;

	if (len > LIMIT_RULESET_BYTES)
		return error_set(err, ERR_TOO_BIG, "header", "the rule set is bigger than %u bytes",
			LIMIT_RULESET_BYTES);
	if (len < sizeof(*h) || h->magic != RULEWIRE_MAGIC || h->version != RULEWIRE_VERSION ||
		h->total_len != len)
		return error_set(err, ERR_MALFORMED, "header", "not a rule set of this version");
	if (h->n_rules > LIMIT_RULES)
		return error_set(err, ERR_TOO_BIG, "header", "more than %d rules", LIMIT_RULES);
	if (h->n_ops > MAX_OPS)
		return error_set(err, ERR_TOO_BIG, "header", "more than %u operators", MAX_OPS);
	if (h->rules_off != sizeof(*h) ||
		h->ops_off != h->rules_off + h->n_rules * sizeof(struct rulewire_rule) ||
		h->strings_off != h->ops_off + h->n_ops * sizeof(struct rulewire_op) ||
		(uint64_t)h->strings_off + h->strings_len != len)
		return error_set(
			err, ERR_MALFORMED, "header", "the tables do not fill the rule set");
	return 0;
}

/* The string table as a whole, so that one string costs only a look at its two ends. */
static int check_strings(const struct check *c)
{
	const char *s = c->file + c->header->strings_off;
	size_t len = c->header->strings_len;

	if (memchr(s, 0, len) || !utf8_valid(s, len))
		return error_set(
			c->err, ERR_MALFORMED, "strings", "not UTF-8, or with a zero byte");
	return 0;
}

static bool is_continuation(const struct check *c, uint64_t at)
{
	return at < c->header->total_len && ((uint8_t)c->file[at] & 0xc0) == 0x80;
}

/* In bounds, cutting no character, and not longer in sum than the table (which bounds the work of all that follows). */
static bool is_string_good(struct check *c, struct rulewire_str s, size_t max)
{
	uint64_t end = (uint64_t)s.off + s.len;

	if (s.len == 0)
		return s.off == 0;
	if (s.len > max || s.off < c->header->strings_off || end > c->header->total_len)
		return false;
	if (is_continuation(c, s.off) || is_continuation(c, end))
		return false;
	c->strings_used += s.len;
	return c->strings_used <= c->header->strings_len;
}

/* Gives operators [first, first + n) to a rule. */
static bool claim(struct check *c, uint32_t first, uint32_t n, uint32_t rule, uint8_t depth)
{
	if (n > c->header->n_ops || first > c->header->n_ops - n)
		return false;
	if (depth > LIMIT_RULE_DEPTH || n + c->ops_of_rule[rule] > LIMIT_RULE_OPERATORS)
		return false;
	for (uint32_t i = first; i < first + n; i++) {
		if (c->places[i].rule)
			return false;
		c->places[i] = (struct place) { .rule = rule + 1, .depth = depth };
	}
	c->ops_of_rule[rule] += (uint8_t)n;
	return true;
}

static bool is_name_after(
	const struct check *c, const struct rulewire_rule *a, const struct rulewire_rule *b)
{
	size_t least = a->name.len < b->name.len ? a->name.len : b->name.len;
	int order = memcmp(c->file + a->name.off, c->file + b->name.off, least);

	return order < 0 || (order == 0 && a->name.len < b->name.len);
}

static int check_rule(struct check *c, uint32_t i)
{
	const struct rulewire_rule *r = &c->rules[i];

	if (r->name.len == 0 || !is_string_good(c, r->name, LIMIT_RULE_NAME))
		return refuse(c, "rules", i, "the name is missing, too long or out of bounds");
	if (r->action >= ACTION_COUNT_ || r->precedence > 1 || r->nolog > 1 || r->pad)
		return refuse(c, "rules", i, "a field has a value that does not exist");
	if (i > 0 && !is_name_after(c, &c->rules[i - 1], r))
		return refuse(c, "rules", i, "the rules do not stand in the order of their names");
	if (!claim(c, r->root_op, 1, i, 0))
		return refuse(c, "rules", i, "the root operator is out of bounds or another's");
	return 0;
}

/* Operators stand behind their parents, so whoever owns this one has been seen before. */
static int check_op(struct check *c, uint32_t i)
{
	const struct rulewire_op *op = &c->ops[i];
	const struct place *p = &c->places[i];

	if (!p->rule)
		return refuse(c, "ops", i, "the operator belongs to no rule");
	if (op->type >= OPERATOR_COUNT_ || op->operand >= OPERAND_COUNT_ || op->sensitive > 1 ||
		op->pad)
		return refuse(c, "ops", i, "a field has a value that does not exist");
	if ((op->type == OPERATOR_LIST) != (op->operand == OPERAND_LIST))
		return refuse(c, "ops", i, "type list and operand list go together");
	if (!is_string_good(c, op->data, LIMIT_RULE_DATA) ||
		!is_string_good(c, op->extra, LIMIT_RULE_DATA))
		return refuse(c, "ops", i, "a string is too long or out of bounds");
	if (op->operand == OPERAND_PROCESS_ENV ? op->extra.len == 0
					       : op->extra.len && op->type != OPERATOR_NETWORK)
		return refuse(c, "ops", i, "process.env. and a variable's name go together");
	if (op->type != OPERATOR_LIST) {
		if (op->first_child || op->n_children)
			return refuse(c, "ops", i, "only a list has operators");
		return 0;
	}
	if (op->data.len || (op->n_children ? op->first_child <= i : op->first_child != 0))
		return refuse(
			c, "ops", i, "a list has data, or does not stand before its operators");
	if (!claim(c, op->first_child, op->n_children, p->rule - 1, p->depth + 1))
		return refuse(c, "ops", i,
			"the operators of a list are out of bounds, another's, too many or too "
			"deep");
	return 0;
}

static int check_tables(struct check *c)
{
	const struct rulewire_header *h = c->header;
	int r;

	if (!c->places || !c->ops_of_rule)
		return error_set(c->err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	c->rules = (const void *)(c->file + h->rules_off);
	c->ops = (const void *)(c->file + h->ops_off);
	r = check_strings(c);
	for (uint32_t i = 0; r == 0 && i < h->n_rules; i++)
		r = check_rule(c, i);
	for (uint32_t i = 0; r == 0 && i < h->n_ops; i++)
		r = check_op(c, i);
	return r;
}

int rulewire_check(const void *file, size_t len, struct error *err)
{
	struct check c = { .header = file, .file = file, .err = err };
	int r = check_header(file, len, err);

	if (r < 0)
		return r;
	/* One more than needed: an empty set is a good one. */
	c.places = calloc(c.header->n_ops + 1, sizeof(*c.places));
	c.ops_of_rule = calloc(c.header->n_rules + 1, 1);
	r = check_tables(&c);
	free(c.places);
	free(c.ops_of_rule);
	return r;
}
