/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /api/v1/session: logging in and out. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/auth.h"
#include "api/console.h"
#include "api/items.h"
#include "api/password.h"
#include "api/server.h"
#include "api/tokens.h"
#include "db/sessions.h"

static void set_cookie(struct http_request *req, const char *secret, unsigned max_age_s)
{
	char cookie[200];

	snprintf(cookie, sizeof(cookie), "%s=%s; Path=/; Max-Age=%u; HttpOnly; SameSite=Strict%s",
		req->is_tls ? AUTH_COOKIE_TLS : AUTH_COOKIE, secret, max_age_s,
		req->is_tls ? "; Secure" : "");
	http_reply_header(req, "Set-Cookie", cookie);
}

/* How somebody may log in. */
enum way { WAY_TOKEN, WAY_CODE, WAY_PASSWORD, WAY_COUNT_ };

static const char *const ways[] = {
	[WAY_TOKEN] = "token", [WAY_CODE] = "code", [WAY_PASSWORD] = "password", [WAY_COUNT_] = NULL
};
static const char *const refusals[] = { [WAY_TOKEN] = "the token is wrong",
	[WAY_CODE] = "the code is wrong, used, or older than a minute",
	[WAY_PASSWORD] = "the password is wrong, or none is set" };

/* The one member of the body, and its text; false after a 422. */
static bool read_way(struct http_request *req, enum way *ret, const char **ret_secret)
{
	const json_t *found = NULL;

	if (!http_body_known(req, ways))
		return false;
	for (enum way w = WAY_TOKEN; w < WAY_COUNT_; w++) {
		const json_t *value = json_object_get(req->body, ways[w]);

		if (!value)
			continue;
		found = value;
		*ret = w;
	}
	if (json_object_size(req->body) != 1 || !found) {
		http_reply_invalid(
			req, "", "must have one of \"token\", \"code\" and \"password\"");
		return false;
	}
	*ret_secret = json_string_value(found);
	if (!*ret_secret)
		http_reply_invalid(req, ways[*ret], "must be a string");
	return *ret_secret != NULL;
}

static int log_in(struct http_request *req, enum way way, const char *proof,
	char secret[static AUTH_SECRET_LEN], uint64_t *ret_expires_us, unsigned *ret_wait_s)
{
	struct auth *auth = req->console->auth;
	struct ip_addr from;
	int r;

	if (way == WAY_TOKEN)
		return auth_login_token(auth, proof, secret, ret_expires_us);
	if (way == WAY_CODE)
		return auth_login_code(auth, proof, secret, ret_expires_us);
	from = http_client_address(req);
	r = password_check(req->console->password, proof, &from, ret_wait_s);
	return r < 0 ? r : auth_login_as(auth, AUTH_LOGIN_PASSWORD, secret, ret_expires_us);
}

static void refuse(struct http_request *req, enum way way, int r, unsigned wait_s)
{
	char seconds[16];

	if (r == ERR_PERMISSION) {
		http_reply_problem(req, 401, NULL, "%s", refusals[way]);
	} else if (r == ERR_BUSY) {
		snprintf(seconds, sizeof(seconds), "%u", wait_s);
		http_reply_header(req, "Retry-After", seconds);
		http_reply_problem(req, 429, NULL,
			"too many wrong passwords: wait %u seconds, or log in with a token",
			wait_s);
	} else {
		http_reply_error(req, r, NULL);
	}
}

void session_post(struct http_request *req)
{
	struct auth *auth = req->console->auth;
	char secret[AUTH_SECRET_LEN];
	const char *proof = NULL;
	enum way way = WAY_TOKEN;
	uint64_t expires_us;
	unsigned wait_s = 0;
	int r;

	if (!read_way(req, &way, &proof))
		return;
	r = log_in(req, way, proof, secret, &expires_us, &wait_s);
	if (r < 0) {
		refuse(req, way, r, wait_s);
		return;
	}
	/* A new log-in takes the place of the old one. */
	auth_logout(auth, http_header(req, "Cookie"), req->is_tls);
	auth_name_new_session(auth, secret, &req->caller);
	set_cookie(req, secret, LIMIT_SESSION_S);
	http_reply_json(req, 201, json_pack("{s:o}", "expires", http_json_time(expires_us)));
}

static json_t *own_json(const struct http_request *req)
{
	return json_pack("{s:o, s:o, s:o}", "user",
		http_json_text(req->caller.user, strlen(req->caller.user)), "scopes",
		scopes_json(req->caller.scopes), "expires", http_json_time(req->caller.expires_us));
}

void session_get(struct http_request *req)
{
	http_reply_resource(req, 200, own_json(req), NULL);
}

void session_delete(struct http_request *req)
{
	const char *cookie = http_header(req, "Cookie");
	json_t *now = own_json(req);
	bool may = http_if_match(req, now);

	json_decref(now);
	if (!may)
		return;
	auth_logout(req->console->auth, cookie, req->is_tls);
	set_cookie(req, "", 0);
	http_reply_empty(req);
}

void session_code_post(struct http_request *req)
{
	char code[AUTH_SECRET_LEN], base[SERVER_URL_LEN],
		url[SERVER_URL_LEN + AUTH_SECRET_LEN + 16];
	uint64_t expires_us;
	int r = auth_code_new(req->console->auth, &req->caller, code, &expires_us);

	if (r < 0) {
		http_reply_error(req, r, NULL);
		return;
	}
	/* In the fragment: it reaches no server log and no Referer. */
	snprintf(
		url, sizeof(url), "%s/login#code=%s", server_url(req->console->server, base), code);
	http_reply_json(req, 201,
		json_pack("{s:s, s:s, s:o}", "code", code, "url", url, "expires",
			http_json_time(expires_us)));
}

/* ---- all of them */

struct listing {
	json_t *items;
	const struct caller *caller;
	uint64_t only; /* this one; 0: all */
};

static void add_item(void *ctx, const struct session_row *row)
{
	struct listing *l = ctx;
	uint64_t credential = auth_credential(row->hash);
	char id[20];

	if (l->only && l->only != credential)
		return;
	snprintf(id, sizeof(id), "%016" PRIx64, credential);
	json_array_append_new(l->items,
		json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "id", id, "login",
			http_json_text(row->login, strlen(row->login)), "scopes",
			scopes_json(row->scopes), "created", http_json_time(row->created_us),
			"last_used", http_json_time(row->seen_us), "expires",
			http_json_time(row->expires_us), "current",
			l->caller->kind == CALLER_SESSION && l->caller->credential == credential));
}

void sessions_list(struct http_request *req)
{
	static const char *const sorts[] = { "created", "last_used", "expires", "login", NULL };
	static const char *const ids[] = { "id", NULL };
	static const struct items_filter filters[] = { { "login", NULL }, { "scopes", scope_words },
		{ "current", http_bools }, { NULL, NULL } };
	static const struct items_kind kind = { sorts, ids, filters };
	struct listing l = { json_array(), &req->caller, 0 };

	auth_each_session(req->console->auth, add_item, &l);
	items_reply(req, l.items, &kind);
}

void sessions_revoke(struct http_request *req)
{
	char *end;
	uint64_t credential = strtoull(req->param[0], &end, 16);
	struct listing l = { json_array(), &req->caller, credential };
	const json_t *now;

	if (!*end && strlen(req->param[0]) == 16 && credential)
		auth_each_session(req->console->auth, add_item, &l);
	now = json_array_get(l.items, 0);
	if (!now) {
		http_reply_problem(req, 404, NULL, "there is no session of this id");
	} else if (http_if_match(req, now)) {
		auth_end_session(req->console->auth, credential);
		http_reply_empty(req);
	}
	json_decref(l.items);
}
