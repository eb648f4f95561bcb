/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCRE2's syntax held against RE2's: pcre2pattern(3), and the grammar of package regexp/syntax. */
#include "config.h"

#include "api/pattern_notes.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/limits.h"

#define REPEAT_MAX 1000 /* of RE2 */

/* By the character behind a backslash. */
static const struct {
	const char *letters;
	const char *what;
} escapes[] = {
	{ "123456789gk", "refers back to a group, which RE2 cannot" },
	{ "KGZXRNhH", "uses an escape that RE2 does not have" },
	{ "v", "\\v is any vertical space here, and the one character U+000B in RE2" },
	{ "V", "uses an escape that RE2 does not have" },
};

/* By what stands behind "(?". */
static const struct {
	const char *begin;
	const char *what;
} groups[] = {
	{ "=", "looks ahead, which RE2 cannot" },
	{ "!", "looks ahead, which RE2 cannot" },
	{ "<=", "looks behind, which RE2 cannot" },
	{ "<!", "looks behind, which RE2 cannot" },
	{ ">", "has an atomic group, which RE2 does not know" },
	{ "|", "has a branch reset, which RE2 does not know" },
	{ "(", "has a condition, which RE2 does not know" },
	{ "R", "calls itself, which RE2 cannot" },
	{ "&", "calls a group, which RE2 cannot" },
	{ "P>", "calls a group, which RE2 cannot" },
	{ "P=", "refers back to a group, which RE2 cannot" },
	{ "C", "has a callout, which RE2 does not know" },
	{ "#", "has a comment, which RE2 does not know" },
	{ "'", "names a group in quotes, which RE2 does not know" },
};

static const char *of_escape(char c)
{
	for (size_t i = 0; c && i < array_len(escapes); i++)
		if (strchr(escapes[i].letters, c))
			return escapes[i].what;
	return NULL;
}

static const char *of_group(const char *behind)
{
	for (size_t i = 0; i < array_len(groups); i++)
		if (strncmp(behind, groups[i].begin, strlen(groups[i].begin)) == 0)
			return groups[i].what;
	if (isdigit((unsigned char)*behind) ||
		((*behind == '+' || *behind == '-') && isdigit((unsigned char)behind[1])))
		return "calls a group, which RE2 cannot";
	return NULL;
}

/* "{n}", "{n,}", "{n,m}" at `p`: its length, and the greater number; 0 where it is none. */
static size_t repeat_len(const char *p, unsigned long *ret_most)
{
	char *end;
	unsigned long n;

	if (*p != '{' || !isdigit((unsigned char)p[1]))
		return 0;
	*ret_most = strtoul(p + 1, &end, 10);
	if (*end == ',' && isdigit((unsigned char)end[1])) {
		n = strtoul(end + 1, &end, 10);
		*ret_most = n > *ret_most ? n : *ret_most;
	} else if (*end == ',') {
		end++;
	}
	return *end == '}' ? (size_t)(end + 1 - p) : 0;
}

/* Behind the class that begins at `p`. */
static const char *skip_class(const char *p)
{
	p += p[1] == '^' ? 2 : 1;
	if (*p == ']')
		p++;
	while (*p && *p != ']') {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '[' && p[1] == ':' && strstr(p, ":]"))
			p = strstr(p, ":]") + 1;
		p++;
	}
	return *p ? p + 1 : p;
}

/* Behind a quantifier at `p`, or `p`. Sets *ret where it is one that RE2 lacks. */
static const char *skip_quantifier(const char *p, const char **ret)
{
	unsigned long most = 0;
	size_t n = *p && strchr("*+?", *p) ? 1 : repeat_len(p, &most);

	if (n == 0)
		return p;
	if (most > REPEAT_MAX)
		*ret = "repeats more than 1000 times, which RE2 refuses";
	else if (p[n] == '+')
		*ret = "has a possessive quantifier, which RE2 does not know";
	return p + n + (p[n] && strchr("+?", p[n]) ? 1 : 0);
}

const char *pattern_difference(const char *pattern)
{
	const char *found = NULL;

	for (const char *p = pattern; *p && !found;) {
		if (strncmp(p, "\\Q", 2) == 0) {
			const char *end = strstr(p, "\\E");

			p = end ? end + 2 : p + strlen(p);
		} else if (*p == '\\' && p[1]) {
			found = of_escape(p[1]);
			p += 2;
		} else if (*p == '[') {
			p = skip_class(p);
		} else if (strncmp(p, "(?", 2) == 0) {
			found = of_group(p + 2);
			p += 2;
			p += *p ? 1 : 0;
			continue;
		} else if (strncmp(p, "(*", 2) == 0) {
			found = "has a verb, which RE2 does not know";
		} else {
			p++;
			if (p[-1] == '(' || p[-1] == '|')
				continue;
		}
		if (!found)
			p = skip_quantifier(p, &found);
	}
	return found;
}

struct notes {
	void (*fn)(void *ctx, const char *place, const char *what);
	void *ctx;
};

/* `place` names the operator. */
static void note(const struct notes *n, const char *place, unsigned depth, const json_t *op)
{
	const char *type = json_string_value(json_object_get(op, "type"));
	const char *data = json_string_value(json_object_get(op, "data"));
	const char *what =
		type && data && strcmp(type, "regexp") == 0 ? pattern_difference(data) : NULL;
	const json_t *list = json_object_get(op, "list");
	char sub[120];

	if (what) {
		snprintf(sub, sizeof(sub), "%.100s.data", place);
		n->fn(n->ctx, sub, what);
	}
	for (size_t i = 0; depth < LIMIT_RULE_DEPTH && i < json_array_size(list); i++) {
		snprintf(sub, sizeof(sub), "%.90s.list[%zu]", place, i);
		note(n, sub, depth + 1, json_array_get(list, i)); /* as deep as a rule may be */
	}
}

void pattern_notes(const json_t *operator_,
	void (*fn)(void *ctx, const char *place, const char *what), void *ctx)
{
	struct notes n = { fn, ctx };

	note(&n, "operator", 0, operator_);
}
