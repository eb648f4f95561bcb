/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libmicrohttpd on the loop. */
#include "config.h"

#include "api/server.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "api/console.h"
#include "api/exchange.h"
#include "api/head.h"
#include "api/loop.h"
#include "api/patience.h"
#include "api/tls.h"
#include "daemon/ipc.h"
#include "lib/addr.h"
#include "lib/cleanup.h"
#include "lib/log.h"

struct listener {
	struct server *server;
	struct MHD_Daemon *daemon;
	struct watch *watch;
	struct patience *patience;
	bool is_unix, is_tls;
	struct ip_addr addr; /* unless it is a Unix socket */
	uint16_t port;
	bool resumed; /* some connection of it was, since libmicrohttpd last ran */
};

static struct tls_pair *pair_of(struct MHD_Connection *connection);

struct server {
	struct console *console;
	struct exchange *exchanges;
	unsigned n_listeners;
	struct listener listeners[IPC_LISTEN_MAX + 1];
	struct tls_pair *pair; /* for connections to come; NULL: they fail */
};

/* ---- libmicrohttpd's callbacks */

static struct exchange *begin(struct listener *l, struct MHD_Connection *connection,
	const char *url, const char *method, const char *fault)
{
	struct exchange *x = exchange_start(l->server->console, connection, url, method, fault,
		l->is_unix, l->is_tls ? pair_of(connection) : NULL);

	if (!x)
		return NULL;
	x->resumed = &l->resumed;
	x->next = l->server->exchanges;
	x->link = &l->server->exchanges;
	if (x->next)
		x->next->link = &x->next;
	l->server->exchanges = x;
	return x;
}

/*
 * Called for the head, for each piece of the body, at the end of the request, and again whenever a suspended one was
 * resumed.
 */
static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data, size_t *len, void **con_cls)
{
	struct exchange *x = *con_cls;

	if (!x || head_is_note(x)) {
		const char *fault = head_fault(connection, method, url, version, x);

		*con_cls = x = begin(cls, connection, url, method, fault);
		if (!x)
			return MHD_NO;
		/* Refused with a body on its way: the answer goes out before it, and the connection ends. */
		return x->reply.ready && x->has_body ? exchange_send(x) : MHD_YES;
	}
	if (x->gone)
		return MHD_NO;
	if (*len) {
		bool ok = exchange_body(x, data, *len);

		*len = 0;
		return ok ? MHD_YES : MHD_NO;
	}
	patience_stop(connection);
	if (!x->handled)
		exchange_run(x);
	if (x->reply.ready)
		return exchange_send(x);
	exchange_suspend(x);
	return MHD_YES;
}

static void completed(void *cls, struct MHD_Connection *connection, void **con_cls,
	enum MHD_RequestTerminationCode code)
{
	(void)cls;
	(void)code;
	patience_start(connection);
	if (!head_is_note(*con_cls))
		exchange_end(*con_cls);
	*con_cls = NULL;
}

/* Escapes stay as they are: the router must tell "%2F" from "/". */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *s)
{
	(void)cls;
	(void)connection;
	return strlen(s);
}

/* ---- listeners */

static void run(void *ctx, uint32_t events)
{
	struct listener *l = ctx;

	(void)events;
	MHD_run(l->daemon);
}

/*
 * Lets one listener do what is due, and says how long it can wait: ms or -1. Resumed connections are due as well: without
 * threads libmicrohttpd neither wakes up for them nor counts them in its timeout.
 */
static int64_t run_due(struct listener *l)
{
	MHD_UNSIGNED_LONG_LONG ms = 0;

	/* Bounded, so that a busy client cannot keep the rest waiting. */
	for (int turn = 0; turn < 4; turn++) {
		bool resumed = l->resumed;

		l->resumed = false;
		if (resumed)
			ms = 0;
		else if (MHD_get_timeout(l->daemon, &ms) != MHD_YES)
			return -1;
		if (ms > 0)
			return ms > INT64_MAX ? -1 : (int64_t)ms;
		MHD_run(l->daemon);
	}
	return 0;
}

static int64_t before_wait(void *ctx)
{
	struct server *s = ctx;
	int64_t wait = -1;

	for (unsigned i = 0; i < s->n_listeners; i++) {
		int64_t ms = run_due(&s->listeners[i]);

		if (ms >= 0 && (wait < 0 || ms < wait))
			wait = ms;
	}
	/* One listener's work may have woken connections of another that had its turn. */
	for (unsigned i = 0; i < s->n_listeners; i++)
		if (s->listeners[i].resumed)
			wait = 0;
	return wait;
}

/* What it is bound to: a Unix socket, or an address. Only loopback is served without TLS. */
static bool find_address(struct listener *l, int fd)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage any;
	} addr;
	socklen_t len = sizeof(addr);

	memset(&addr, 0, sizeof(addr));
	if (getsockname(fd, &addr.sa, &len) < 0)
		return false;
	l->is_unix = addr.sa.sa_family == AF_UNIX;
	if (l->is_unix)
		return true;
	if (addr.sa.sa_family != AF_INET && addr.sa.sa_family != AF_INET6)
		return false;
	l->addr = addr.sa.sa_family == AF_INET ? ip_addr_v4(&addr.in.sin_addr)
					       : ip_addr_v6(&addr.in6.sin6_addr);
	l->port = ntohs(addr.sa.sa_family == AF_INET ? addr.in.sin_port : addr.in6.sin6_port);
	l->is_tls = !ip_addr_is_loopback(&l->addr);
	return true;
}

/* ---- TLS */

/* Never called: each session has a pair of its own, or fails. libmicrohttpd wants a certificate or this. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *names, int n_names,
	const gnutls_pk_algorithm_t *algorithms, int n_algorithms, gnutls_pcert_st **certificates,
	unsigned *n_certificates, gnutls_privkey_t *key)
{
	(void)session;
	(void)names;
	(void)n_names;
	(void)algorithms;
	(void)n_algorithms;
	(void)certificates;
	(void)n_certificates;
	(void)key;
	return -1;
}

/* A connection begins with the pair that there is now, and keeps a reference to it. */
static void begin_tls(struct listener *l, struct MHD_Connection *connection, void *socket_context)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	void **slot = patience_extra(socket_context);

	if (slot && info && l->server->pair &&
		tls_pair_use(l->server->pair, info->tls_session) >= 0)
		*slot = tls_pair_ref(l->server->pair);
}

static void notify(void *cls, struct MHD_Connection *connection, void **socket_context,
	enum MHD_ConnectionNotificationCode what)
{
	struct listener *l = cls;
	void **slot = patience_extra(*socket_context);
	struct tls_pair *pair = slot ? *slot : NULL;

	patience_notify(l->patience, connection, socket_context, what);
	if (what == MHD_CONNECTION_NOTIFY_STARTED && l->is_tls)
		begin_tls(l, connection, *socket_context);
	else if (what == MHD_CONNECTION_NOTIFY_CLOSED)
		tls_pair_unref(pair);
}

static struct tls_pair *pair_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	void **slot = info ? patience_extra(info->socket_context) : NULL;

	return slot ? *slot : NULL;
}

void server_set_pair(struct server *s, struct tls_pair *pair)
{
	tls_pair_unref(s->pair);
	s->pair = tls_pair_ref(pair);
}

const struct tls_pair *server_pair(const struct server *s)
{
	return s->pair;
}

/* ---- starting */

static struct MHD_Daemon *start_daemon(struct listener *l, int fd)
{
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)no_certificate },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (l->is_tls ? MHD_USE_TLS : 0);

	return MHD_start_daemon(flags, 0, NULL, NULL, handle, l, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_NOTIFY_COMPLETED, completed, l, MHD_OPTION_NOTIFY_CONNECTION, notify, l,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_URI_LOG_CALLBACK,
		head_note, NULL, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)LIMIT_HTTP_TIMEOUT_S,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)LIMIT_HTTP_CONNECTIONS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_ROOM, MHD_OPTION_ARRAY,
		l->is_tls ? tls : &tls[array_len(tls) - 1], MHD_OPTION_END);
}

static bool start_listener(struct server *s, int fd)
{
	struct listener *l = &s->listeners[s->n_listeners];
	const union MHD_DaemonInfo *info;

	l->server = s;
	if (!find_address(l, fd)) {
		log_error("listener %u has no address", s->n_listeners);
		return false;
	}
	l->patience = patience_new(s->console->loop, LIMIT_HTTP_CONNECTIONS);
	if (!l->patience)
		return false;
	l->daemon = start_daemon(l, fd);
	if (!l->daemon) {
		patience_free(l->patience);
		log_error("the HTTP server cannot start on listener %u", s->n_listeners);
		return false;
	}
	s->n_listeners++;
	info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info)
		l->watch = loop_watch(s->console->loop, info->epoll_fd, EPOLLIN, run, l);
	if (!l->watch)
		log_error("the HTTP server's listener %u cannot be watched", s->n_listeners - 1);
	return l->watch != NULL;
}

struct server *server_new(struct console *c, int first_fd, unsigned n)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->console = c;
	for (unsigned i = 0; i < n && i < IPC_LISTEN_MAX + 1; i++) {
		if (!start_listener(s, first_fd + (int)i)) {
			server_free(s);
			return NULL;
		}
	}
	if (loop_before_wait(c->loop, before_wait, s) < 0) {
		server_free(s);
		return NULL;
	}
	return s;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	/* libmicrohttpd must not be stopped while it has suspended connections. */
	for (struct exchange *x = s->exchanges; x; x = x->next)
		exchange_abort(x);
	for (unsigned i = 0; i < s->n_listeners; i++) {
		loop_unwatch(s->console->loop, s->listeners[i].watch);
		MHD_run(s->listeners[i].daemon);
		MHD_stop_daemon(s->listeners[i].daemon);
		patience_free(s->listeners[i].patience);
	}
	tls_pair_unref(s->pair);
	free(s);
}

/* What a browser on this machine is sent to: loopback where that is served, otherwise the first TCP listener. */
static const struct listener *find_own(const struct server *s)
{
	const struct listener *found = NULL;

	for (unsigned i = 0; i < s->n_listeners; i++) {
		const struct listener *l = &s->listeners[i];

		if (!l->is_unix && (!found || (found->is_tls && !l->is_tls)))
			found = l;
	}
	return found;
}

const char *server_url(const struct server *s, char buf[static SERVER_URL_LEN])
{
	const struct listener *l = find_own(s);
	char host[IP_ADDR_TEXT_LEN];
	const char *name = host;

	if (!l) {
		snprintf(buf, SERVER_URL_LEN, "http://");
		return buf;
	}
	ip_addr_format(&l->addr, host);
	if (l->is_tls && s->pair && *tls_pair_name(s->pair))
		name = tls_pair_name(s->pair);
	else if (strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0 ||
		 ip_addr_is_any(&l->addr))
		name = "localhost";
	snprintf(buf, SERVER_URL_LEN, strchr(name, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
		l->is_tls ? "https" : "http", name, l->port);
	return buf;
}

/* A request that is being answered at this moment is not cut: only what is suspended or streams. */
static void end_stream(struct exchange *x)
{
	if (x->suspended || x->reply.stream)
		exchange_abort(x);
}

void server_end_streams(struct server *s, uint64_t credential)
{
	for (struct exchange *x = s->exchanges; credential && x; x = x->next)
		if (x->req.caller.credential == credential)
			end_stream(x);
}

void server_end_expired(struct server *s, uint64_t now_us)
{
	for (struct exchange *x = s->exchanges; x; x = x->next)
		if (x->req.caller.expires_us && x->req.caller.expires_us <= now_us)
			end_stream(x);
}
