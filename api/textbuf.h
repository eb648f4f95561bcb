/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing text, for JSON that is written straight: the first failure (no memory) sticks. */
#ifndef API_TEXTBUF_H
#define API_TEXTBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct textbuf {
	char *s; /* owned; NUL-terminated once something was added */
	size_t len, room;
	bool failed;
};

/* Start with zeroes: struct textbuf b = { 0 }. */
void textbuf_done(struct textbuf *b);

/* Empties it, keeps the memory. */
void textbuf_clear(struct textbuf *b);

/* Hands the text over (owned by the caller; NULL when anything failed), with its length, and empties `b`. */
char *textbuf_steal(struct textbuf *b, size_t *ret_len);

void textbuf_add(struct textbuf *b, const char *s, size_t len);
void textbuf_puts(struct textbuf *b, const char *s);
void textbuf_printf(struct textbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * A JSON string with its quotes. The bytes may be anything: characters that JSON escapes are escaped, bytes
 * that are no UTF-8 and control characters become the text "\xHH" (as utf8_sanitize()).
 */
void textbuf_json(struct textbuf *b, const char *s, size_t len);

/* The same, or null where `len` is 0. */
void textbuf_json_or_null(struct textbuf *b, const char *s, size_t len);

/* An RFC 3339 time in quotes, or null for 0. */
void textbuf_json_time(struct textbuf *b, uint64_t real_us);

/* The opaque form (a JSON string) of what a list's next page starts from, or null; see http_page_read(). */
void textbuf_json_cursor(struct textbuf *b, const char *next);

#endif
