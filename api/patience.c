/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections that are waited for, the longest first. */
#include "config.h"

#include "api/patience.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "api/loop.h"
#include "lib/clock.h"
#include "lib/limits.h"

#define SWEEP_MS 1000

struct waited {
	struct patience *patience;
	int fd;
	bool is_listed;
	uint64_t since_ns; /* CLOCK_MONOTONIC */
	void *extra; /* the owner's */
	struct waited *next, *prev; /* later, earlier */
};

struct patience {
	struct loop *loop;
	struct timer *timer;
	unsigned limit, n; /* connections, also those that are not waited for */
	struct waited *first, *last;
};

static void unlist(struct waited *w)
{
	struct patience *p = w->patience;

	if (!w->is_listed)
		return;
	*(w->prev ? &w->prev->next : &p->first) = w->next;
	*(w->next ? &w->next->prev : &p->last) = w->prev;
	w->is_listed = false;
}

static void list(struct waited *w)
{
	struct patience *p = w->patience;

	w->since_ns = clock_mono_ns();
	w->prev = p->last;
	w->next = NULL;
	*(p->last ? &p->last->next : &p->first) = w;
	p->last = w;
	w->is_listed = true;
}

/* libmicrohttpd sees its end at the next look. */
static void end(struct waited *w)
{
	unlist(w);
	(void)shutdown(w->fd, SHUT_RDWR);
}

static void sweep(void *ctx)
{
	struct patience *p = ctx;
	uint64_t now = clock_mono_ns();

	while (p->first && now - p->first->since_ns >= LIMIT_HTTP_TIMEOUT_S * UINT64_C(1000000000))
		end(p->first);
	loop_timer_set(p->timer, SWEEP_MS);
}

struct patience *patience_new(struct loop *loop, unsigned limit)
{
	struct patience *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->loop = loop;
	p->limit = limit;
	p->timer = loop_timer_new(loop, sweep, p);
	if (!p->timer) {
		free(p);
		return NULL;
	}
	loop_timer_set(p->timer, SWEEP_MS);
	return p;
}

void patience_free(struct patience *p)
{
	if (!p)
		return;
	loop_timer_free(p->loop, p->timer);
	free(p);
}

static struct waited *begin(struct patience *p, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct waited *w = info ? calloc(1, sizeof(*w)) : NULL;

	if (!w)
		return NULL;
	w->patience = p;
	w->fd = info->connect_fd;
	list(w);
	p->n++;
	if (p->n > p->limit - LIMIT_HTTP_SPARE)
		end(p->first);
	return w;
}

void patience_notify(void *cls, struct MHD_Connection *connection, void **socket_context,
	enum MHD_ConnectionNotificationCode what)
{
	struct patience *p = cls;
	struct waited *w = *socket_context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = begin(p, connection);
	} else if (w) {
		unlist(w);
		p->n--;
		free(w);
		*socket_context = NULL;
	}
}

void **patience_extra(void *socket_context)
{
	struct waited *w = socket_context;

	return w ? &w->extra : NULL;
}

static struct waited *waited_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

void patience_stop(struct MHD_Connection *connection)
{
	struct waited *w = waited_of(connection);

	if (w)
		unlist(w);
}

void patience_start(struct MHD_Connection *connection)
{
	struct waited *w = waited_of(connection);

	if (!w)
		return;
	unlist(w);
	list(w);
}
