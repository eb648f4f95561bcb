/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text for a terminal. Every string that came from the API was once chosen by a program, a DNS server
 * or whoever wrote a rule file, so it goes through here before it is printed.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A copy of `s` that cannot move the cursor, change colours, or reorder what is around it: control
 * characters and bytes of no character as \xHH, bidi controls and characters without a width
 * (Unicode's Cf, line and paragraph separators, tags) as \u{HEX}. Returns owned; NULL when out of memory.
 */
char *text_safe(const char *s);

/* Prints text_safe(s); nothing when out of memory. */
void text_print(FILE *out, const char *s);

/* How many columns text_safe()d text takes (wcwidth(3), so LC_CTYPE must be a UTF-8 one). */
size_t text_width(const char *s);

/*
 * The longest beginning of text_safe()d `s` that fits `columns`, its last column an ellipsis when
 * something was cut. Never cuts a character. Returns owned; NULL when out of memory.
 */
char *text_cut(const char *s, size_t columns);

/*
 * Chooses a LC_CTYPE that knows UTF-8: the user's own, else C.UTF-8. Call once, in main.
 */
void text_locale(void);

#endif
