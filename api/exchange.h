/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One HTTP request from its first line to its end, between libmicrohttpd and the handlers.
 *
 * State runs one way: headers are judged (exchange_start), the body is gathered (exchange_body), the handler runs
 * (exchange_run), the reply is sent (exchange_send). While a handler's answer or a stream's bytes are due, the connection
 * is suspended and the exchange watches its socket: a client that goes away is noticed at once.
 */
#ifndef API_EXCHANGE_H
#define API_EXCHANGE_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "api/http.h"
#include "api/reply.h"

struct console;
struct loop;
struct tls_pair;
struct watch;

struct exchange {
	struct http_request req;
	struct http_reply reply;
	struct MHD_Connection *connection;
	struct console *console;
	bool is_unix;
	struct tls_pair *tls; /* of a TLS connection, with a reference; NULL: plain */
	bool is_head;
	bool has_body; /* the client announced one */
	bool handled; /* the handler ran, or is not to run */
	bool suspended;
	bool gone; /* the client went away */
	bool audited; /* the audit log has had its look */
	bool *resumed; /* set when the connection was resumed: its libmicrohttpd daemon must run */
	char *path; /* owned; the parameters point into it */
	char *body; /* owned */
	size_t body_len, body_room, drained;
	struct watch *watch;
	struct exchange *next, **link; /* all of the server's */
};

/* Judges the head of a request; `fault`: what is wrong with it as such (head_fault()), or NULL. `tls` (borrowed) is NULL on a plain connection. Returned owned; NULL when out of memory. Its reply may already be there (refused). */
struct exchange *exchange_start(struct console *c, struct MHD_Connection *connection,
	const char *url, const char *method, const char *fault, bool is_unix, struct tls_pair *tls);

/* Some bytes of the body. False: far too many, hang up. */
bool exchange_body(struct exchange *x, const char *data, size_t len);

/* Parses the body and calls the handler, unless the reply is there. */
void exchange_run(struct exchange *x);

/* Gives the reply to libmicrohttpd. */
enum MHD_Result exchange_send(struct exchange *x);

/* Suspends the connection until the reply or stream wakes it. */
void exchange_suspend(struct exchange *x);

/* Ends a suspended exchange as if its client had gone. */
void exchange_abort(struct exchange *x);

/* The request is over: calls the handler's on_end and frees everything. NULL is fine. */
void exchange_end(struct exchange *x);

#endif
