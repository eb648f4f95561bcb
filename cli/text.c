/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making hostile strings harmless to print, and measuring them. */
#include "config.h"

#include "cli/text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "lib/cleanup.h"
#include "lib/utf8.h"

#define ELLIPSIS "\xe2\x80\xa6"

/* Characters that hide or reorder their neighbours: Unicode 15's category Cf, Zl and Zp. */
static const struct {
	uint32_t first, last;
} invisible[] = {
	{ 0x00ad, 0x00ad },
	{ 0x034f, 0x034f },
	{ 0x0600, 0x0605 },
	{ 0x061c, 0x061c },
	{ 0x06dd, 0x06dd },
	{ 0x070f, 0x070f },
	{ 0x0890, 0x0891 },
	{ 0x08e2, 0x08e2 },
	{ 0x115f, 0x1160 },
	{ 0x17b4, 0x17b5 },
	{ 0x180b, 0x180f },
	{ 0x200b, 0x200f },
	{ 0x2028, 0x202e },
	{ 0x2060, 0x206f },
	{ 0x3164, 0x3164 },
	{ 0xfe00, 0xfe0f },
	{ 0xfeff, 0xfeff },
	{ 0xffa0, 0xffa0 },
	{ 0xfff0, 0xfffb },
	{ 0x110bd, 0x110bd },
	{ 0x110cd, 0x110cd },
	{ 0x13430, 0x1343f },
	{ 0x1bca0, 0x1bca3 },
	{ 0x1d173, 0x1d17a },
	{ 0xe0000, 0xe0fff },
};

/* The character at `s`, which is well-formed and not at its end; its length in *ret_len. */
static uint32_t next_char(const char *s, size_t *ret_len)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t len = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	uint32_t code = len == 1 ? u[0] : u[0] & (0xffu >> (len + 1));

	for (size_t i = 1; i < len; i++)
		code = code << 6 | (u[i] & 0x3f);
	*ret_len = len;
	return code;
}

static bool is_invisible(uint32_t code)
{
	for (size_t i = 0; i < array_len(invisible); i++)
		if (code >= invisible[i].first && code <= invisible[i].last)
			return true;
	return false;
}

char *text_safe(const char *s)
{
	size_t len = strlen(s);
	_cleanup_free_ char *plain = malloc(4 * len + 1);
	char *out, *end;
	size_t n;

	/* a character of at least two bytes becomes at most ten: \u{10ffff} */
	out = malloc(20 * len + 1);
	if (!plain || !out) {
		free(out);
		return NULL;
	}
	utf8_sanitize(s, len, plain, 4 * len + 1);
	end = out;
	for (const char *p = plain; *p; p += n) {
		uint32_t code = next_char(p, &n);

		if (is_invisible(code)) {
			end += sprintf(end, "\\u{%x}", code);
		} else {
			memcpy(end, p, n);
			end += n;
		}
	}
	*end = '\0';
	return out;
}

void text_print(FILE *out, const char *s)
{
	_cleanup_free_ char *safe = text_safe(s);

	if (safe)
		fputs(safe, out);
}

static size_t char_width(uint32_t code)
{
	int width = wcwidth((wchar_t)code);

	return width < 0 ? 1 : (size_t)width;
}

size_t text_width(const char *s)
{
	size_t width = 0, n;

	for (; *s; s += n)
		width += char_width(next_char(s, &n));
	return width;
}

char *text_cut(const char *s, size_t columns)
{
	size_t width = 0, n, keep = 0;
	char *out;

	if (text_width(s) <= columns)
		return strdup(s);
	if (!columns)
		return strdup("");
	for (const char *p = s; *p; p += n) {
		width += char_width(next_char(p, &n));
		if (width > columns - 1)
			break;
		keep = (size_t)(p - s) + n;
	}
	out = malloc(keep + sizeof(ELLIPSIS));
	if (!out)
		return NULL;
	memcpy(out, s, keep);
	memcpy(out + keep, ELLIPSIS, sizeof(ELLIPSIS));
	return out;
}

void text_locale(void)
{
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
}
