/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Logs to stderr: plain lines, or JSON lines. Where stderr is the journal, as $JOURNAL_STREAM says (systemd.exec(5)), plain ones go there
 * with fields (lib/log_journal.h), or, while that cannot be reached, as lines with a priority that it understands ("<4>...", sd-daemon(3)).
 *
 * The layer that decides logs, once; a function that returns an error does not log it. Text from
 * outside goes through log_quote() so that it cannot forge lines or move a terminal's cursor.
 *
 * Each place that logs may do so LIMIT_LOG_BURST times in LIMIT_LOG_INTERVAL_MS; what is left out is counted, and told with its
 * next message. Debug messages are not limited: who asks for them wants them all. No secret is ever logged: no token, code, password,
 * cookie, or body of a request.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/*
 * Sets what is written from now on, by the whole process. `who` (static) names it in each line. The first call looks whether stderr is
 * the journal, so it must come before a sandbox that allows no sockets.
 */
void log_init(const char *who, enum log_level level, enum log_format format);

/* In a child that has closed all descriptors that it did not know: its lines are `who`'s (static), and the journal is opened anew. */
void log_renew(const char *who);

/* The socket to the journal (borrowed), for a program that may open none; or -1. */
int log_journal_fd(void);

/* In such a program, before log_init(): takes the socket that it was born with. */
void log_adopt_journal(int fd);

/* Writes plain lines from now on, whatever stderr is. */
void log_leave_journal(void);

/* Changes what is written from now on. */
void log_set_level(enum log_level level);

/* The format that is in use. */
enum log_format log_format(void);

/* Level by name ("error" ... "debug"), format by name ("text", "json"): 0 or ERR_INVALID. */
int log_level_parse(const char *name, enum log_level *ret);
int log_format_parse(const char *name, enum log_format *ret);
const char *log_level_str(enum log_level level);
const char *log_format_str(enum log_format format);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same for a place that speaks for many: limited by `subject` (not 0), a number of the caller's below 4096. */
void log_write_about(uintptr_t subject, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* `text` made printable ASCII ("\x1b" for a control byte), cut at `size`; returns `buf`. */
const char *log_quote(const char *text, size_t len, char *buf, size_t size);

#endif
