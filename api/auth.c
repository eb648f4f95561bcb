/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Token, sessions, codes, peers. */
#include "config.h"

#include "api/auth.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "api/guard.h"
#include "api/server.h"
#include "api/tokens.h"
#include "db/sessions.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/sha256.h"
#include "lib/users.h"

#define TOKEN_MAX 256
#define SEEN_NOTED_EVERY_US UINT64_C(60000000)

struct code {
	uint8_t hash[SHA256_LEN];
	uint64_t until_ns; /* CLOCK_BOOTTIME; 0 = free */
	char login[LIMIT_TOKEN_NAME + 16]; /* of who had it made */
	uint64_t expires_us; /* the end of who had it made; 0: none */
};

struct auth {
	bool has_token;
	uint8_t token[SHA256_LEN];
	int64_t group;
	struct store *store;
	struct server *server;
	struct users *users;
	struct tokens *tokens;
	unsigned n_sessions;
	struct session_row sessions[LIMIT_SESSIONS]; /* newest first */
	struct code codes[LIMIT_LOGIN_CODES];
};

bool auth_hash_equal(const uint8_t a[static SHA256_LEN], const uint8_t b[static SHA256_LEN])
{
	unsigned diff = 0;

	for (int i = 0; i < SHA256_LEN; i++)
		diff |= a[i] ^ b[i];
	return diff == 0;
}

uint64_t auth_credential(const uint8_t hash[static SHA256_LEN])
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | hash[i];
	return n;
}

int auth_make_secret(char text[static AUTH_SECRET_LEN], uint8_t hash[static SHA256_LEN])
{
	uint8_t bytes[32];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return ERR_IO;
	hex_write(bytes, sizeof(bytes), text);
	sha256_of(text, strlen(text), hash);
	return 0;
}

static void read_token(struct auth *a, int fd)
{
	char text[TOKEN_MAX];
	/* Consoles that follow one another share the descriptor, and its place with it. */
	ssize_t n = pread(fd, text, sizeof(text), 0);

	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	/* A short token could be guessed: rather none. */
	if (n < 32)
		return;
	sha256_of(text, (size_t)n, a->token);
	a->has_token = true;
	explicit_bzero(text, sizeof(text));
}

struct auth *auth_new(int token_fd, struct store *store, int64_t group)
{
	struct auth *a = calloc(1, sizeof(*a));
	int n;

	if (!a)
		return NULL;
	a->users = users_new(NULL);
	a->tokens = tokens_new(store);
	if (!a->users || !a->tokens) {
		auth_free(a);
		return NULL;
	}
	a->group = group;
	a->store = store;
	read_token(a, token_fd);
	n = store ? sessions_load(store, clock_real_us(), a->sessions, LIMIT_SESSIONS) : 0;
	if (n < 0)
		log_warning(
			"sessions cannot be read (%s): everybody must log in again", err_str(n));
	else
		a->n_sessions = (unsigned)n;
	return a;
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	if (a->users)
		users_free(a->users);
	tokens_free(a->tokens);
	free(a);
}

/* ---- callers */

void auth_set_server(struct auth *a, struct server *server)
{
	a->server = server;
}

struct tokens *auth_tokens(struct auth *a)
{
	return a->tokens;
}

/* The token of the file or a named one. */
static bool check_token(struct auth *a, const char *token, struct caller *ret)
{
	const struct token_row *row;
	uint8_t hash[SHA256_LEN];

	sha256_of(token, strlen(token), hash);
	ret->kind = CALLER_TOKEN;
	ret->credential = auth_credential(hash);
	if (a->has_token && auth_hash_equal(hash, a->token)) {
		ret->scopes = SCOPE_ALL;
		snprintf(ret->user, sizeof(ret->user), "token");
		snprintf(ret->login, sizeof(ret->login), "token");
		return true;
	}
	row = tokens_find(a->tokens, hash);
	if (!row)
		return false;
	/* Admin is everything. */
	ret->scopes = row->scopes & SCOPE_ADMIN ? SCOPE_ALL : row->scopes;
	ret->expires_us = row->expires_us;
	snprintf(ret->user, sizeof(ret->user), "%s", row->name);
	snprintf(ret->login, sizeof(ret->login), "token:%s", row->name);
	return true;
}

static uint64_t session_end(const struct session_row *row)
{
	uint64_t idle = row->seen_us + LIMIT_SESSION_IDLE_S * UINT64_C(1000000);

	return idle < row->expires_us ? idle : row->expires_us;
}

static struct session_row *find_session(struct auth *a, const char *cookie, bool is_tls)
{
	const char *name = is_tls ? AUTH_COOKIE_TLS : AUTH_COOKIE;
	char secret[AUTH_SECRET_LEN];
	uint8_t hash[SHA256_LEN];

	if (!cookie || !guard_cookie(cookie, name, secret, sizeof(secret)))
		return NULL;
	sha256_of(secret, strlen(secret), hash);
	for (unsigned i = 0; i < a->n_sessions; i++)
		if (auth_hash_equal(hash, a->sessions[i].hash))
			return session_end(&a->sessions[i]) > clock_real_us() ? &a->sessions[i]
									      : NULL;
	return NULL;
}

static void note_seen(struct auth *a, struct session_row *row)
{
	uint64_t now = clock_real_us();

	if (now - row->seen_us >= SEEN_NOTED_EVERY_US && a->store)
		(void)sessions_seen(a->store, row->hash, now);
	row->seen_us = now;
}

/* Whether a peer's supplementary groups (SO_PEERGROUPS, Linux 4.13) hold ours. */
static bool peer_has_group(int fd, int64_t group)
{
	gid_t few[64];
	_cleanup_free_ gid_t *many = NULL;
	gid_t *groups = few;
	socklen_t len = sizeof(few);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, few, &len) < 0) {
		if (errno != ERANGE || len > 65536 * sizeof(gid_t))
			return false;
		many = malloc(len);
		groups = many;
		if (!many || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, many, &len) < 0)
			return false;
	}
	for (size_t i = 0; i < len / sizeof(gid_t); i++)
		if ((int64_t)groups[i] == group)
			return true;
	return false;
}

static bool check_peer(struct auth *a, int fd, struct caller *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	const char *name;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	if (cred.uid != 0 &&
		(a->group < 0 || ((int64_t)cred.gid != a->group && !peer_has_group(fd, a->group))))
		return false;
	name = users_name(a->users, cred.uid);
	ret->kind = CALLER_SOCKET;
	ret->scopes = SCOPE_ALL;
	if (name)
		snprintf(ret->user, sizeof(ret->user), "%s", name);
	else
		snprintf(ret->user, sizeof(ret->user), "%u", cred.uid);
	snprintf(ret->login, sizeof(ret->login), "user:%s", ret->user);
	ret->uid = cred.uid;
	return true;
}

static void name_session(const struct session_row *row, struct caller *ret)
{
	ret->kind = CALLER_SESSION;
	ret->scopes = row->scopes;
	ret->expires_us = row->expires_us;
	ret->credential = auth_credential(row->hash);
	snprintf(ret->user, sizeof(ret->user), "session");
	snprintf(ret->login, sizeof(ret->login), "%s", row->login);
}

void auth_name_new_session(const struct auth *a, const char *secret, struct caller *ret)
{
	uint8_t hash[SHA256_LEN];

	sha256_of(secret, strlen(secret), hash);
	for (unsigned i = 0; i < a->n_sessions; i++)
		if (auth_hash_equal(hash, a->sessions[i].hash))
			name_session(&a->sessions[i], ret);
}

bool auth_check(struct auth *a, const struct auth_facts *facts, struct caller *ret)
{
	struct session_row *session;

	memset(ret, 0, sizeof(*ret));
	ret->uid = -1;
	if (facts->authorization) {
		if (strncasecmp(facts->authorization, "Bearer ", 7) == 0 &&
			check_token(a, facts->authorization + 7, ret))
			return true;
		memset(ret, 0, sizeof(*ret));
		ret->uid = -1;
		return false;
	}
	session = find_session(a, facts->cookie, facts->is_tls);
	if (session) {
		note_seen(a, session);
		name_session(session, ret);
		return true;
	}
	return facts->unix_fd >= 0 && check_peer(a, facts->unix_fd, ret);
}

/* ---- logging in and out */

static void drop_session(struct auth *a, unsigned i)
{
	uint64_t credential = auth_credential(a->sessions[i].hash);

	if (a->store)
		(void)sessions_delete(a->store, a->sessions[i].hash);
	a->n_sessions--;
	memmove(a->sessions + i, a->sessions + i + 1, (a->n_sessions - i) * sizeof(*a->sessions));
	if (a->server)
		server_end_streams(a->server, credential);
}

/* `by`: whose rights it takes over, and until when at most. */
static int add_session(struct auth *a, const struct caller *by, char secret[static AUTH_SECRET_LEN],
	uint64_t *ret_expires_us)
{
	struct session_row row = { .scopes = by->scopes, .created_us = clock_real_us() };
	int r;

	row.seen_us = row.created_us;
	row.expires_us = row.created_us + LIMIT_SESSION_S * UINT64_C(1000000);
	if (by->expires_us && by->expires_us < row.expires_us)
		row.expires_us = by->expires_us;
	snprintf(row.login, sizeof(row.login), "%s", by->login);
	r = auth_make_secret(secret, row.hash);
	if (r < 0)
		return r;
	if (a->n_sessions == LIMIT_SESSIONS)
		drop_session(a, LIMIT_SESSIONS - 1);
	/* With a full disk the session still holds until this process ends. */
	r = a->store ? sessions_add(a->store, &row) : 0;
	if (r < 0)
		log_warning(
			"a log-in cannot be stored (%s): it ends with this process", err_str(r));
	memmove(a->sessions + 1, a->sessions, a->n_sessions * sizeof(*a->sessions));
	a->sessions[0] = row;
	a->n_sessions++;
	*ret_expires_us = row.expires_us;
	return 0;
}

int auth_login_token(struct auth *a, const char *token, char secret[static AUTH_SECRET_LEN],
	uint64_t *ret_expires_us)
{
	struct caller by = { .kind = CALLER_NOBODY };

	return check_token(a, token, &by) ? add_session(a, &by, secret, ret_expires_us)
					  : ERR_PERMISSION;
}

int auth_login_code(struct auth *a, const char *code, char secret[static AUTH_SECRET_LEN],
	uint64_t *ret_expires_us)
{
	uint64_t now = clock_boot_ns();
	uint8_t hash[SHA256_LEN];

	sha256_of(code, strlen(code), hash);
	for (unsigned i = 0; i < LIMIT_LOGIN_CODES; i++) {
		struct code *c = &a->codes[i];
		bool good = c->until_ns > now && auth_hash_equal(hash, c->hash);

		if (good) {
			struct caller by = { .scopes = SCOPE_ALL, .expires_us = c->expires_us };

			c->until_ns = 0; /* once */
			snprintf(by.login, sizeof(by.login), "%s", c->login);
			return add_session(a, &by, secret, ret_expires_us);
		}
	}
	return ERR_PERMISSION;
}

int auth_login_as(struct auth *a, const char *login, char secret[static AUTH_SECRET_LEN],
	uint64_t *ret_expires_us)
{
	struct caller by = { .scopes = SCOPE_ALL };

	snprintf(by.login, sizeof(by.login), "%s", login);
	return add_session(a, &by, secret, ret_expires_us);
}

void auth_logout(struct auth *a, const char *cookie, bool is_tls)
{
	struct session_row *row = find_session(a, cookie, is_tls);

	if (row)
		drop_session(a, (unsigned)(row - a->sessions));
}

void auth_end_sessions_of(struct auth *a, const char *token)
{
	char login[LIMIT_TOKEN_NAME + 16];

	snprintf(login, sizeof(login), "token:%s", token);
	auth_end_sessions_by(a, login);
}

void auth_end_sessions_by(struct auth *a, const char *login)
{
	for (unsigned i = a->n_sessions; i-- > 0;)
		if (strcmp(a->sessions[i].login, login) == 0)
			drop_session(a, i);
	for (unsigned i = 0; i < LIMIT_LOGIN_CODES; i++)
		if (strcmp(a->codes[i].login, login) == 0)
			a->codes[i].until_ns = 0;
}

void auth_each_session(
	struct auth *a, void (*fn)(void *ctx, const struct session_row *row), void *ctx)
{
	uint64_t now = clock_real_us();

	for (unsigned i = 0; i < a->n_sessions; i++)
		if (session_end(&a->sessions[i]) > now)
			fn(ctx, &a->sessions[i]);
}

bool auth_end_session(struct auth *a, uint64_t credential)
{
	for (unsigned i = 0; i < a->n_sessions; i++) {
		if (auth_credential(a->sessions[i].hash) == credential) {
			drop_session(a, i);
			return true;
		}
	}
	return false;
}

int auth_code_new(struct auth *a, const struct caller *by, char code[static AUTH_SECRET_LEN],
	uint64_t *ret_expires_us)
{
	struct code *oldest = &a->codes[0];
	int r;

	for (unsigned i = 1; i < LIMIT_LOGIN_CODES; i++)
		if (a->codes[i].until_ns < oldest->until_ns)
			oldest = &a->codes[i];
	r = auth_make_secret(code, oldest->hash);
	if (r < 0)
		return r;
	snprintf(oldest->login, sizeof(oldest->login), "%s", by->login);
	oldest->expires_us = by->expires_us;
	oldest->until_ns = clock_boot_ns() + LIMIT_LOGIN_CODE_S * UINT64_C(1000000000);
	*ret_expires_us = clock_real_us() + LIMIT_LOGIN_CODE_S * UINT64_C(1000000);
	return 0;
}
