/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The grammar of RFC 5424, section 6, as far as our messages use it: the referee of what export_format_syslog() writes. */
#ifndef TESTS_UNIT_SYSLOG_KIT_H
#define TESTS_UNIT_SYSLOG_KIT_H

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "lib/utf8.h"

/* The end of a word of at most `max` printable ASCII characters, none of them in `none_of`; NULL: there is none. */
static inline const char *syslog_word(
	const char *p, const char *end, size_t max, const char *none_of)
{
	const char *from = p;

	while (p<end && * p> ' ' && *p <= '~' && !strchr(none_of, *p))
		p++;
	return p > from && (size_t)(p - from) <= max ? p : NULL;
}

/* The end of a value with its quotes. */
static inline const char *syslog_value(const char *p, const char *end)
{
	if (p == end || *p++ != '"')
		return NULL;
	for (; p < end && *p != '"'; p++) {
		if (*p == ']' || iscntrl((unsigned char)*p))
			return NULL;
		if (*p != '\\')
			continue;
		if (++p == end || !strchr("\"\\]", *p))
			return NULL;
	}
	return p < end ? p + 1 : NULL;
}

/* The end of one element of structured data. */
static inline const char *syslog_element(const char *p, const char *end)
{
	if (p == end || *p++ != '[')
		return NULL;
	p = syslog_word(p, end, 32, "=]\"");
	while (p && p < end && *p == ' ') {
		p = syslog_word(p + 1, end, 32, "=]\"");
		if (!p || p == end || *p++ != '=')
			return NULL;
		p = syslog_value(p, end);
	}
	return p && p < end && *p == ']' ? p + 1 : NULL;
}

/* Whether all `len` bytes are one message with structured data, and one of ASCII text behind it. */
static inline bool syslog_is_message(const char *s, size_t len)
{
	static const struct {
		size_t max;
	} header[] = { { 32 }, { 255 }, { 48 }, { 128 },
		{ 32 } }; /* time, host, program, process, kind */
	const char *p = s, *end = s + len;

	if (!utf8_valid(s, len) || len < 7 || *p++ != '<' || !isdigit((unsigned char)*p))
		return false;
	while (p < end && isdigit((unsigned char)*p))
		p++;
	if (end - p < 3 || memcmp(p, ">1 ", 3) != 0)
		return false;
	p += 3;
	for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++) {
		p = syslog_word(p, end, header[i].max, "");
		if (!p || p == end || *p++ != ' ')
			return false;
	}
	do
		p = syslog_element(p, end);
	while (p && p < end && *p == '[');
	if (!p || (p < end && *p != ' '))
		return false;
	for (; p < end; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return true;
}

#endif
