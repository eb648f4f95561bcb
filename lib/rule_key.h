/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The things that rules are filed under, as 64-bit keys: of rules, and of connections. For rule_index.c. */
#ifndef LIB_RULE_KEY_H
#define LIB_RULE_KEY_H

#include <stdint.h>

#include "lib/rule_op.h"

#define RULE_KEY_TEXT_MAX 256 /* bytes; a longer text is no key */
#define RULE_KEYS_MAX 512 /* of one connection */

/* What kinds of keys a set of rules uses: a connection's other ones need not be made. */
struct rule_key_kinds {
	uint64_t operands; /* bits 1 << enum operand: equal to */
	bool suffixes; /* a domain of dest.host */
	/* Lengths of prefixes in use: [0] of dest, [1] of source; [0] IPv4, [1] IPv6; bits by length */
	uint64_t prefixes[2][2][3];
};

/* The keys of an operator tree of which any will do, at most LIMIT_RULE_OPERATORS; *ret_ops are the operators they come from. */
unsigned rule_keys_of_rule(const struct rule *r, uint64_t ret[static LIMIT_RULE_OPERATORS],
	const struct rule_op *ret_ops[static LIMIT_RULE_OPERATORS]);

/* Adds the kind of the key that an operator gives. */
void rule_key_kinds_add(struct rule_key_kinds *k, const struct rule_op *op);

/*
 * The connection's keys of these kinds; their number, or -1: they cannot be told (a host name that is not ASCII and could match in ways
 * that keys do not know).
 */
int rule_keys_of_subject(const struct rule_key_kinds *k, const struct subject *s,
	uint64_t ret[static RULE_KEYS_MAX]);

#endif
