/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Admission of requests. */
#include "config.h"

#include "api/admission.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/auth.h"
#include "api/configuration.h"
#include "api/console.h"
#include "api/exchange.h"
#include "api/guard.h"
#include "api/peers.h"
#include "api/router.h"
#include "api/tls.h"
#include "lib/addr.h"

bool admission_has_body(struct http_request *req)
{
	const char *length = http_header(req, "Content-Length");

	return http_header(req, "Transfer-Encoding") || (length && strcmp(length, "0") != 0);
}

static int socket_of(struct exchange *x)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

/* Over TLS: a name that the certificate proves, or the address itself that was connected to, which no DNS answer can fake. */
static bool is_host_of_tls(struct exchange *x, const char *host)
{
	char name[LIMIT_HOST + 1];
	struct ip_addr addr, own;
	bool bracketed;

	if (!x->tls || !guard_host_name(host, name, &bracketed))
		return false;
	if (tls_pair_is_for(x->tls, name))
		return true;
	return ip_addr_parse(name, &addr) == 0 && peers_own_address(socket_of(x), &own) &&
	       ip_addr_equal(&addr, &own);
}

static bool check_host(struct exchange *x)
{
	const char *host = http_header(&x->req, "Host");

	/* Nobody can point a browser at the Unix socket: clients may leave the header out there. */
	if ((!host || !*host) && x->is_unix)
		return true;
	if (host && (guard_host_is_ours(host, &config_get(x->console->config)->hosts) ||
			    is_host_of_tls(x, host)))
		return true;
	http_reply_problem(&x->req, 403, "bad-host",
		"the Host header names neither this machine nor one of the configured hosts");
	return false;
}

static bool check_origin(struct exchange *x, bool changes)
{
	enum guard_site site =
		guard_site(http_header(&x->req, "Origin"), http_header(&x->req, "Sec-Fetch-Site"),
			http_header(&x->req, "Host"), x->req.is_tls);

	if (!changes || site != GUARD_FOREIGN)
		return true;
	http_reply_problem(&x->req, 403, "bad-origin", "a page from elsewhere may not do this");
	return false;
}

static bool find_route(struct exchange *x, const char *method_name)
{
	struct route_match match;
	char allowed[64];
	enum http_method method;
	bool known = http_method_parse(method_name, &method);
	/* An unknown method gets a 405 all the same where the path is known. */
	int r = router_find(routes, n_routes, known ? method : HTTP_METHOD_COUNT_, x->path, &match);

	x->req.method = known ? method : HTTP_GET;
	if (r == 0) {
		x->req.route = match.route;
		memcpy(x->req.param, match.param, sizeof(match.param));
		return true;
	}
	if (r == ERR_MALFORMED) {
		http_reply_problem(&x->req, 400, NULL, "the path is not well-formed UTF-8 text");
		return false;
	}
	if (!match.allowed) {
		http_reply_problem(&x->req, 404, NULL, "there is nothing at this path");
		return false;
	}
	http_reply_header(&x->req, "Allow", http_methods_str(match.allowed, allowed));
	http_reply_problem(&x->req, 405, NULL, "this path takes %s", allowed);
	return false;
}

/* Where the config says who may try, others do not even see the log-in page; only health is everybody's. */
static bool check_peer(struct exchange *x, int fd)
{
	if (x->is_unix || strcmp(x->req.route->path, "/api/v1/health") == 0 ||
		peers_may_try(
			x->console->peers, fd, &config_get(x->console->config)->tcp_peer_users))
		return true;
	http_reply_problem(&x->req, 403, "peer-not-allowed",
		"tcp_peer_users does not name the user of this program: send a token");
	return false;
}

static bool check_caller(struct exchange *x)
{
	struct http_request *req = &x->req;
	int fd = socket_of(x);
	struct auth_facts facts = { http_header(req, "Authorization"), http_header(req, "Cookie"),
		x->is_unix ? fd : -1, req->is_tls };
	bool is_proven = auth_check(x->console->auth, &facts, &req->caller);

	if (!is_proven && !check_peer(x, fd))
		return false;
	if (is_proven || req->route->scope == SCOPE_NONE) {
		if ((req->caller.scopes & req->route->scope) == req->route->scope)
			return true;
		http_reply_problem(req, 403, NULL, "these credentials do not allow this");
		return false;
	}
	http_reply_header(req, "WWW-Authenticate", "Bearer realm=\"opensnitch\"");
	http_reply_problem(req, 401, NULL,
		facts.authorization ? "the token is wrong" : "log in, or send a token");
	return false;
}

/*
 * A browser sends the cookie by itself, so what changes something must come from our own page: Origin or
 * Sec-Fetch-Site has to say so. Reading from another page is refused as well where the browser tells.
 */
static bool check_cookie_use(struct exchange *x, bool changes)
{
	enum guard_site site;

	if (x->req.caller.kind != CALLER_SESSION || x->req.route->scope == SCOPE_NONE)
		return true;
	site = guard_site(http_header(&x->req, "Origin"), http_header(&x->req, "Sec-Fetch-Site"),
		http_header(&x->req, "Host"), x->req.is_tls);
	if (changes ? site == GUARD_SAME : site != GUARD_FOREIGN)
		return true;
	http_reply_problem(&x->req, 403, "bad-origin",
		"a request with the session cookie must come from the dashboard's own page");
	return false;
}

static bool check_body(struct exchange *x)
{
	const char *length = http_header(&x->req, "Content-Length");
	const char *type = http_header(&x->req, "Content-Type");
	const char *coding = http_header(&x->req, "Transfer-Encoding");
	size_t limit = x->req.route->body_limit;

	if (!x->has_body)
		return true;
	if (coding && strcasecmp(coding, "chunked") != 0) {
		http_reply_problem(&x->req, 400, NULL, "the only transfer coding is chunked");
		return false;
	}
	if (!limit) {
		http_reply_problem(&x->req, 413, NULL, "this takes no body");
		return false;
	}
	if (length && (strlen(length) > 18 || strtoull(length, NULL, 10) > limit)) {
		http_reply_problem(
			&x->req, 413, NULL, "the body may have at most %zu bytes", limit);
		return false;
	}
	if (type && (guard_media_type_is(type, "application/json") ||
			    (x->req.method == HTTP_PATCH &&
				    guard_media_type_is(type, "application/merge-patch+json"))))
		return true;
	http_reply_problem(&x->req, 415, NULL, "the body must be application/json");
	return false;
}

static bool check_query(struct exchange *x)
{
	const char *const *known = x->req.route->query;

	return !known || http_query_known(&x->req, known);
}

void admission_check(struct exchange *x, const char *method)
{
	bool changes = strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;

	if (check_host(x) && check_origin(x, changes) && find_route(x, method) && check_caller(x) &&
		check_cookie_use(x, changes) && check_query(x))
		(void)check_body(x);
}
