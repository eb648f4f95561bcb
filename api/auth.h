/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may call: the token of the token file, sessions (cookies), one-time log-in codes, Unix-socket peers.
 *
 * Secrets are kept and compared as SHA-256 only, in constant time. Sessions are in the database as well and outlive
 * both processes; codes live a minute, in memory.
 */
#ifndef API_AUTH_H
#define API_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "api/http.h"

struct auth;
struct server;
struct store;
struct tokens;

/*
 * The cookie's name. Over TLS it is another one: browsers take it from nobody but this very host, and only over TLS.
 */
#define AUTH_COOKIE "opensnitch_session"
#define AUTH_COOKIE_TLS "__Host-" AUTH_COOKIE
#define AUTH_LOGIN_PASSWORD "password" /* how a session was made */
#define AUTH_SECRET_LEN 65 /* 64 hexadecimal digits and a NUL */

/*
 * Returns owned, or NULL when out of memory. Reads the token from `token_fd` (no token in it: nobody has one).
 * Borrows `store` (NULL: sessions end with the process). `group` may use the Unix socket (-1: only root).
 */
struct auth *auth_new(int token_fd, struct store *store, int64_t group);
void auth_free(struct auth *a);

/* What a request shows of its caller; each may be NULL. */
struct auth_facts {
	const char *authorization;
	const char *cookie;
	int unix_fd; /* the connection's socket when it is a Unix socket, otherwise -1 */
	bool is_tls; /* over TLS the cookie has another name */
};

/*
 * Who calls. False, with CALLER_NOBODY, when nobody is proven: no facts, or an Authorization header that is wrong (a
 * cookie or a peer does not help then).
 */
bool auth_check(struct auth *a, const struct auth_facts *facts, struct caller *ret);

/*
 * Borrows for life: whom to tell that streams of an ended session must end, before the first request.
 */
void auth_set_server(struct auth *a, struct server *server);

/* 0, and *ret_expires_us, with the cookie's value in `secret`; ERR_PERMISSION for a wrong token or code. */
int auth_login_token(struct auth *a, const char *token, char secret[static AUTH_SECRET_LEN],
	uint64_t *ret_expires_us);
int auth_login_code(struct auth *a, const char *code, char secret[static AUTH_SECRET_LEN],
	uint64_t *ret_expires_us);

/* Opens a session with every right, for somebody whom the caller has proven; `login` says how. 0 or ERR_IO. */
int auth_login_as(struct auth *a, const char *login, char secret[static AUTH_SECRET_LEN],
	uint64_t *ret_expires_us);

/* Makes `ret` the caller that the session of this secret is, for the audit log: a log-in is what it became. */
void auth_name_new_session(const struct auth *a, const char *secret, struct caller *ret);

/* Ends the session of this cookie header, if there is one; its streams too. */
void auth_logout(struct auth *a, const char *cookie, bool is_tls);

/*
 * A new one-time code, good for LIMIT_LOGIN_CODE_S, for a session that ends no later than who had it made. 0, or ERR_IO when the
 * kernel gives no random bytes.
 */
int auth_code_new(struct auth *a, const struct caller *by, char code[static AUTH_SECRET_LEN],
	uint64_t *ret_expires_us);

/* Ends every session that was made with the token of this name, or in this way ("password"); their unused codes too. */
void auth_end_sessions_of(struct auth *a, const char *token);
void auth_end_sessions_by(struct auth *a, const char *login);

/* The named tokens. Borrowed. */
struct tokens *auth_tokens(struct auth *a);

/* A new secret of 256 bits as text, and its hash. 0, or ERR_IO when the kernel gives no random bytes. */
int auth_make_secret(char text[static AUTH_SECRET_LEN], uint8_t hash[static 32]);

/* Takes as long whatever the bytes are. */
bool auth_hash_equal(const uint8_t a[static 32], const uint8_t b[static 32]);

/* What names a credential in public, as hexadecimal digits: the first bytes of its hash. */
uint64_t auth_credential(const uint8_t hash[static 32]);

/* Calls `fn` for each session that holds, newest first. */
struct session_row;
void auth_each_session(
	struct auth *a, void (*fn)(void *ctx, const struct session_row *row), void *ctx);

/* Ends the session of this credential; false when there is none. */
bool auth_end_session(struct auth *a, uint64_t credential);

/* ---- handlers: /api/v1/session */
void session_post(struct http_request *req);
void session_get(struct http_request *req);
void session_delete(struct http_request *req);
void session_code_post(struct http_request *req);

/* ---- handlers: /api/v1/sessions */
void sessions_list(struct http_request *req);
void sessions_revoke(struct http_request *req);

#endif
