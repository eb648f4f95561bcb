/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One pass over the top level of a pattern, which keeps the literal characters that stand last. Whatever is not understood ends in
 * "nothing can be said", which only costs time.
 */
#include "config.h"

#include "lib/pattern_suffix.h"

#include <stdbool.h>
#include <string.h>

#include "lib/cleanup.h"

struct reader {
	const char *s;
	size_t len, pos;
	char *tail; /* literal characters up to here */
	size_t n, size;
	bool begins; /* "^" is the first thing, and nothing else was read */
	bool at_label; /* a label of the name begins where the tail does */
	bool is_all; /* so far: any name, or nothing, and a label's begin; and then the tail */
	bool failed;
};

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static void reset(struct reader *r, bool at_label)
{
	r->n = 0;
	r->at_label = at_label;
	r->is_all = false;
	r->begins = false;
}

static void literal(struct reader *r, char c)
{
	if (r->n == r->size || (unsigned char)c >= 0x80) {
		r->failed = true;
		return;
	}
	r->begins = false;
	r->tail[r->n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Behind a backslash: punctuation stands for itself; a few classes are known; the rest is not looked into. */
static void escape(struct reader *r)
{
	char c = r->pos < r->len ? r->s[r->pos] : 'Q';

	r->pos++;
	if (!is_word(c))
		literal(r, c);
	else if (strchr("dDwWsSbB", c))
		reset(r, false);
	else
		r->failed = true;
}

/* From behind "[" to behind the "]" that ends it. */
static void skip_class(struct reader *r)
{
	size_t i = r->pos;

	if (i < r->len && r->s[i] == '^')
		i++;
	if (i < r->len && r->s[i] == ']')
		i++;
	for (; i < r->len && r->s[i] != ']'; i++) {
		/* "[:alpha:]" and its like, and quoting, are not looked into. */
		if (r->s[i] == '[')
			r->failed = true;
		if (r->s[i] == '\\') {
			i++;
			r->failed |= i >= r->len || r->s[i] == 'Q' || r->s[i] == 'E';
		}
	}
	r->failed |= i >= r->len;
	r->pos = i + 1;
}

/* From behind "(" to behind the ")" that ends it. */
static void skip_group(struct reader *r)
{
	unsigned depth = 1;

	while (depth && !r->failed) {
		char c = r->pos < r->len ? r->s[r->pos] : '\0';

		r->failed |= r->pos >= r->len;
		r->pos++;
		if (c == '\\') {
			char next = r->pos < r->len ? r->s[r->pos] : 'Q';

			r->failed |= next == 'Q' || next == 'E';
			r->pos++;
		} else if (c == '[') {
			skip_class(r);
		} else if (c == '(') {
			depth++;
		} else if (c == ')') {
			depth--;
		} else if (c == '*' || c == '?') {
			/* "(*", "(?" but for "(?:": options, looking around, conditions. */
			if (r->s[r->pos - 2] == '(' &&
				!(c == '?' && r->pos < r->len && r->s[r->pos] == ':'))
				r->failed = true;
		}
	}
}

static bool is_one_of(const char *s, size_t len, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(list[i]) == len && memcmp(list[i], s, len) == 0)
			return true;
	return false;
}

/* A group, and whether it is one of those by which people say "here a label begins". */
static void group(struct reader *r)
{
	static const char *const anywhere[] = { "(^|\\.)", "(?:^|\\.)", "(\\.|^)", "(?:\\.|^)",
		"(^|.*\\.)", "(?:^|.*\\.)" };
	static const char *const anywhere_some[] = { "(^|.+\\.)", "(?:^|.+\\.)" };
	static const char *const first[] = { "(|.*\\.)", "(?:|.*\\.)", "(.*\\.|)", "(?:.*\\.|)",
		"(.*\\.)?", "(?:.*\\.)?" };
	static const char *const first_some[] = { "(.+\\.)?", "(?:.+\\.)?", "([^.]+\\.)*",
		"(?:[^.]+\\.)*", "([^.]+\\.)?", "(?:[^.]+\\.)?" };
	size_t from = r->pos - 1;
	bool begins = r->begins, known, all;

	skip_group(r);
	if (r->failed)
		return;
	all = is_one_of(r->s + from, r->pos - from, anywhere, array_len(anywhere));
	known = all ||
		is_one_of(r->s + from, r->pos - from, anywhere_some, array_len(anywhere_some));
	all &= from == 0;
	if (r->pos < r->len && (r->s[r->pos] == '?' || r->s[r->pos] == '*')) {
		known = all = false;
		r->pos++;
	}
	if (begins) {
		all = is_one_of(r->s + from, r->pos - from, first, array_len(first));
		known |= all ||
			 is_one_of(r->s + from, r->pos - from, first_some, array_len(first_some));
	}
	reset(r, known);
	r->is_all = all;
}

/* One thing of the top level. True: it was the "$" that ends the pattern. */
static bool step(struct reader *r)
{
	char c = r->s[r->pos++];

	switch (c) {
	case '\\':
		escape(r);
		break;
	case '[':
		skip_class(r);
		reset(r, false);
		break;
	case '(':
		group(r);
		break;
	case '^':
		reset(r, r->pos == 1);
		r->begins = r->pos == 1;
		break;
	case '$':
		if (r->pos == r->len)
			return true;
		reset(r, false);
		break;
	case '.':
	case '*':
	case '+':
	case '?':
		/* A quantifier takes the character before it along. */
		reset(r, false);
		break;
	case '|':
	case ')':
	case '{':
	case '}':
	case ']':
	case '\0':
		r->failed = true;
		break;
	default:
		literal(r, c);
		break;
	}
	return false;
}

size_t pattern_suffix(const char *s, size_t len, char *ret, size_t size, bool *ret_is_all)
{
	struct reader r = { .s = s, .len = len, .tail = ret, .size = size };
	bool ended = false;
	size_t skip = 0;

	*ret_is_all = false;
	while (!r.failed && !ended && r.pos < r.len)
		ended = step(&r);
	if (r.failed || !ended)
		return 0;
	/* The first label may be the end of a longer one. */
	if (!r.at_label) {
		while (skip < r.n && ret[skip] != '.')
			skip++;
		skip++;
	}
	if (skip >= r.n)
		return 0;
	memmove(ret, ret + skip, r.n - skip);
	*ret_is_all = r.is_all;
	return r.n - skip;
}
