/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings from processes, packets and files are hostile until they went through here. */
#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether all `len` bytes are well-formed UTF-8 (RFC 3629: no overlong forms, surrogates, or past U+10FFFF). */
bool utf8_valid(const char *s, size_t len);

/* The length of the well-formed character at the start of `len` bytes, 1 to 4; 0 where there is none. */
size_t utf8_char_len(const char *s, size_t len);

/*
 * Copies `len` bytes to `out` (at most `size` with the NUL, never cutting a character): well-formed
 * UTF-8 as it is, but control characters (C0 but for none, DEL, C1) and bytes of no character as
 * "\xHH". Returns the length written.
 */
size_t utf8_sanitize(const char *s, size_t len, char *out, size_t size);

/* The same for what printf(3) makes of `fmt`, cut at `size`. */
size_t utf8_vprint(char *out, size_t size, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));

#endif
