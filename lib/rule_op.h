/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The compiled form of a rule's operators: between rule_compile.c, which makes it, and rule.c, which matches with it. */
#ifndef LIB_RULE_OP_H
#define LIB_RULE_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/listset.h"
#include "lib/operand.h"
#include "lib/pattern.h"
#include "lib/subject.h"

/* In the order of their cost, but for digests: a list asks its cheapest operators first, since all must match. */
enum rule_test {
	TEST_TRUE,
	TEST_RANGE,
	TEST_ADDR,
	TEST_NETS,
	TEST_TEXT,
	TEST_LISTS,
	TEST_ALL,
	TEST_PATTERN,
};

struct rule_span {
	uint64_t min, max;
};

struct rule_nets {
	const struct ip_net *list; /* a shipped alias's, `owned`, or NULL: `own` */
	size_t n;
	struct ip_net *owned; /* by the rule, or NULL */
	struct ip_net own;
};

struct rule_run {
	uint32_t first, n;
};

struct rule_op {
	enum rule_test test;
	enum operator_type type;
	enum operand operand;
	bool sensitive;
	uint32_t source; /* index of the operator in the flat form */
	struct text data, extra;
	union {
		struct rule_span span;
		struct ip_addr addr;
		struct rule_nets nets;
		struct text text;
		struct rule_run children;
		struct pattern *pattern;
		struct listset *lists; /* one reference; NULL: there are none, nothing matches */
	};
};

struct rule {
	unsigned needs; /* bits 1 << enum digest: the digests that it may ask for */
	uint32_t n_ops;
	struct rule_op ops[];
};

/* ---- rule_value.c: what a connection has for an operand */

/* False when it is not known. */
bool rule_number_value(enum operand o, const struct subject *s, uint64_t *ret);

const struct ip_addr *rule_addr_value(enum operand o, const struct subject *s);

/* As text, but for process.parent.path; written to `buf` where it is not text by itself. NULL s: not known. */
struct text rule_text_value(
	const struct rule_op *op, const struct subject *s, char buf[static IP_ADDR_TEXT_LEN]);

/* The digest that an operand is about; false where it is about none. */
bool rule_operand_digest(enum operand o, enum digest *ret);

/* Whether one operator matches, lists of operators included. */
bool rule_op_match(const struct rule *r, const struct rule_op *op, const struct subject *s);

/* ---- rule_nets.c: networks by name */

/* The networks of a shipped alias, or NULL. */
const struct ip_net *rule_alias_find(const char *name, size_t *ret_n);

/*
 * Networks in a row with a space between, as the console writes an alias of network_aliases.json: *ret is malloc'ed. 0,
 * ERR_MALFORMED or ERR_NOMEM.
 */
int rule_nets_parse(struct text list, struct ip_net **ret, size_t *ret_n);

#endif
