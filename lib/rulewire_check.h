/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that bytes are a well-formed flat rule set before anything in them is believed. */
#ifndef LIB_RULEWIRE_CHECK_H
#define LIB_RULEWIRE_CHECK_H

#include <stddef.h>

#include "lib/err.h"

/*
 * Checks `len` bytes at `file` (8-aligned) against lib/rulewire.h, strictly: sizes, offsets, counts, enums, reserved bytes; the tables
 * follow one another without a gap; names ascend bytewise without a repeat; strings are UTF-8 without NUL, inside the string table, and
 * share no bytes in sum; every operator belongs to exactly one rule, as its root or as the child of one list that stands before it; no
 * rule passes LIMIT_RULE_OPERATORS or LIMIT_RULE_DEPTH. Work is linear in `len`.
 *
 * What operators mean (whether a pattern compiles, whether a type fits an operand) is for rule_compile() to say.
 *
 * 0; ERR_MALFORMED or ERR_TOO_BIG with `err` naming the table and index; ERR_NOMEM.
 */
int rulewire_check(const void *file, size_t len, struct error *err);

#endif
