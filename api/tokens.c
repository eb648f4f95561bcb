/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of tokens, and its routes. */
#include "config.h"

#include "api/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/auth.h"
#include "api/console.h"
#include "api/items.h"
#include "api/server.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/utf8.h"

#define USE_NOTED_EVERY_US UINT64_C(60000000)

struct tokens {
	struct store *store;
	unsigned n;
	struct token_row rows[LIMIT_TOKENS]; /* by name */
};

static const struct {
	unsigned bit;
	const char *name;
} scope_names[] = { { SCOPE_READ, "read" }, { SCOPE_PROMPTS, "prompts" }, { SCOPE_RULES, "rules" },
	{ SCOPE_ADMIN, "admin" } };

const char *const scope_words[] = { "read", "prompts", "rules", "admin", NULL };

struct tokens *tokens_new(struct store *store)
{
	struct tokens *t = calloc(1, sizeof(*t));
	int n;

	if (!t)
		return NULL;
	t->store = store;
	n = store ? tokens_load(store, t->rows, LIMIT_TOKENS) : 0;
	if (n < 0)
		log_warning("tokens cannot be read (%s): they do not hold", err_str(n));
	else
		t->n = (unsigned)n;
	return t;
}

void tokens_free(struct tokens *t)
{
	free(t);
}

static bool has_ended(const struct token_row *row, uint64_t now)
{
	return row->expires_us && row->expires_us <= now;
}

const struct token_row *tokens_find(struct tokens *t, const uint8_t hash[static 32])
{
	uint64_t now = clock_real_us();

	for (unsigned i = 0; i < t->n; i++) {
		struct token_row *row = &t->rows[i];

		if (!auth_hash_equal(row->hash, hash))
			continue;
		if (has_ended(row, now))
			return NULL;
		if (now - row->used_us >= USE_NOTED_EVERY_US && t->store)
			(void)tokens_used(t->store, row->name, now);
		row->used_us = now;
		return row;
	}
	return NULL;
}

static struct token_row *find_named(struct tokens *t, const char *name)
{
	for (unsigned i = 0; i < t->n; i++)
		if (strcmp(t->rows[i].name, name) == 0)
			return &t->rows[i];
	return NULL;
}

/* ---- JSON */

json_t *scopes_json(unsigned scopes)
{
	json_t *out = json_array();

	for (size_t i = 0; i < sizeof(scope_names) / sizeof(scope_names[0]); i++)
		if (scopes & scope_names[i].bit)
			json_array_append_new(out, json_string(scope_names[i].name));
	return out;
}

static json_t *token_json(const struct token_row *row)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "name",
		http_json_text(row->name, strlen(row->name)), "scopes", scopes_json(row->scopes),
		"created", http_json_time(row->created_us), "created_by",
		http_json_text(row->created_by, strlen(row->created_by)), "expires",
		http_json_time(row->expires_us), "last_used", http_json_time(row->used_us));
}

/* ---- reading a body */

static bool read_name(struct http_request *req, struct token_row *row)
{
	const json_t *value = json_object_get(req->body, "name");
	size_t len = value ? json_string_length(value) : 0;
	const char *name = json_string_value(value);

	if (!name || len == 0 || len > LIMIT_TOKEN_NAME || strlen(name) != len ||
		strchr(name, '/')) {
		http_reply_invalid(req, "name", "must be a string of 1 to %d bytes without a slash",
			LIMIT_TOKEN_NAME);
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f) {
			http_reply_invalid(req, "name", "must not have control characters");
			return false;
		}
	}
	memcpy(row->name, name, len + 1);
	return true;
}

static bool read_scopes(struct http_request *req, struct token_row *row)
{
	const json_t *value = json_object_get(req->body, "scopes");

	for (size_t i = 0; i < json_array_size(value); i++) {
		const char *name = json_string_value(json_array_get(value, i));
		unsigned bit = 0;
		char field[32];

		for (size_t k = 0; k < sizeof(scope_names) / sizeof(scope_names[0]); k++)
			if (name && strcmp(name, scope_names[k].name) == 0)
				bit = scope_names[k].bit;
		if (!bit) {
			snprintf(field, sizeof(field), "scopes[%zu]", i);
			http_reply_invalid(
				req, field, "must be one of read, prompts, rules, admin");
			return false;
		}
		row->scopes |= bit;
	}
	if (!row->scopes)
		http_reply_invalid(req, "scopes",
			"must be a list with one or more of read, prompts, rules, admin");
	return row->scopes != 0;
}

static bool read_end(struct http_request *req, struct token_row *row)
{
	const json_t *at = json_object_get(req->body, "expires"),
		     *after = json_object_get(req->body, "for");
	uint64_t ms;

	if (json_is_null(at))
		at = NULL;
	if (json_is_null(after))
		after = NULL;
	if (at && after) {
		http_reply_invalid(req, "for", "cannot stand beside expires");
		return false;
	}
	if (at &&
		(!json_is_string(at) || clock_parse(json_string_value(at), &row->expires_us) < 0 ||
			row->expires_us <= row->created_us)) {
		http_reply_invalid(req, "expires", "must be an RFC 3339 time to come");
		return false;
	}
	if (after) {
		if (!json_is_string(after) ||
			clock_parse_duration(json_string_value(after), &ms) < 0 || ms == 0 ||
			ms > UINT64_C(315360000000)) {
			http_reply_invalid(
				req, "for", "must be a duration of at most ten years, as \"30d\"");
			return false;
		}
		row->expires_us = row->created_us + ms * 1000;
	}
	return true;
}

/* ---- handlers */

void tokens_list(struct http_request *req)
{
	static const char *const sorts[] = { "name", "created", "last_used", "expires", NULL };
	static const char *const ids[] = { "name", NULL };
	static const struct items_filter filters[] = { { "name", NULL }, { "scopes", scope_words },
		{ "created_by", NULL }, { NULL, NULL } };
	static const struct items_kind kind = { sorts, ids, filters };
	const struct tokens *t = auth_tokens(req->console->auth);
	json_t *items = json_array();

	for (unsigned i = 0; i < t->n; i++)
		json_array_append_new(items, token_json(&t->rows[i]));
	items_reply(req, items, &kind);
}

void tokens_get(struct http_request *req)
{
	const struct token_row *row = find_named(auth_tokens(req->console->auth), req->param[0]);

	if (row)
		http_reply_resource(req, 200, token_json(row), NULL);
	else
		http_reply_problem(req, 404, NULL, "there is no token of this name");
}

static void insert(struct tokens *t, const struct token_row *row)
{
	unsigned i = 0;

	while (i < t->n && strcmp(t->rows[i].name, row->name) < 0)
		i++;
	memmove(&t->rows[i + 1], &t->rows[i], (t->n - i) * sizeof(*row));
	t->rows[i] = *row;
	t->n++;
}

void tokens_post(struct http_request *req)
{
	static const char *const known[] = { "name", "scopes", "expires", "for", NULL };
	struct tokens *t = auth_tokens(req->console->auth);
	struct token_row row = { .created_us = clock_real_us() };
	char secret[AUTH_SECRET_LEN];
	json_t *body;
	int r;

	if (!http_body_known(req, known) || !read_name(req, &row) || !read_scopes(req, &row) ||
		!read_end(req, &row))
		return;
	if (find_named(t, row.name)) {
		http_reply_problem(req, 409, NULL, "there is a token of this name already");
		return;
	}
	if (t->n == LIMIT_TOKENS) {
		http_reply_problem(
			req, 409, NULL, "there are %d tokens already: revoke one", LIMIT_TOKENS);
		return;
	}
	snprintf(row.created_by, sizeof(row.created_by), "%s", req->caller.login);
	r = auth_make_secret(secret, row.hash);
	if (r == 0 && t->store)
		r = tokens_add(t->store, &row);
	if (r < 0) {
		http_reply_error(req, r, NULL);
		return;
	}
	insert(t, &row);
	body = token_json(&row);
	if (body)
		json_object_set_new(body, "token", json_string(secret));
	explicit_bzero(secret, sizeof(secret));
	http_reply_json(req, 201, body);
}

static void revoke(struct http_request *req, const char *name)
{
	struct auth *auth = req->console->auth;
	struct tokens *t = auth_tokens(auth);
	struct token_row *row = find_named(t, name);
	uint64_t credential;
	json_t *now;
	bool may;
	int r;

	if (!row) {
		http_reply_problem(req, 404, NULL, "there is no token of this name");
		return;
	}
	now = token_json(row);
	may = http_if_match(req, now);
	json_decref(now);
	if (!may)
		return;
	r = t->store ? tokens_delete(t->store, row->name) : 0;
	if (r < 0) {
		http_reply_error(req, r, NULL);
		return;
	}
	credential = auth_credential(row->hash);
	auth_end_sessions_of(auth, row->name);
	t->n--;
	memmove(row, row + 1, (t->n - (size_t)(row - t->rows)) * sizeof(*row));
	http_reply_empty(req);
	server_end_streams(req->console->server, credential);
}

void tokens_revoke(struct http_request *req)
{
	revoke(req, req->param[0]);
}

void tokens_revoke_named(struct http_request *req)
{
	const char *name = http_query(req, "name");

	if (name)
		revoke(req, name);
	else
		http_reply_invalid(req, "name", "says which token to revoke");
}
