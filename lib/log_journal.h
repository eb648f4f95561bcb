/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal's own protocol, so that each message has fields (systemd's docs/JOURNAL_NATIVE_PROTOCOL). It is used where standard error
 * is the journal, as $JOURNAL_STREAM says (systemd.exec(5)).
 */
#ifndef LIB_LOG_JOURNAL_H
#define LIB_LOG_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Whether `stream` ("DEVICE:INODE"; NULL: not set) names what `fd` is. */
bool log_journal_is_stream(const char *stream, int fd);

/* A socket to it (owned, CLOEXEC, never waits), or -1. */
int log_journal_open(const char *path);

struct log_entry {
	int priority; /* as of syslog(3): 3 for an error ... 7 */
	const char *who; /* "console" */
	const char *message; /* UTF-8 without control characters */
	unsigned n_left_out; /* messages like this one */
};

/*
 * Writes it as fields into `out` (at least 256 bytes) and returns the length: MESSAGE, cut where it does not fit, PRIORITY,
 * SYSLOG_FACILITY, SYSLOG_IDENTIFIER, and OPENSNITCH_LEFT_OUT where some were.
 */
size_t log_journal_format(const struct log_entry *e, char *out, size_t size);

#endif
