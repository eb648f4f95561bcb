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
			pattern_free(op->pattern.regexp);
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

/* Printable ASCII: of other names an expression says more than can be read off it. */
static bool is_plain(struct text name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.s[i] < 0x20 || name.s[i] > 0x7e)
			return false;
	return true;
}

/* `domain` is in lower case. */
static bool lies_in(struct text domain, struct text name)
{
	size_t before = name.len - domain.len;

	if (!name.s || name.len < domain.len || (before && name.s[before - 1] != '.'))
		return false;
	return text_equal(domain, (struct text) { name.s + before, domain.len }, false);
}

static bool match_pattern(const struct rule_pattern *p, struct text value)
{
	if (p->domain.len && is_plain(value))
		return lies_in(p->domain, value);
	return pattern_match(p->regexp, value.s, value.len);
}

static bool compare_text(const struct rule_op *op, struct text value)
{
	if (op->test == TEST_PATTERN)
		return match_pattern(&op->pattern, value);
	return text_equal(op->text, value, op->sensitive);
}

static bool match_text(const struct rule *r, const struct rule_op *op, const struct subject *s)
{
	enum operand operand = (enum operand)op->operand;
	struct text name = { NULL, 0 };
	char buf[IP_ADDR_TEXT_LEN];
	enum digest which;
	struct text value;

	if (operand == OPERAND_PROCESS_ENV)
		name = r->words[op->words].extra;
	if (operand != OPERAND_PROCESS_PARENT_PATH) {
		value = rule_text_value(operand, name, s, buf);
		if (!value.s && rule_operand_digest(operand, &which))
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
	for (size_t i = 0; i < op->nets.n; i++)
		if (ip_net_contains(&op->nets.list[i], a))
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
	enum operand operand = (enum operand)op->operand;
	uint64_t number;

	if (s->any_host && is_about_host(op))
		return true;
	switch ((enum rule_test)op->test) {
	case TEST_TRUE:
		return true;
	case TEST_RANGE:
		return rule_number_value(operand, s, &number) && number >= op->span.min &&
		       number <= op->span.max;
	case TEST_ADDR:
		return ip_addr_equal(&op->addr, rule_addr_value(operand, s));
	case TEST_NET:
		return ip_net_contains(&op->net, rule_addr_value(operand, s));
	case TEST_NETS:
		return match_nets(op, rule_addr_value(operand, s));
	case TEST_TEXT:
	case TEST_PATTERN:
		return match_text(r, op, s);
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
