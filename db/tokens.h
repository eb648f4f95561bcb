/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Table `tokens`: named credentials, known by the SHA-256 of their secret. */
#ifndef DB_TOKENS_H
#define DB_TOKENS_H

#include <stdint.h>

#include "lib/limits.h"

struct store;

struct token_row {
	char name[LIMIT_TOKEN_NAME + 1]; /* primary key */
	uint8_t hash[32];
	uint32_t scopes; /* enum scope of api/http.h */
	uint64_t created_us; /* CLOCK_REALTIME */
	char created_by[LIMIT_TOKEN_NAME + 16];
	uint64_t expires_us; /* 0: never */
	uint64_t used_us; /* 0: never */
};

/* Reads at most `max` tokens, by name. The number, or ERR_IO. */
int tokens_load(struct store *s, struct token_row *ret, unsigned max);

/* On the disk when they return. 0, ERR_IO, ERR_FULL. */
int tokens_add(struct store *s, const struct token_row *row);
int tokens_delete(struct store *s, const char *name);

/* Notes the last use; may be lost in a power cut. */
int tokens_used(struct store *s, const char *name, uint64_t used_us);

#endif
