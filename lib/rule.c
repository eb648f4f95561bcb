/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A compiled operator tree against a connection. */
#include "config.h"

#include "lib/rule.h"

#include <stdlib.h>
#include <string.h>

#include "lib/rule_op.h"

void rule_free(struct rule *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->n_ops; i++) {
		struct rule_op *op = &r->ops[i];

		if (op->test == TEST_PATTERN)
			pattern_free(op->pattern);
		else if (op->test == TEST_LISTS)
			listset_unref(op->lists);
		else if (op->test == TEST_NETS)
			free(op->nets.owned);
	}
	free(r);
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static bool text_equal(struct text a, struct text b, bool sensitive)
{
	if (a.len != b.len)
		return false;
	if (!a.s || !b.s)
		return a.len == 0;
	if (sensitive)
		return a.len == 0 || memcmp(a.s, b.s, a.len) == 0;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.s[i]) != lower(b.s[i]))
			return false;
	return true;
}

static bool compare_text(const struct rule_op *op, struct text value)
{
	if (op->test == TEST_PATTERN)
		return pattern_match(op->pattern, value.s, value.len);
	return text_equal(op->text, value, op->sensitive);
}

static bool match_text(const struct rule_op *op, const struct subject *s)
{
	char buf[IP_ADDR_TEXT_LEN];
	enum digest which;
	struct text value;

	if (op->operand != OPERAND_PROCESS_PARENT_PATH) {
		value = rule_text_value(op, s, buf);
		if (!value.s && rule_operand_digest(op->operand, &which))
			return false;
		return compare_text(op, value);
	}
	for (unsigned i = 0; i < s->n_parents && i < LIMIT_PARENTS; i++)
		if (compare_text(op, s->parents[i]))
			return true;
	return false;
}

static bool match_nets(const struct rule_op *op, const struct ip_addr *a)
{
	const struct ip_net *list = op->nets.list ? op->nets.list : &op->nets.own;

	for (size_t i = 0; i < op->nets.n; i++)
		if (ip_net_contains(&list[i], a))
			return true;
	return false;
}

static bool is_about_host(const struct rule_op *op)
{
	return op->operand == OPERAND_DEST_HOST || op->operand == OPERAND_LISTS_DOMAINS ||
	       op->operand == OPERAND_LISTS_DOMAINS_REGEXP;
}

bool rule_op_match(const struct rule *r, const struct rule_op *op, const struct subject *s)
{
	uint64_t number;

	if (s->any_host && is_about_host(op))
		return true;
	switch (op->test) {
	case TEST_TRUE:
		return true;
	case TEST_RANGE:
		return rule_number_value(op->operand, s, &number) && number >= op->span.min &&
		       number <= op->span.max;
	case TEST_ADDR:
		return ip_addr_equal(&op->addr, rule_addr_value(op->operand, s));
	case TEST_NETS:
		return match_nets(op, rule_addr_value(op->operand, s));
	case TEST_TEXT:
	case TEST_PATTERN:
		return match_text(op, s);
	case TEST_LISTS:
		return op->lists && listset_find(op->lists, s) != 0;
	case TEST_ALL:
		for (uint32_t i = 0; i < op->children.n; i++)
			if (!rule_op_match(r, &r->ops[op->children.first + i], s))
				return false;
		return true;
	}
	return false;
}

bool rule_match(const struct rule *r, const struct subject *subject)
{
	return rule_op_match(r, &r->ops[0], subject);
}

bool rule_asks_host(const struct rule *r)
{
	for (uint32_t i = 0; i < r->n_ops; i++)
		if (is_about_host(&r->ops[i]))
			return true;
	return false;
}

unsigned rule_needs(const struct rule *r)
{
	return r->needs;
}
