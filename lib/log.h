/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logs to stderr: plain lines with syslog priorities for the journal ("<4>..."), or JSON lines.
 *
 * The layer that decides logs, once; a function that returns an error does not log it. Text from
 * outside goes through log_quote() so that it cannot forge lines or move a terminal's cursor.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stddef.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Sets what is written from now on, by the whole process. `who` (static) names it in each line. */
void log_init(const char *who, enum log_level level, enum log_format format);

/* Changes what is written from now on. */
void log_set_level(enum log_level level);

/* Level by name ("error" ... "debug"), format by name ("text", "json"): 0 or ERR_INVALID. */
int log_level_parse(const char *name, enum log_level *ret);
int log_format_parse(const char *name, enum log_format *ret);
const char *log_level_str(enum log_level level);
const char *log_format_str(enum log_format format);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* `text` made printable ASCII ("\x1b" for a control byte), cut at `size`; returns `buf`. */
const char *log_quote(const char *text, size_t len, char *buf, size_t size);

#endif
