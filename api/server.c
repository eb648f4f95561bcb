/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libmicrohttpd on the loop. */
#include "config.h"

#include "api/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "api/console.h"
#include "api/exchange.h"
#include "api/loop.h"
#include "api/patience.h"
#include "daemon/ipc.h"
#include "lib/addr.h"
#include "lib/log.h"

struct listener {
	struct server *server;
	struct MHD_Daemon *daemon;
	struct watch *watch;
	struct patience *patience;
	bool is_unix;
	bool resumed; /* some connection of it was, since libmicrohttpd last ran */
};

struct server {
	struct console *console;
	struct exchange *exchanges;
	unsigned n_listeners;
	struct listener listeners[IPC_LISTEN_MAX + 1];
	char authority[64];
};

/* ---- libmicrohttpd's callbacks */

static struct exchange *begin(
	struct listener *l, struct MHD_Connection *connection, const char *url, const char *method)
{
	struct exchange *x =
		exchange_start(l->server->console, connection, url, method, l->is_unix);

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

	(void)version;
	if (!x) {
		*con_cls = x = begin(cls, connection, url, method);
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

/* The first TCP listener gives the name of the dashboard; a usual loopback address is "localhost". */
static void note_address(struct server *s, struct listener *l, int fd)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage any;
	} addr;
	socklen_t len = sizeof(addr);
	char text[IP_ADDR_TEXT_LEN];
	struct ip_addr ip;

	memset(&addr, 0, sizeof(addr));
	if (getsockname(fd, &addr.sa, &len) < 0)
		return;
	l->is_unix = addr.sa.sa_family == AF_UNIX;
	if (l->is_unix || s->authority[0])
		return;
	ip = addr.sa.sa_family == AF_INET ? ip_addr_v4(&addr.in.sin_addr)
					  : ip_addr_v6(&addr.in6.sin6_addr);
	ip_addr_format(&ip, text);
	if (strcmp(text, "127.0.0.1") == 0 || strcmp(text, "::1") == 0)
		snprintf(text, sizeof(text), "localhost");
	snprintf(s->authority, sizeof(s->authority), strchr(text, ':') ? "[%s]:%u" : "%s:%u", text,
		ntohs(addr.sa.sa_family == AF_INET ? addr.in.sin_port : addr.in6.sin6_port));
}

static bool start_listener(struct server *s, int fd)
{
	struct listener *l = &s->listeners[s->n_listeners];
	const union MHD_DaemonInfo *info;

	l->server = s;
	note_address(s, l, fd);
	l->patience = patience_new(s->console->loop, LIMIT_HTTP_CONNECTIONS);
	if (!l->patience)
		return false;
	l->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		handle, l, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, completed, l,
		MHD_OPTION_NOTIFY_CONNECTION, patience_notify, l->patience,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)LIMIT_HTTP_TIMEOUT_S, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)LIMIT_HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
		MHD_OPTION_END);
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
	free(s);
}

const char *server_authority(const struct server *s)
{
	return s->authority;
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
