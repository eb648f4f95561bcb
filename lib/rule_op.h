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
	TEST_NET,
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
	const struct ip_net *list; /* a shipped alias's, or `owned` */
	size_t n;
	struct ip_net *owned; /* by the rule, or NULL */
};

struct rule_pattern {
	struct pattern *regexp;
	/*
	 * Where it is not empty: a name of printable ASCII characters matches just when it is this one or lies below it, and the expression
	 * need not be asked.
	 */
	struct text domain;
};

struct rule_run {
	uint32_t first, n;
};

/* What matching needs, and no more: a decision among many rules costs what it has to fetch from memory. */
struct rule_op {
	uint8_t test; /* enum rule_test */
	uint8_t type; /* enum operator_type */
	uint8_t operand; /* enum operand */
	bool sensitive;
	uint32_t words; /* index in the rule's */
	union {
		struct rule_span span;
		struct ip_addr addr;
		struct ip_net net;
		struct rule_nets nets;
		struct text text;
		struct rule_run children;
		struct rule_pattern pattern;
		struct listset *lists; /* one reference; NULL: there are none, nothing matches */
	};
};

/* What an operator says in the document. */
struct rule_words {
	uint32_t source; /* index of the operator in the flat form */
	struct text data, extra;
};

/* One piece of memory: operators, the texts that they compare with, words. */
struct rule {
	unsigned needs; /* bits 1 << enum digest: the digests that it may ask for */
	uint32_t n_ops;
	struct rule_words *words;
	struct rule_op ops[];
};

/* ---- rule_value.c: what a connection has for an operand */

/* False when it is not known. */
bool rule_number_value(enum operand o, const struct subject *s, uint64_t *ret);

const struct ip_addr *rule_addr_value(enum operand o, const struct subject *s);

/*
 * As text, but for process.parent.path; written to `buf` where it is not text by itself. `extra` is NAME of process.env.NAME. NULL s:
 * not known.
 */
struct text rule_text_value(enum operand o, struct text extra, const struct subject *s,
	char buf[static IP_ADDR_TEXT_LEN]);

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
