/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The operator tree of a rule document, judged and laid out flat. */
#ifndef API_RULE_OPERATOR_H
#define API_RULE_OPERATOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/verdict.h"

struct network_aliases;
struct rulewire_builder;

/*
 * The rule set of one rule (lib/rulewire.h) from the document's "operator" (borrowed), judged by the code that the
 * engine decides with. 0 and *ret (owned) with *ret_len; ERR_INVALID, ERR_TOO_BIG, ERR_UNSUPPORTED (the rule may be right, but this
 * version cannot evaluate it) or ERR_NOMEM, with a place as "operator.list[1].data". `aliases` may be NULL.
 */
int rule_operator_flatten(const json_t *operator, const struct network_aliases * aliases,
	const char *name, enum action action, bool precedence, bool nolog, void **ret,
	size_t *ret_len, struct error *err);

/* Adds such a set's one rule to a set that is being built. */
void rule_operator_build(const void *wire, struct rulewire_builder *b, uint64_t expires_boot_ns);

#endif
