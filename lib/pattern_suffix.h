/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a regular expression says about the end of every name that it matches, read off its text. */
#ifndef LIB_PATTERN_SUFFIX_H
#define LIB_PATTERN_SUFFIX_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The lower-case name that every host name which the pattern matches is, or lies below: "example.com" of "(^|\.)example\.com$".
 * Written to `ret`, without a NUL; returns its length, or 0: nothing can be said (also where it would not fit). Holds for ASCII names
 * in any case, whether the pattern is case sensitive or not. The pattern is one that pattern_new() takes. *ret_is_all: a pattern that is
 * not case sensitive says no more than that; it matches every such name of printable ASCII characters.
 */
size_t pattern_suffix(const char *s, size_t len, char *ret, size_t size, bool *ret_is_all);

#endif
