/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One error space for the whole project.
 *
 * Functions return 0 or a negative `enum err_code`. Where a person must understand what is wrong
 * (rules, config, API) they fill a `struct error` as well: code, message, and the place.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

enum err_code {
	ERR_OK = 0,
	ERR_NOMEM = -1, /* out of memory: the operation failed, the program goes on */
	ERR_INVALID = -2, /* well-formed but not valid */
	ERR_MALFORMED = -3, /* not even well-formed */
	ERR_TOO_BIG = -4, /* past a limit of lib/limits.h */
	ERR_NOT_FOUND = -5,
	ERR_EXISTS = -6,
	ERR_CONFLICT = -7, /* somebody else changed it meanwhile */
	ERR_GONE = -8, /* it was there and is over (an answered prompt) */
	ERR_AGAIN = -9, /* would block: try later */
	ERR_PERMISSION = -10,
	ERR_UNSUPPORTED = -11, /* this kernel or build cannot do it */
	ERR_BUSY = -12, /* held by another program (queue number, port, lock) */
	ERR_CLOSED = -13, /* the peer is gone */
	ERR_IO = -14, /* the disk or the kernel said no; the log has errno */
	ERR_FULL = -15, /* no space: disk, table or queue */
};

/* The English name of a code, for logs. Never NULL. */
const char *err_str(int code);

/* The code that fits an errno value best (ERR_IO where none does). */
int err_from_errno(int errnum);

struct error {
	int code; /* enum err_code */
	char place[160]; /* "file:line", or a JSON path as operator.list[1].data; may be empty */
	char message[320]; /* one sentence, no newline */
};

/*
 * Fills `e` (may be NULL) and returns `code`, so that a function can `return error_set(...)`.
 * `place` may be NULL for "no place".
 */
int error_set(struct error *e, int code, const char *place, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
