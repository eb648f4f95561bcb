/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of members in JSON text. jansson does not keep positions, and messages about a config need
 * them; the text is known to be well-formed, so this only has to find its way, not to judge. It still
 * never reads past the end, whatever it is given.
 */
#include "api/jsonpos.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct scanner {
	const char *p, *end;
	unsigned line;
};

static void skip_space(struct scanner *s)
{
	for (; s->p < s->end && isspace((unsigned char)*s->p); s->p++)
		if (*s->p == '\n')
			s->line++;
}

static bool take(struct scanner *s, char c)
{
	skip_space(s);
	if (s->p >= s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

/* A string at the position; its bytes between the quotes. */
static bool take_string(struct scanner *s, const char **ret, size_t *ret_len)
{
	if (!take(s, '"'))
		return false;
	*ret = s->p;
	while (s->p < s->end && *s->p != '"')
		s->p += *s->p == '\\' && s->end - s->p > 1 ? 2 : 1;
	*ret_len = (size_t)(s->p - *ret);
	if (s->p >= s->end)
		return false;
	s->p++;
	return true;
}

/* Passes over one value of any kind, by counting brackets outside strings. */
static bool skip_value(struct scanner *s)
{
	unsigned depth = 0;

	for (;;) {
		const char *str;
		size_t len;

		skip_space(s);
		if (s->p >= s->end)
			return false;
		if (*s->p == '"') {
			if (!take_string(s, &str, &len))
				return false;
		} else if (*s->p == '{' || *s->p == '[') {
			depth++;
			s->p++;
		} else if (*s->p == '}' || *s->p == ']') {
			if (depth == 0)
				return false;
			depth--;
			s->p++;
		} else if (*s->p == ',' || *s->p == ':') {
			if (depth == 0)
				return false;
			s->p++;
		} else {
			while (s->p < s->end && !strchr(",:{}[]\"", *s->p) &&
				!isspace((unsigned char)*s->p))
				s->p++;
		}
		if (depth == 0)
			return true;
	}
}

/* Enters the object at the position and stops at the value of `key`; *line is then the key's. */
static bool enter_member(struct scanner *s, const char *key, size_t key_len, unsigned *line)
{
	const char *name;
	size_t len;

	if (!take(s, '{'))
		return false;
	for (;;) {
		unsigned at;

		skip_space(s);
		at = s->line;
		if (!take_string(s, &name, &len) || !take(s, ':'))
			return false;
		if (len == key_len && memcmp(name, key, len) == 0) {
			*line = at;
			return true;
		}
		if (!skip_value(s) || !take(s, ','))
			return false;
	}
}

static bool enter_element(struct scanner *s, unsigned long index, unsigned *line)
{
	if (!take(s, '['))
		return false;
	for (; index; index--)
		if (!skip_value(s) || !take(s, ','))
			return false;
	skip_space(s);
	*line = s->line;
	return true;
}

unsigned json_line_of(const char *text, size_t len, const char *path)
{
	struct scanner s = { text, text + len, 1 };
	unsigned line;

	skip_space(&s);
	line = s.line;
	while (*path) {
		if (*path == '[') {
			char *end;
			unsigned long index = strtoul(path + 1, &end, 10);

			if (*end != ']' || !enter_element(&s, index, &line))
				break;
			path = end + 1;
		} else {
			size_t n = strcspn(path, ".[");

			if (!enter_member(&s, path, n, &line))
				break;
			path += n;
		}
		if (*path == '.')
			path++;
	}
	return line;
}
