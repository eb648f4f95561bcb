/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line a message, written with a single write(2) so that two processes never mix theirs. */
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/err.h"

#define LOG_LINE_MAX 2048

/* The log level: the one mutable global of the project. */
static struct {
	const char *who;
	enum log_level level;
	enum log_format format;
} log_state = { "opensnitch", LOG_LEVEL_INFO, LOG_FORMAT_TEXT };

static const struct {
	const char *name;
	int syslog_priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", 3 },
	[LOG_LEVEL_WARNING] = { "warning", 4 },
	[LOG_LEVEL_NOTICE] = { "notice", 5 },
	[LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
};

void log_init(const char *who, enum log_level level, enum log_format format)
{
	log_state.who = who;
	log_state.level = level;
	log_state.format = format;
}

void log_set_level(enum log_level level)
{
	log_state.level = level;
}

int log_level_parse(const char *name, enum log_level *ret)
{
	for (size_t i = 0; i < array_len(levels); i++) {
		if (strcmp(name, levels[i].name) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return ERR_INVALID;
}

int log_format_parse(const char *name, enum log_format *ret)
{
	if (strcmp(name, "text") == 0)
		*ret = LOG_FORMAT_TEXT;
	else if (strcmp(name, "json") == 0)
		*ret = LOG_FORMAT_JSON;
	else
		return ERR_INVALID;
	return 0;
}

const char *log_level_str(enum log_level level)
{
	return levels[level].name;
}

const char *log_format_str(enum log_format format)
{
	return format == LOG_FORMAT_JSON ? "json" : "text";
}

const char *log_quote(const char *text, size_t len, char *buf, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 5 < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c < 0x7f && c != '\\')
			buf[n++] = (char)c;
		else
			n += (size_t)snprintf(buf + n, size - n, "\\x%02x", c);
	}
	if (size)
		buf[n] = '\0';
	return buf;
}

/* `msg` as the inside of a JSON string: quotes and backslashes escaped, control bytes as \u00XX. */
static size_t json_escape(const char *msg, char *out, size_t size)
{
	size_t n = 0;

	for (; *msg && n + 7 < size; msg++) {
		unsigned char c = (unsigned char)*msg;

		if (c == '"' || c == '\\') {
			out[n++] = '\\';
			out[n++] = (char)c;
		} else if (c < 0x20 || c >= 0x7f) {
			n += (size_t)snprintf(out + n, size - n, "\\u%04x", c);
		} else {
			out[n++] = (char)c;
		}
	}
	out[n] = '\0';
	return n;
}

/* `msg` for a line of text: whoever chose a part of it writes no line of their own, and rules no terminal. */
static void text_escape(const char *msg, char *out, size_t size)
{
	size_t n = 0;

	for (; *msg && n + 5 < size; msg++) {
		unsigned char c = (unsigned char)*msg;

		if (c >= 0x20 && c < 0x7f)
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
	}
	out[n] = '\0';
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char msg[LOG_LINE_MAX / 2], line[LOG_LINE_MAX + 256], esc[LOG_LINE_MAX],
		when[CLOCK_TEXT_LEN];
	va_list ap;
	int n;

	if (level > log_state.level)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (log_state.format == LOG_FORMAT_JSON) {
		json_escape(msg, esc, sizeof(esc));
		n = snprintf(line, sizeof(line),
			"{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"message\":\"%s\"}"
			"\n",
			clock_format(clock_real_us(), when), levels[level].name, log_state.who,
			esc);
	} else {
		text_escape(msg, esc, sizeof(esc));
		if (isatty(STDERR_FILENO))
			n = snprintf(line, sizeof(line), "%s: %s: %s\n", log_state.who,
				levels[level].name, esc);
		else
			n = snprintf(line, sizeof(line), "<%d>%s: %s\n",
				levels[level].syslog_priority, log_state.who, esc);
	}
	if (n > 0)
		(void)!write(STDERR_FILENO, line, (size_t)n);
}
