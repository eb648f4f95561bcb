/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Named tokens: made, known by their hash, revoked.
 *
 * A secret has 256 random bits, so a plain SHA-256 of it gives nothing away: there is no dictionary to try, and a slow hash would
 * only slow down every request.
 */
#ifndef API_TOKENS_H
#define API_TOKENS_H

#include <stdint.h>

#include "api/http.h"
#include "db/tokens.h"

struct store;
struct tokens;

/* Returns owned; NULL when out of memory. Borrows `store` (NULL: they end with the process). */
struct tokens *tokens_new(struct store *store);
void tokens_free(struct tokens *t);

/* The token with this hash that has not ended, noting its use; or NULL. */
const struct token_row *tokens_find(struct tokens *t, const uint8_t hash[static 32]);

/* ---- scopes as text */

/* All names, ending with NULL. */
extern const char *const scope_words[];

/* An array of names. Returns owned. */
json_t *scopes_json(unsigned scopes);

/* ---- handlers: /api/v1/tokens */
void tokens_list(struct http_request *req);
void tokens_get(struct http_request *req);
void tokens_post(struct http_request *req);
void tokens_revoke(struct http_request *req);
void tokens_revoke_named(struct http_request *req); /* DELETE /tokens?name= */

#endif
