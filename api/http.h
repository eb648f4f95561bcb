/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a handler sees of HTTP: one request, and the calls that answer it. No libmicrohttpd here.
 *
 * Life of a request: the server finds the route, checks Host, Origin, authentication, scope, media
 * type and body limit, parses the JSON body, and calls the route's handler. By then everything the
 * table asks for holds: `body` is there where the method takes one, `param[]` are decoded and valid
 * UTF-8 without control characters. The handler answers exactly once with an http_reply_*() call,
 * at once or later: after http_defer() the request lives on (its socket is watched meanwhile), and
 * a reply call from anywhere in the loop sends the answer.
 *
 * Every http_reply_*() that takes a json_t takes its reference, whatever happens. When memory is
 * short the answer becomes a 503. A second answer to one request is a bug of ours (assert).
 */
#ifndef API_HTTP_H
#define API_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"
#include "lib/limits.h"

struct console;
struct http_reply;
struct http_request;
struct route;

enum http_method {
	HTTP_GET, /* HEAD comes as GET */
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_METHOD_COUNT_,
};

/* What a caller may do: bits. A route asks for one of them; admin holds all. */
enum scope {
	SCOPE_NONE = 0, /* no authentication: health, log-in, pages */
	SCOPE_READ = 1 << 0,
	SCOPE_PROMPTS = 1 << 1, /* answer prompts */
	SCOPE_RULES = 1 << 2, /* change rules */
	SCOPE_ADMIN = 1 << 3, /* everything else that changes something */
	SCOPE_ALL = SCOPE_READ | SCOPE_PROMPTS | SCOPE_RULES | SCOPE_ADMIN,
};

/* How the caller proved who it is. */
enum caller_kind { CALLER_NOBODY, CALLER_TOKEN, CALLER_SESSION, CALLER_SOCKET };

/* "nobody", "token", "session"; "user" for who came by the Unix socket. */
const char *caller_kind_str(enum caller_kind kind);

struct caller {
	enum caller_kind kind;
	unsigned scopes; /* enum scope */
	uint64_t expires_us; /* of a session; otherwise 0 */
	char user[LIMIT_USER_NAME +
		  1]; /* of a Unix-socket peer or a named token; "token", "session" otherwise */
	char login[LIMIT_TOKEN_NAME +
		   16]; /* "token", "token:NAME", "user:NAME"; of a session: what it was made with */
	uint64_t credential; /* of a token or session (auth_credential); otherwise 0 */
	int64_t uid; /* of a Unix-socket peer; otherwise -1 */
};

#define HTTP_PARAMS_MAX 2
#define HTTP_CURSOR_MAX 512 /* bytes of what a cursor holds */

struct http_request {
	struct console *console;
	const struct route *route;
	enum http_method method;
	struct caller caller;
	bool is_tls; /* nobody between us and the client reads along: cookies are for such connections only */
	const char *param[HTTP_PARAMS_MAX]; /* the {} parts of the path, decoded, in order */
	/* For the audit log: the rule that came of it. Empty where the request names it, or there is none. */
	char made[LIMIT_RULE_NAME + 1];
	json_t *body; /* parsed; NULL where the route takes none. Borrowed: the server frees it */

	/*
	 * For a deferred request: called once when the request ends, answered or not (the client may go
	 * away first). Afterwards the pointer to the request is dead.
	 */
	void (*on_end)(struct http_request *req);
	void *handler_data; /* the handler's own */

	/* The rest is of api/http.c and whoever carries the request (api/reply.h). */
	const struct http_transport *transport;
	struct http_reply *reply;
};

typedef void (*http_handler)(struct http_request *req);

/* ---- the route table (api/routes.c): one line an operation */

struct route {
	enum http_method method;
	/*
	 * "/api/v1/prompts/{id}/answer": a part in braces takes one segment; a last part "{*}" takes the
	 * rest. The first line that fits wins, so put "/rules/export" before "/rules/{name}".
	 */
	const char *path;
	unsigned scope; /* one of enum scope */
	size_t body_limit; /* 0: takes no body; otherwise JSON of at most this, and it must be there */
	http_handler handler;
	/*
	 * The query parameters that it knows, ending with NULL: another one is a 422. NULL: anything goes (pages).
	 */
	const char *const *query;
};

extern const struct route routes[];
extern const size_t n_routes;

/* ---- reading the request */

/* The first value of a query parameter (decoded, valid UTF-8), or NULL. Borrowed. */
const char *http_query(struct http_request *req, const char *name);

/* The client's IP address; family 0 on the Unix socket. */
struct ip_addr http_client_address(struct http_request *req);

/* A header's value or NULL; names compare without case. Borrowed. */
const char *http_header(struct http_request *req, const char *name);

/*
 * Holds every query parameter against a NULL-terminated list of known names. An unknown one is answered
 * with 422 naming it; then this returns false and the handler returns.
 */
bool http_query_known(struct http_request *req, const char *const *names);

/*
 * An unsigned number in a query parameter: *ret stays when it is absent. False after a 422 naming it.
 */
bool http_query_number(
	struct http_request *req, const char *name, uint64_t min, uint64_t max, uint64_t *ret);

/* "true" and "false". */
extern const char *const http_bools[];

/* One of these words (ending with NULL) in a query parameter: *ret is it, or NULL when it is absent. Borrowed. False after a 422 naming it. */
bool http_query_word(
	struct http_request *req, const char *name, const char *const *words, const char **ret);

/*
 * The order of a list: `sort` holds one of these names (ending with NULL), with a "-" before it for the greatest first.
 * Where it is absent *ret_key and *ret_descending stay. False after a 422.
 */
bool http_query_sort(
	struct http_request *req, const char *const *keys, unsigned *ret_key, bool *ret_descending);

/* An RFC 3339 time in a query parameter, as CLOCK_REALTIME microseconds: *ret stays when it is absent. False after a 422 naming it. */
bool http_query_time(struct http_request *req, const char *name, uint64_t *ret_us);

/* A parameter of the path as a number; false after a 404. */
bool http_param_number(struct http_request *req, unsigned i, uint64_t *ret);

/* ---- pages of a list */

struct http_page {
	unsigned limit; /* LIMIT_PAGE_DEFAULT, at most LIMIT_PAGE_ITEMS */
	bool has_cursor;
	char cursor[HTTP_CURSOR_MAX + 1]; /* what the list put into `next`, as it put it */
};

/* Reads `limit` and `cursor`. False after a 422 naming the bad one. */
bool http_page_read(struct http_request *req, struct http_page *ret);

/*
 * 200 {"items":[...],"next":...}. Takes `items`. `next` is the text that the next page's cursor will hold
 * (any bytes without NUL, at most HTTP_CURSOR_MAX; made opaque here), or NULL on the last page.
 */
void http_reply_list(struct http_request *req, json_t *items, const char *next);

/* The same where more stands beside the items: sets "items" and "next" in `extra`, takes both. */
void http_reply_list_with(struct http_request *req, json_t *extra, json_t *items, const char *next);

/* ---- answering */

/* JSON without an ETag (statuses, results of actions). Takes `body`. */
void http_reply_json(struct http_request *req, unsigned status, json_t *body);

/*
 * One resource, with its ETag; a GET whose If-None-Match has it becomes 304. Takes `body`. `location` (may
 * be NULL) goes into a Location header.
 */
void http_reply_resource(
	struct http_request *req, unsigned status, json_t *body, const char *location);

/*
 * The same where something in the resource changes by itself (counters): its ETag is that of `tagged` (borrowed),
 * what a PUT could change.
 */
void http_reply_resource_tagged(struct http_request *req, unsigned status, json_t *body,
	const json_t *tagged, const char *location);

/* Ready-made JSON text. Takes `text` (malloc'ed, `len` bytes), also when NULL (then 503). */
void http_reply_json_text(struct http_request *req, unsigned status, char *text, size_t len);

/* 204. */
void http_reply_empty(struct http_request *req);

/* One more header of the answer, before the reply call. Both strings are copied. */
void http_reply_header(struct http_request *req, const char *name, const char *value);

/*
 * Problem details (RFC 9457). `slug` ends the type "urn:opensnitch:problem:<slug>"; NULL takes the
 * status's usual one. The detail is formatted; quote hostile text.
 */
void http_reply_problem(struct http_request *req, unsigned status, const char *slug,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* 422 with one entry in `errors`. */
void http_reply_invalid(struct http_request *req, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Another status with several, as a 409 that says for each what it collides with. Takes `errors`. */
void http_reply_errors(struct http_request *req, unsigned status, json_t *errors);

/* 422 with several: an array of {"field","message"} (taken). */
void http_reply_invalid_list(struct http_request *req, json_t *errors);

/*
 * The answer for a failed operation by its code: ERR_INVALID 422 (place becomes errors[0].field), ERR_MALFORMED
 * 400, ERR_NOT_FOUND 404, ERR_EXISTS and ERR_CONFLICT 409, ERR_GONE 410, ERR_TOO_BIG 413 or 422 (with a
 * place), ERR_PERMISSION 403, ERR_UNSUPPORTED 422, the rest 503 with Retry-After. `err` may be NULL.
 */
void http_reply_error(struct http_request *req, int code, const struct error *err);

/* The handler will answer later. Set on_end first. */
void http_defer(struct http_request *req);

/* ---- ETags and conditions */

#define HTTP_ETAG_LEN 36 /* quotes and NUL included */

/* The strong ETag of a resource: a hash over its canonical form. Borrows. False when out of memory. */
bool http_etag(const json_t *resource, char ret[static HTTP_ETAG_LEN]);

/*
 * Whether the request's If-Match (if any) fits the resource as it is now; false after a 412. Call it
 * before changing anything. Borrows.
 */
bool http_if_match(struct http_request *req, const json_t *current);

/* ---- JSON bodies */

/*
 * The members of an object body, by name. False after a 422 naming the unknown member or, for a body
 * that is no object, "". `names` ends with NULL.
 */
bool http_body_known(struct http_request *req, const char *const *names);

/* RFC 7396: `patch` merged into a copy of `target`. Returns owned, NULL when out of memory. Borrows both. */
json_t *http_merge_patch(const json_t *target, const json_t *patch);

/* A JSON string of these bytes, whatever they are: not UTF-8 or control bytes become "\xHH". */
json_t *http_json_text(const char *s, size_t len);

/* An RFC 3339 time, or null for 0. */
json_t *http_json_time(uint64_t real_us);

#endif
