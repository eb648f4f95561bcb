/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Table `sessions`: log-ins, known by the SHA-256 of their cookie, so that they outlive a restart. */
#ifndef DB_SESSIONS_H
#define DB_SESSIONS_H

#include <stdint.h>

#include "lib/limits.h"

struct store;

struct session_row {
	uint8_t hash[32]; /* primary key */
	uint32_t scopes; /* enum scope of api/http.h */
	uint64_t created_us; /* CLOCK_REALTIME */
	uint64_t expires_us;
	uint64_t seen_us; /* when it was used last; noted now and then */
	char login[LIMIT_TOKEN_NAME + 16]; /* by what: "token", "token:NAME", "code:USER" */
};

/* Reads at most `max` sessions that have not expired at `now_us`, newest first; the number, ERR_IO. Expired ones are deleted. */
int sessions_load(struct store *s, uint64_t now_us, struct session_row *ret, unsigned max);

/* 0, ERR_IO or ERR_FULL. */
int sessions_add(struct store *s, const struct session_row *row);
int sessions_delete(struct store *s, const uint8_t hash[static 32]);

/* Notes a use; may be lost in a power cut. */
int sessions_seen(struct store *s, const uint8_t hash[static 32], uint64_t seen_us);

#endif
