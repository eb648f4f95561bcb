/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One request, from libmicrohttpd to a handler and back. */
#include "config.h"

#include "api/exchange.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "api/admission.h"
#include "api/audit.h"
#include "api/console.h"
#include "api/loop.h"
#include "api/router.h"
#include "api/tls.h"

/* Bytes of a body that is refused but still read, so that the client gets to see the answer. */
#define DRAIN_MAX (4u * LIMIT_HTTP_BODY)
#define STREAM_BLOCK 8192

static struct exchange *exchange_of(struct http_request *req)
{
	return (struct exchange *)((char *)req - offsetof(struct exchange, req));
}

/* ---- what handlers see of the request */

static const char *get_header(struct http_request *req, const char *name)
{
	return MHD_lookup_connection_value(exchange_of(req)->connection, MHD_HEADER_KIND, name);
}

static const char *get_query(struct http_request *req, const char *name)
{
	return MHD_lookup_connection_value(
		exchange_of(req)->connection, MHD_GET_ARGUMENT_KIND, name);
}

struct query_walk {
	bool (*fn)(void *ctx, const char *name, const char *value);
	void *ctx;
	bool ok;
};

static enum MHD_Result walk_query(
	void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct query_walk *w = cls;

	(void)kind;
	w->ok = w->fn(w->ctx, name, value ? value : "");
	return w->ok ? MHD_YES : MHD_NO;
}

static bool each_query(struct http_request *req,
	bool (*fn)(void *ctx, const char *name, const char *value), void *ctx)
{
	struct query_walk w = { fn, ctx, true };

	MHD_get_connection_values(
		exchange_of(req)->connection, MHD_GET_ARGUMENT_KIND, walk_query, &w);
	return w.ok;
}

static void wake(struct http_request *req)
{
	struct exchange *x = exchange_of(req);

	if (!x->suspended)
		return;
	x->suspended = false;
	MHD_resume_connection(x->connection);
	*x->resumed = true;
}

static struct ip_addr get_address(struct http_request *req)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		exchange_of(req)->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *sa = info ? info->client_addr : NULL;

	if (sa && sa->sa_family == AF_INET)
		return ip_addr_v4(&((const struct sockaddr_in *)(const void *)sa)->sin_addr);
	if (sa && sa->sa_family == AF_INET6)
		return ip_addr_v6(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
	return (struct ip_addr) { 0 };
}

static const struct http_transport transport = { get_header, get_query, each_query, get_address,
	wake };

/* ---- the head */

/* libmicrohttpd leaves escapes in query values as they are (server.c): they are decoded once, in place. */
static enum MHD_Result decode_query(
	void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	bool *ok = cls;

	(void)kind;
	*ok = *ok && http_percent_decode((char *)(uintptr_t)name) &&
	      (!value || http_percent_decode((char *)(uintptr_t)value));
	return MHD_YES;
}

struct exchange *exchange_start(struct console *c, struct MHD_Connection *connection,
	const char *url, const char *method, const char *fault, bool is_unix, struct tls_pair *tls)
{
	struct exchange *x = calloc(1, sizeof(*x));
	bool query_ok = true;

	if (!x)
		return NULL;
	x->path = strdup(url);
	if (!x->path) {
		free(x);
		return NULL;
	}
	x->connection = connection;
	x->console = c;
	x->is_unix = is_unix;
	x->tls = tls_pair_ref(tls);
	x->req.is_tls = tls != NULL;
	x->is_head = strcmp(method, "HEAD") == 0;
	x->req.console = c;
	x->req.transport = &transport;
	x->req.reply = &x->reply;
	x->has_body = admission_has_body(&x->req);
	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, decode_query, &query_ok);
	/* Where it ends nobody can tell: what follows is not taken for a request. */
	if (fault)
		http_reply_header(&x->req, "Connection", "close");
	if (fault)
		http_reply_problem(&x->req, 400, NULL, "%s", fault);
	else if (strstr(url, "%00"))
		http_reply_problem(&x->req, 400, NULL, "the request has a NUL character");
	else if (!query_ok)
		http_reply_problem(&x->req, 400, NULL, "the query is not well-formed UTF-8 text");
	else
		admission_check(x, method);
	return x;
}

/* ---- the body */

bool exchange_body(struct exchange *x, const char *data, size_t len)
{
	size_t limit = x->req.route ? x->req.route->body_limit : 0;
	size_t room = x->body_room ? x->body_room : 4096;
	char *bigger;

	if (x->reply.ready) {
		x->drained += len;
		return x->drained <= DRAIN_MAX;
	}
	if (x->body_len + len > limit) {
		http_reply_problem(
			&x->req, 413, NULL, "the body may have at most %zu bytes", limit);
		return true;
	}
	while (room < x->body_len + len)
		room *= 2;
	if (room > x->body_room) {
		bigger = realloc(x->body, room);
		if (!bigger) {
			http_reply_problem(&x->req, 503, NULL, "out of memory");
			return true;
		}
		x->body = bigger;
		x->body_room = room;
	}
	memcpy(x->body + x->body_len, data, len);
	x->body_len += len;
	return true;
}

/* Brackets in brackets, outside strings. */
static bool is_too_deep(const char *text, size_t len)
{
	unsigned depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		if (in_string) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				in_string = false;
		} else if (text[i] == '"') {
			in_string = true;
		} else if (text[i] == '{' || text[i] == '[') {
			if (++depth > LIMIT_JSON_DEPTH)
				return true;
		} else if ((text[i] == '}' || text[i] == ']') && depth) {
			depth--;
		}
	}
	return false;
}

static bool parse_body(struct exchange *x)
{
	json_error_t err;

	if (!x->req.route->body_limit)
		return true;
	if (!x->body_len) {
		http_reply_problem(&x->req, 400, NULL, "a JSON body is needed");
		return false;
	}
	if (is_too_deep(x->body, x->body_len)) {
		http_reply_problem(&x->req, 400, NULL, "the JSON is nested too deeply");
		return false;
	}
	x->req.body =
		json_loadb(x->body, x->body_len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &err);
	if (!x->req.body)
		http_reply_problem(&x->req, 400, NULL, "line %d, column %d: %s", err.line,
			err.column, err.text);
	free(x->body);
	x->body = NULL;
	return x->req.body != NULL;
}

void exchange_run(struct exchange *x)
{
	x->handled = true;
	/* None means anything here, and libmicrohttpd reads over NULs in them. */
	if (!x->reply.ready &&
		MHD_get_connection_values(x->connection, MHD_FOOTER_KIND, NULL, NULL) > 0)
		http_reply_problem(&x->req, 400, NULL, "trailer fields are not taken");
	if (x->reply.ready || !parse_body(x))
		return;
	x->console->caller = &x->req.caller;
	x->req.route->handler(&x->req);
	x->console->caller = NULL;
}

/* ---- the reply */

static void client_gone(void *ctx, uint32_t events)
{
	struct exchange *x = ctx;

	(void)events;
	loop_unwatch(x->console->loop, x->watch);
	x->watch = NULL;
	exchange_abort(x);
}

/* While libmicrohttpd has a connection suspended it does not look at the socket: we do. */
static void watch_client(struct exchange *x)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (!x->watch && info)
		x->watch =
			loop_watch(x->console->loop, info->connect_fd, EPOLLRDHUP, client_gone, x);
}

void exchange_suspend(struct exchange *x)
{
	watch_client(x);
	x->suspended = true;
	MHD_suspend_connection(x->connection);
}

void exchange_abort(struct exchange *x)
{
	x->gone = true;
	wake(&x->req);
}

static ssize_t read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct exchange *x = cls;
	ssize_t n;

	(void)pos;
	if (x->gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = x->reply.stream(x->reply.stream_ctx, buf, max);
	if (n < 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n == 0)
		exchange_suspend(x);
	return n;
}

static struct MHD_Response *make_response(struct exchange *x)
{
	struct http_reply *r = &x->reply;
	struct MHD_Response *response;

	if (r->stream && !x->is_head) {
		response = MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, x, NULL);
		/* Also while bytes still flow: a stream's client says nothing, so its end shows here. */
		if (response)
			watch_client(x);
		return response;
	}
	if (r->body) {
		response = MHD_create_response_from_buffer(r->len, r->body, MHD_RESPMEM_MUST_FREE);
		if (response)
			r->body = NULL;
		return response;
	}
	return MHD_create_response_from_buffer(
		r->len, (void *)(uintptr_t)r->fixed_body, MHD_RESPMEM_PERSISTENT);
}

static void add_headers(const struct http_reply *r, struct MHD_Response *response)
{
	static const char *const security[][2] = {
		{ "Content-Security-Policy",
			"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
			"connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; "
			"frame-ancestors 'none'; require-trusted-types-for 'script'; "
			"trusted-types 'none'" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
	};

	for (size_t i = 0; i < sizeof(security) / sizeof(security[0]); i++)
		MHD_add_response_header(response, security[i][0], security[i][1]);
	if (r->content_type)
		MHD_add_response_header(response, "Content-Type", r->content_type);
	/* Pages and assets hold no data and are asked for again by ETag; the rest is never kept. */
	MHD_add_response_header(response, "Cache-Control", r->is_public ? "no-cache" : "no-store");
	for (unsigned i = 0; i < r->n_headers; i++)
		MHD_add_response_header(response, r->headers[i].name, r->headers[i].value);
}

enum MHD_Result exchange_send(struct exchange *x)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	if (!x->audited)
		audit_request(x);
	x->audited = true;
	response = x->gone ? NULL : make_response(x);
	if (!response)
		return MHD_NO;
	add_headers(&x->reply, response);
	result = MHD_queue_response(x->connection, x->reply.status, response);
	MHD_destroy_response(response);
	return result;
}

void exchange_end(struct exchange *x)
{
	if (!x)
		return;
	loop_unwatch(x->console->loop, x->watch);
	if (x->req.on_end)
		x->req.on_end(&x->req);
	if (x->link) {
		*x->link = x->next;
		if (x->next)
			x->next->link = x->link;
	}
	json_decref(x->req.body);
	http_reply_done(&x->reply);
	tls_pair_unref(x->tls);
	free(x->body);
	free(x->path);
	free(x);
}
