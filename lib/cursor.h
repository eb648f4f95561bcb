/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reader of untrusted bytes whose first failure sticks: parse straight through, check once.
 *
 * After a read past the end every further read yields zero and cursor_ok() says false.
 */
#ifndef LIB_CURSOR_H
#define LIB_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *base;
	size_t len;
	size_t pos;
	bool failed;
};

static inline void cursor_init(struct cursor *c, const void *base, size_t len)
{
	c->base = base;
	c->len = len;
	c->pos = 0;
	c->failed = false;
}

static inline bool cursor_ok(const struct cursor *c)
{
	return !c->failed;
}

static inline size_t cursor_left(const struct cursor *c)
{
	return c->failed ? 0 : c->len - c->pos;
}

static inline void cursor_fail(struct cursor *c)
{
	c->failed = true;
}

/* `n` bytes in place, or NULL. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *p;

	if (c->failed || n > c->len - c->pos) {
		c->failed = true;
		return NULL;
	}
	p = c->base + c->pos;
	c->pos += n;
	return p;
}

static inline void cursor_skip(struct cursor *c, size_t n)
{
	(void)cursor_take(c, n);
}

/* Moves to an absolute position, at most the end. */
static inline void cursor_seek(struct cursor *c, size_t pos)
{
	if (c->failed || pos > c->len)
		c->failed = true;
	else
		c->pos = pos;
}

static inline void cursor_copy(struct cursor *c, void *to, size_t n)
{
	const uint8_t *p = cursor_take(c, n);

	if (p)
		memcpy(to, p, n);
	else
		memset(to, 0, n);
}

static inline uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 1);

	return p ? p[0] : 0;
}

/* Network order. */
static inline uint16_t cursor_be16(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t cursor_be32(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

#endif
