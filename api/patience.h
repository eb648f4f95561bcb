/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a connection may keep us waiting, and who goes first when there are too many.
 *
 * libmicrohttpd only knows a time of silence: a client that sends a byte now and then could keep a connection for ever, and
 * LIMIT_HTTP_CONNECTIONS of them would lock everybody else out. So a request must be there whole LIMIT_HTTP_TIMEOUT_S after it could
 * begin; and when room gets short, the connection that has been waited for longest is ended for each one that comes. Those that wait
 * for us (an answer, a stream of events) are left alone.
 */
#ifndef API_PATIENCE_H
#define API_PATIENCE_H

#include <microhttpd.h>

struct loop;
struct patience;

/* Returns owned, or NULL when out of memory. Borrows `loop`. One for each listener; at most `limit` connections. */
struct patience *patience_new(struct loop *loop, unsigned limit);

/* After its connections are gone. NULL is fine. */
void patience_free(struct patience *p);

/* For MHD_OPTION_NOTIFY_CONNECTION, with the patience as `cls`. */
void patience_notify(void *cls, struct MHD_Connection *connection, void **socket_context,
	enum MHD_ConnectionNotificationCode what);

/* What the owner keeps with a connection, by what patience_notify() left in its socket context; NULL when there was no memory. */
void **patience_extra(void *socket_context);

/* The request is there whole: the waiting is ours now. Again is fine. */
void patience_stop(struct MHD_Connection *connection);

/* It is answered: the next one may begin. */
void patience_start(struct MHD_Connection *connection);

#endif
