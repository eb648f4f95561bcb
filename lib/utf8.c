/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UTF-8 by RFC 3629. */
#include "lib/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

/* The length of the well-formed character at `s` and its code point; 0 where there is none. */
static size_t utf8_char(const unsigned char *s, size_t len, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n;

	if (s[0] < 0x80) {
		*code = s[0];
		return 1;
	}
	n = s[0] >= 0xf0 && s[0] < 0xf8 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
	if (s[0] >= 0xf8 || n == 0 || n > len)
		return 0;
	*code = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return n;
}

size_t utf8_char_len(const char *s, size_t len)
{
	uint32_t code;

	return len ? utf8_char((const unsigned char *)s, len, &code) : 0;
}

bool utf8_valid(const char *s, size_t len)
{
	uint32_t code;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_char((const unsigned char *)s + i, len - i, &code);
		if (!n)
			return false;
	}
	return true;
}

size_t utf8_sanitize(const char *s, size_t len, char *out, size_t size)
{
	size_t used = 0;

	if (!size)
		return 0;
	for (size_t i = 0; i < len;) {
		uint32_t code = 0;
		size_t n = utf8_char((const unsigned char *)s + i, len - i, &code);

		if (n && code >= 0x20 && !(code >= 0x7f && code < 0xa0)) {
			if (used + n >= size)
				break;
			memcpy(out + used, s + i, n);
			used += n;
			i += n;
		} else {
			if (used + 4 >= size)
				break;
			snprintf(out + used, size - used, "\\x%02x", (unsigned char)s[i]);
			used += 4;
			i++;
		}
	}
	out[used] = '\0';
	return used;
}

size_t utf8_vprint(char *out, size_t size, const char *fmt, va_list args)
{
	_cleanup_free_ char *text = malloc(size);

	if (size == 0)
		return 0;
	out[0] = '\0';
	if (!text)
		return 0;
	vsnprintf(text, size, fmt, args);
	return utf8_sanitize(text, strlen(text), out, size);
}
