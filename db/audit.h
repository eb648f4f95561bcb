/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Table `audit`: everything that somebody changed, in a chain of hashes.
 *
 * The hash of a row is SHA-256 over the hash of the row before (32 zero bytes before the first) and each field as decimal length,
 * ':' and text, in the order of struct audit_row. Who can write the file can of course make a whole new chain: note the
 * head that `opensnitchd --verify-audit` prints somewhere else to find that as well.
 */
#ifndef DB_AUDIT_H
#define DB_AUDIT_H

#include <stdint.h>

#include "db/log_span.h"
#include "lib/err.h"

struct store;

struct audit_row {
	uint64_t id; /* 1, 2, 3 ... */
	uint64_t time_us; /* CLOCK_REALTIME */
	const char *kind; /* of credential: "token", "session", "user", "nobody" */
	const char *name; /* of the token or user */
	const char *session; /* its public id, or "" */
	const char *uid; /* of a Unix-socket peer, or "" */
	const char *origin; /* "127.0.0.1:50123", "unix pid 4711" */
	const char *action; /* "POST /api/v1/rules" */
	const char *object; /* the one that was changed, or "" */
	uint32_t status; /* of the answer */
	const char *detail; /* the body, cut; or "" */
	uint8_t hash[32]; /* set by audit_add */
};

/* Appends a row; its id and hash are set here. Lost at most by a power cut in the next seconds. 0 or a code with `err`. */
int audit_add(struct store *s, struct audit_row *row, struct error *err);

/* Which rows; texts are borrowed, NULL: any. */
struct audit_filter {
	struct log_span span;
	const char *kind, *name, *uid, *object; /* equal */
	const char *action; /* in it, likewise */
	const char *text; /* in name, origin, action, object or detail; ASCII without case */
};

/*
 * Calls `fn` for the rows that the filter takes, until it returns other than 0, which is then returned. 0: all were looked at, or
 * it took too long: then *ret_rest is the id of the row that was looked at last, else 0. Or a negative code.
 */
int audit_each(struct store *s, const struct audit_filter *f,
	int (*fn)(void *ctx, const struct audit_row *row), void *ctx, uint64_t *ret_rest);

struct audit_report {
	uint64_t n; /* rows that are as they were written */
	uint8_t head[32]; /* the hash of the last of them */
};

/*
 * Reads the whole chain of DIR/opensnitch.db, changing nothing; a daemon may run meanwhile. 0; ERR_CONFLICT when it is broken, with
 * the first bad row in `err`; ERR_NOT_FOUND (no database, or one older than the audit log), ERR_IO. *ret is filled either way.
 */
int audit_verify(const char *dir, struct audit_report *ret, struct error *err);

#endif
