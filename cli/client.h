/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One daemon's API, over its Unix socket (the peer's user is the proof) or a URL with a token. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <jansson.h>

#include "lib/err.h"

struct client_target {
	const char *socket_path; /* used when url is NULL */
	const char *url; /* "http://HOST:PORT", without a path; NULL: the socket */
	const char *token; /* NULL: none */
	const char *cacert; /* a file of certificates to trust; NULL: the system's */
	const char *agent; /* the program's name */
};

struct response {
	long status; /* HTTP */
	json_t *body; /* owned; NULL when there was none */
	char *etag; /* owned; NULL when there was none */
};

struct client;

/* Makes a client; nothing is sent yet. Strings are copied. 0, ERR_INVALID (a bad URL) or ERR_NOMEM. */
int client_new(struct client **ret, const struct client_target *target, struct error *e);
void client_free(struct client *c);

/*
 * One request and its whole answer. `path` starts with "/api/"; `body` (borrowed) may be NULL. Every HTTP
 * status is a success here: look at ret->status. Errors: ERR_PERMISSION and ERR_NOT_FOUND for the socket
 * itself, ERR_CLOSED when nobody answers, ERR_MALFORMED for an answer that is not JSON, ERR_TOO_BIG, ERR_NOMEM.
 */
int client_call(struct client *c, const char *method, const char *path, const json_t *body,
	struct response *ret, struct error *e);

/* Sends If-Match with every call from now on; NULL: no more. The string is borrowed until then. */
void client_if_match(struct client *c, const char *etag);

/* Frees what an answer holds; `r` may be zeroed. */
void response_done(struct response *r);

/* Percent-encoded, for a part of a path or query. Returns owned, or NULL. */
char *client_escape(const char *s);

/* "/api/v1/rules/NAME" with NAME percent-encoded. Returns owned, or NULL. */
char *client_rule_path(const char *name);

#endif
