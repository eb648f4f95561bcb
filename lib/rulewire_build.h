/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes the flat form of a rule set (lib/rulewire.h) from rules told one after the other.
 *
 * The first failure sticks: tell everything, check what the finish returns. An operator tree is told from its root; the children
 * of a list are first reserved as one run, then each is told by its index, which is the order the format wants:
 *
 *     root = rulewire_build_rule(b, name, ACTION_ALLOW, false, false, 0);
 *     first = rulewire_build_list(b, root, 2);
 *     rulewire_build_op(b, first, OPERATOR_SIMPLE, OPERAND_DEST_PORT, false, text("443"), none);
 *     rulewire_build_op(b, first + 1, OPERATOR_REGEXP, OPERAND_DEST_HOST, false, text("..."), none);
 *
 * It lays out and bounds, it does not judge: whether the set means anything is ruleset_load()'s to say.
 */
#ifndef LIB_RULEWIRE_BUILD_H
#define LIB_RULEWIRE_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/operand.h"
#include "lib/subject.h"
#include "lib/verdict.h"

struct rulewire_builder;

/* Returns owned, or NULL when out of memory. */
struct rulewire_builder *rulewire_builder_new(void);
void rulewire_builder_free(struct rulewire_builder *b); /* NULL is fine */

/*
 * Adds a rule (the name is copied) and reserves its root operator; returns that operator's index. Rules may come in any order:
 * the finish sorts them by name, bytewise. `expires_boot_ns` is CLOCK_BOOTTIME, 0 = never.
 */
uint32_t rulewire_build_rule(struct rulewire_builder *b, struct text name, enum action action,
	bool precedence, bool nolog, uint64_t expires_boot_ns);

/* Fills a reserved operator (not a list). Strings are copied; `extra` is NAME of process.env.NAME, otherwise empty. */
void rulewire_build_op(struct rulewire_builder *b, uint32_t op, enum operator_type type,
	enum operand operand, bool sensitive, struct text data, struct text extra);

/* Makes a reserved operator a list and reserves its `n` children; returns the index of the first. */
uint32_t rulewire_build_list(struct rulewire_builder *b, uint32_t op, uint32_t n);

/*
 * The flat form in a malloc'ed buffer: 0 and *ret (owned by the caller) with *ret_len, or ERR_NOMEM, ERR_TOO_BIG (a limit of
 * lib/limits.h: rules, operators of one rule, bytes), ERR_EXISTS (two rules of one name), ERR_INVALID (an operator was reserved and
 * never filled, or filled twice). The builder stays as it is.
 */
int rulewire_build_finish(
	struct rulewire_builder *b, uint64_t generation, void **ret, size_t *ret_len);

/*
 * The same in a sealed memfd (write, shrink, grow and the seals themselves), close-on-exec, as IPC_RULESET carries it. Returns
 * the descriptor (owned by the caller) or a negative code, also ERR_FULL and ERR_IO. memfd_create(2), fcntl(2).
 */
int rulewire_build_fd(struct rulewire_builder *b, uint64_t generation);

#endif
