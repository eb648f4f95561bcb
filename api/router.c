/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths to routes. */
#include "config.h"

#include "api/router.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/utf8.h"

static const char *const method_names[HTTP_METHOD_COUNT_] = { "GET", "POST", "PUT", "PATCH",
	"DELETE" };

bool http_method_parse(const char *name, enum http_method *ret)
{
	if (strcmp(name, "HEAD") == 0)
		name = "GET";
	for (int i = 0; i < HTTP_METHOD_COUNT_; i++)
		if (strcmp(method_names[i], name) == 0) {
			*ret = (enum http_method)i;
			return true;
		}
	return false;
}

const char *http_methods_str(unsigned allowed, char buf[static 64])
{
	size_t used = 0;

	buf[0] = '\0';
	for (int i = 0; i < HTTP_METHOD_COUNT_; i++)
		if (allowed & 1u << i)
			used += (size_t)snprintf(buf + used, 64 - used, "%s%s%s", used ? ", " : "",
				method_names[i], i == HTTP_GET ? ", HEAD" : "");
	return buf;
}

static int hex_value(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_percent_decode(char *s)
{
	const char *start = s;
	char *out = s;

	for (; *s; s++) {
		int high, low;

		if (*s != '%') {
			*out++ = *s;
			continue;
		}
		high = hex_value(s[1]);
		low = high < 0 ? -1 : hex_value(s[2]);
		if (low < 0 || (high == 0 && low == 0))
			return false;
		*out++ = (char)(high << 4 | low);
		s += 2;
	}
	*out = '\0';
	for (const char *p = start; p < out; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return utf8_valid(start, (size_t)(out - start));
}

struct piece {
	size_t start, len; /* in the path */
};

/*
 * Holds a path against a pattern, segment by segment; the pieces under {} are noted. They are decoded only
 * for the route that is taken: decoding changes the path.
 */
static bool fits(const char *pattern, const char *path, struct piece pieces[HTTP_PARAMS_MAX])
{
	const char *at = path;
	unsigned n = 0;

	memset(pieces, 0, HTTP_PARAMS_MAX * sizeof(*pieces));
	while (*pattern) {
		size_t want = strcspn(pattern + 1, "/"), have;

		if (*at != '/')
			return false;
		have = strcspn(at + 1, "/");
		if (strcmp(pattern, "/{*}") == 0) {
			pieces[n] = (struct piece) { (size_t)(at + 1 - path), strlen(at + 1) };
			return true;
		}
		if (pattern[1] == '{') {
			if (have == 0 || n == HTTP_PARAMS_MAX)
				return false;
			pieces[n++] = (struct piece) { (size_t)(at + 1 - path), have };
		} else if (want != have || memcmp(pattern + 1, at + 1, want) != 0) {
			return false;
		}
		pattern += 1 + want;
		at += 1 + have;
	}
	return *at == '\0';
}

int router_find(const struct route *table, size_t n, enum http_method method, char *path,
	struct route_match *ret)
{
	struct piece pieces[HTTP_PARAMS_MAX] = { 0 };

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < n; i++) {
		if (!fits(table[i].path, path, pieces))
			continue;
		if (table[i].method == method) {
			ret->route = &table[i];
			break;
		}
		ret->allowed |= 1u << table[i].method;
	}
	if (!ret->route)
		return ERR_NOT_FOUND;
	for (unsigned i = 0; i < HTTP_PARAMS_MAX && pieces[i].start; i++) {
		path[pieces[i].start + pieces[i].len] = '\0';
		ret->param[i] = path + pieces[i].start;
		if (!http_percent_decode(path + pieces[i].start))
			return ERR_MALFORMED;
	}
	return 0;
}
