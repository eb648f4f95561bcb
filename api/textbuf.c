/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing text. */
#include "config.h"

#include "api/textbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/utf8.h"

void textbuf_done(struct textbuf *b)
{
	free(b->s);
	memset(b, 0, sizeof(*b));
}

void textbuf_clear(struct textbuf *b)
{
	b->len = 0;
	b->failed = false;
}

/* Room for `n` more bytes and a NUL. */
static bool reserve(struct textbuf *b, size_t n)
{
	size_t room = b->room ? b->room : 512;
	char *bigger;

	if (b->failed)
		return false;
	if (b->len + n < b->room)
		return true;
	while (room <= b->len + n)
		room *= 2;
	bigger = realloc(b->s, room);
	if (!bigger) {
		b->failed = true;
		return false;
	}
	b->s = bigger;
	b->room = room;
	return true;
}

char *textbuf_steal(struct textbuf *b, size_t *ret_len)
{
	char *s = NULL;

	*ret_len = 0;
	if (reserve(b, 0) && !b->failed) {
		b->s[b->len] = '\0';
		*ret_len = b->len;
		s = b->s;
		b->s = NULL;
	}
	textbuf_done(b);
	return s;
}

void textbuf_add(struct textbuf *b, const char *s, size_t len)
{
	if (!reserve(b, len))
		return;
	memcpy(b->s + b->len, s, len);
	b->len += len;
	b->s[b->len] = '\0';
}

void textbuf_puts(struct textbuf *b, const char *s)
{
	textbuf_add(b, s, strlen(s));
}

void textbuf_printf(struct textbuf *b, const char *fmt, ...)
{
	va_list args;
	int n;

	if (!reserve(b, 64))
		return;
	va_start(args, fmt);
	n = vsnprintf(b->s + b->len, b->room - b->len, fmt, args);
	va_end(args);
	if (n < 0) {
		b->failed = true;
		return;
	}
	if ((size_t)n >= b->room - b->len) {
		if (!reserve(b, (size_t)n))
			return;
		va_start(args, fmt);
		vsnprintf(b->s + b->len, b->room - b->len, fmt, args);
		va_end(args);
	}
	b->len += (size_t)n;
}

/* Whether a byte stands for itself in a JSON string, whatever is around it. */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void textbuf_json(struct textbuf *b, const char *s, size_t len)
{
	size_t plain = 0;

	textbuf_add(b, "\"", 1);
	while (plain < len && is_plain((unsigned char)s[plain]))
		plain++;
	textbuf_add(b, s, plain);
	if (plain < len) {
		size_t rest = (len - plain) * 4 + 8;
		char *clean = malloc(rest), *end, *p;

		if (!clean) {
			b->failed = true;
			return;
		}
		end = clean + utf8_sanitize(s + plain, len - plain, clean, rest);
		for (p = clean; p < end; p++) {
			if (*p == '"' || *p == '\\')
				textbuf_add(b, "\\", 1);
			textbuf_add(b, p, 1);
		}
		free(clean);
	}
	textbuf_add(b, "\"", 1);
}

void textbuf_json_or_null(struct textbuf *b, const char *s, size_t len)
{
	if (len)
		textbuf_json(b, s, len);
	else
		textbuf_add(b, "null", 4);
}

void textbuf_json_time(struct textbuf *b, uint64_t real_us)
{
	char buf[CLOCK_TEXT_LEN];

	if (!real_us)
		textbuf_add(b, "null", 4);
	else
		textbuf_printf(b, "\"%s\"", clock_format(real_us, buf));
}

void textbuf_json_cursor(struct textbuf *b, const char *next)
{
	if (!next) {
		textbuf_puts(b, "null");
		return;
	}
	textbuf_puts(b, "\"");
	for (; *next; next++)
		textbuf_printf(b, "%02x", (unsigned char)*next);
	textbuf_puts(b, "\"");
}
