/* SPDX-License-Identifier: GPL-2.0-or-later */
/* argon2id, and who may guess when. */
#include "config.h"

#include "api/password.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "api/auth.h"
#include "api/console.h"
#include "api/throttle.h"
#include "db/password.h"
#include "lib/clock.h"
#include "lib/log.h"

/* The second of the equally strong choices that OWASP's password storage cheat sheet names for argon2id. */
#define PASSWORD_MEMORY (19u << 20)
#define PASSWORD_PASSES 2u

struct password {
	struct store *store;
	struct password_row row;
	struct throttle *throttle;
};

_Static_assert(crypto_pwhash_STRBYTES <= sizeof(((struct password_row *)NULL)->hash), "hash");

struct password *password_new(struct store *store)
{
	struct password *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->store = store;
	p->throttle = throttle_new();
	if (!p->throttle || sodium_init() < 0) {
		password_free(p);
		return NULL;
	}
	if (store && password_load(store, &p->row) < 0)
		log_warning("the password cannot be read: nobody can log in with it");
	return p;
}

void password_free(struct password *p)
{
	if (!p)
		return;
	throttle_free(p->throttle);
	free(p);
}

int password_check(
	struct password *p, const char *guess, const struct ip_addr *from, unsigned *ret_wait_s)
{
	uint64_t now = clock_boot_ns();

	if (!p->row.hash[0])
		return ERR_PERMISSION;
	*ret_wait_s = throttle_wait_s(p->throttle, from, now);
	if (*ret_wait_s)
		return ERR_BUSY;
	if (strlen(guess) <= LIMIT_PASSWORD &&
		crypto_pwhash_str_verify(p->row.hash, guess, strlen(guess)) == 0) {
		throttle_passed(p->throttle, from);
		return 0;
	}
	throttle_failed(p->throttle, from, now);
	return ERR_PERMISSION;
}

/* ---- handlers */

static json_t *state_json(const struct password *p)
{
	return json_pack("{s:b, s:o}", "is_set", p->row.hash[0] != '\0', "changed",
		http_json_time(p->row.changed_us));
}

/* Who logged in with the old one has to log in again. */
static void replace(struct http_request *req, const struct password_row *row)
{
	struct password *p = req->console->password;
	int r = p->store ? password_store(p->store, row) : 0;

	if (r < 0) {
		http_reply_error(req, r, NULL);
		return;
	}
	p->row = *row;
	auth_end_sessions_by(req->console->auth, AUTH_LOGIN_PASSWORD);
	http_reply_empty(req);
}

void password_get(struct http_request *req)
{
	http_reply_resource(req, 200, state_json(req->console->password), NULL);
}

static bool may_change(struct http_request *req)
{
	json_t *now = state_json(req->console->password);
	bool may = http_if_match(req, now);

	json_decref(now);
	return may;
}

void password_put(struct http_request *req)
{
	static const char *const known[] = { "password", NULL };
	struct password_row row = { .changed_us = clock_real_us() };
	const char *text;
	size_t len;

	if (!http_body_known(req, known) || !may_change(req))
		return;
	text = json_string_value(json_object_get(req->body, "password"));
	len = json_string_length(json_object_get(req->body, "password"));
	if (!text || len < LIMIT_PASSWORD_LEAST || len > LIMIT_PASSWORD) {
		http_reply_invalid(req, "password", "must be a string of %u to %u bytes",
			LIMIT_PASSWORD_LEAST, LIMIT_PASSWORD);
		return;
	}
	if (crypto_pwhash_str_alg(row.hash, text, len, PASSWORD_PASSES, PASSWORD_MEMORY,
		    crypto_pwhash_ALG_ARGON2ID13) != 0) {
		http_reply_error(req, ERR_NOMEM, NULL);
		return;
	}
	replace(req, &row);
}

void password_delete(struct http_request *req)
{
	static const struct password_row none;

	if (!req->console->password->row.hash[0])
		http_reply_problem(req, 404, NULL, "no password is set");
	else if (may_change(req))
		replace(req, &none);
}
