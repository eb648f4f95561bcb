/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line or datagram a message, written with a single call so that two processes never mix theirs. */
#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log_journal.h"
#include "lib/log_limit.h"
#include "lib/utf8.h"

#define LOG_LINE_MAX 2048
#define NOTE_MAX 64 /* bytes of a note behind a message; there may be two */

/* How it logs: the one mutable global of the project. */
static struct {
	const char *who;
	enum log_level level;
	enum log_format format;
	bool has_looked; /* for the journal */
	bool is_stream; /* stderr is the journal */
	int journal; /* its descriptor and 1; 0: none */
	uint32_t n_lost; /* because the journal was too slow */
	struct log_limit limit;
} log_state = { .who = "opensnitch", .level = LOG_LEVEL_INFO };

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
	if (log_state.has_looked)
		return;
	log_state.has_looked = true;
	log_state.is_stream = log_journal_is_stream(getenv("JOURNAL_STREAM"), STDERR_FILENO);
	if (log_state.is_stream && !log_state.journal)
		log_state.journal = log_journal_open(LOG_JOURNAL_SOCKET) + 1;
}

void log_renew(const char *who)
{
	log_state.journal = 0;
	log_state.has_looked = false;
	log_init(who, log_state.level, log_state.format);
}

int log_journal_fd(void)
{
	return log_state.journal - 1;
}

void log_adopt_journal(int fd)
{
	log_state.journal = fd + 1;
}

void log_leave_journal(void)
{
	log_state.has_looked = true;
	log_state.is_stream = false;
	log_state.journal = 0;
}

void log_set_level(enum log_level level)
{
	log_state.level = level;
}

enum log_format log_format(void)
{
	return log_state.format;
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

/* UTF-8 `msg` as the inside of a JSON string. Control characters are "\xHH" by now. */
static void json_escape(const char *msg, char *out, size_t size)
{
	size_t n = 0;

	for (; *msg && n + 2 < size; msg++) {
		if (*msg == '"' || *msg == '\\')
			out[n++] = '\\';
		out[n++] = *msg;
	}
	out[n] = '\0';
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

static int format_json(enum log_level level, const char *msg, char *line, size_t size)
{
	char safe[LOG_LINE_MAX], esc[2 * LOG_LINE_MAX], when[CLOCK_TEXT_LEN];

	utf8_sanitize(msg, strlen(msg), safe, sizeof(safe));
	json_escape(safe, esc, sizeof(esc));
	return snprintf(line, size,
		"{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"message\":\"%s\"}\n",
		clock_format(clock_real_us(), when), levels[level].name, log_state.who, esc);
}

static int format_text(enum log_level level, const char *msg, char *line, size_t size)
{
	char esc[2 * LOG_LINE_MAX];

	text_escape(msg, esc, sizeof(esc));
	if (!log_state.is_stream)
		return snprintf(line, size, "%s: %s: %s\n", log_state.who, levels[level].name, esc);
	return snprintf(
		line, size, "<%d>%s: %s\n", levels[level].syslog_priority, log_state.who, esc);
}

/*
 * False where the journal cannot be reached, and stderr is to take it. When the journal is only too slow, the message is lost and
 * counted: whoever decides about packets does not wait for a disk.
 */
static bool to_journal(enum log_level level, const char *msg, uint32_t n_left_out)
{
	char safe[LOG_LINE_MAX], fields[LOG_LINE_MAX + 512];
	struct log_entry e = { levels[level].syslog_priority, log_state.who, safe,
		n_left_out + log_state.n_lost };
	size_t len;

	utf8_sanitize(msg, strlen(msg), safe, sizeof(safe));
	len = log_journal_format(&e, fields, sizeof(fields));
	if (send(log_state.journal - 1, fields, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		log_state.n_lost = 0;
	else if (errno == EAGAIN || errno == ENOBUFS)
		log_state.n_lost++;
	else
		return false;
	return true;
}

static void write_out(enum log_level level, const char *msg, uint32_t n_left_out)
{
	char line[2 * LOG_LINE_MAX + 256];
	int n, saved = errno;

	if (log_state.journal && log_state.format == LOG_FORMAT_TEXT &&
		to_journal(level, msg, n_left_out)) {
		errno = saved;
		return;
	}
	n = log_state.format == LOG_FORMAT_JSON ? format_json(level, msg, line, sizeof(line))
						: format_text(level, msg, line, sizeof(line));
	if (n > 0)
		(void)!write(STDERR_FILENO, line,
			(size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
	errno = saved;
}

static void write_limited(uintptr_t site, enum log_level level, const char *fmt, va_list ap)
{
	struct log_ruling ruling = { .is_allowed = true };
	char msg[LOG_LINE_MAX / 2];
	int n;

	if (level > log_state.level)
		return;
	if (level != LOG_LEVEL_DEBUG)
		ruling = log_limit_note(&log_state.limit, site, clock_mono_ns());
	if (!ruling.is_allowed)
		return;
	n = vsnprintf(msg, sizeof(msg) - 2 * NOTE_MAX, fmt, ap);
	if (n < 0)
		return;
	n = (int)strlen(msg);
	if (ruling.n_left_out)
		n += snprintf(msg + n, NOTE_MAX, " (%u like this were left out)",
			(unsigned)ruling.n_left_out);
	if (ruling.is_last)
		snprintf(msg + n, sizeof(msg) - (size_t)n,
			" (more like this are left out for %u s)", LIMIT_LOG_INTERVAL_MS / 1000);
	write_out(level, msg, ruling.n_left_out);
}

/* A place is told from others by where it calls from. */
__attribute__((noinline)) void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_limited((uintptr_t)__builtin_return_address(0), level, fmt, ap);
	va_end(ap);
}

void log_write_about(uintptr_t subject, enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_limited(subject, level, fmt, ap);
	va_end(ap);
}
