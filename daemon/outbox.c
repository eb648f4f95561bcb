/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two lanes of bounded messages to one SOCK_SEQPACKET, as many in a datagram as fit. */
#include "config.h"

#include "daemon/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/ipc.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/limits.h"

#define LANE_EVENTS_MAX (LIMIT_IPC_BACKLOG / 2)

/* Messages one after the other, taken from the front: as they lie here they are sent. */
struct lane {
	uint8_t *buf;
	size_t start, end, room;
};

struct outbox {
	int fd;
	struct lane urgent, events;
	uint64_t stuck_since_ns;
};

/* Of the message that begins here, with its padding. */
static size_t size_at(const struct lane *l, size_t pos)
{
	struct ipc_header h;

	memcpy(&h, l->buf + pos, sizeof(h));
	return ipc_padded(h.len);
}

static bool lane_make_room(struct lane *l, size_t need, size_t max)
{
	size_t used = l->end - l->start, room;
	uint8_t *buf;

	if (l->room - l->end >= need)
		return true;
	if (used + need > max)
		return false;
	if (used + need <= l->room) {
		memmove(l->buf, l->buf + l->start, used);
	} else {
		for (room = l->room ? l->room * 2 : 16384; room < used + need; room *= 2)
			;
		buf = malloc(room);
		if (!buf)
			return false;
		if (used)
			memcpy(buf, l->buf + l->start, used);
		free(l->buf);
		l->buf = buf;
		l->room = room;
	}
	l->start = 0;
	l->end = used;
	return true;
}

static bool lane_push(struct lane *l, const void *msg, size_t len, size_t max)
{
	size_t size = ipc_padded(len);

	if (!lane_make_room(l, size, max))
		return false;
	memcpy(l->buf + l->end, msg, len);
	memset(l->buf + l->end + len, 0, size - len);
	l->end += size;
	return true;
}

static bool lane_empty(const struct lane *l)
{
	return l->start == l->end;
}

/* Everything is gone: give a big buffer back, keep a small one. */
static void lane_reset(struct lane *l)
{
	l->start = l->end = 0;
	if (l->room > 262144) {
		free(l->buf);
		l->buf = NULL;
		l->room = 0;
	}
}

struct outbox *outbox_new(void)
{
	struct outbox *o = calloc(1, sizeof(*o));

	if (o)
		o->fd = -1;
	return o;
}

void outbox_free(struct outbox *o)
{
	if (!o)
		return;
	free(o->urgent.buf);
	free(o->events.buf);
	free(o);
}

void outbox_set_fd(struct outbox *o, int fd)
{
	o->fd = fd;
	o->stuck_since_ns = 0;
	lane_reset(&o->urgent);
}

bool outbox_urgent(struct outbox *o, const void *msg, size_t len)
{
	return o->fd >= 0 && lane_push(&o->urgent, msg, len, LIMIT_IPC_BACKLOG);
}

bool outbox_event(struct outbox *o, const void *msg, size_t len)
{
	return lane_push(&o->events, msg, len, LANE_EVENTS_MAX);
}

size_t outbox_events_size(const struct outbox *o)
{
	return o->events.end - o->events.start;
}

bool outbox_has_events(const struct outbox *o)
{
	return !lane_empty(&o->events);
}

/* Sends one datagram. 0, or a negative code. */
static int lane_send(struct lane *l, int fd)
{
	size_t len = size_at(l, l->start);
	ssize_t sent;

	while (l->start + len < l->end && len + size_at(l, l->start + len) <= LIMIT_IPC_MESSAGE)
		len += size_at(l, l->start + len);
	do
		sent = send(fd, l->buf + l->start, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == ENOBUFS ? ERR_AGAIN : err_from_errno(errno);
	l->start += len;
	if (lane_empty(l))
		lane_reset(l);
	return 0;
}

static int lane_flush(struct outbox *o, struct lane *l)
{
	while (!lane_empty(l)) {
		int r = lane_send(l, o->fd);

		if (r == ERR_AGAIN && !o->stuck_since_ns)
			o->stuck_since_ns = clock_mono_ns();
		if (r < 0)
			return r;
		o->stuck_since_ns = 0;
	}
	return 0;
}

int outbox_flush(struct outbox *o, bool events)
{
	int r;

	if (o->fd < 0)
		return 0;
	r = lane_flush(o, &o->urgent);
	if (r < 0 || !events)
		return r;
	return lane_flush(o, &o->events);
}

uint64_t outbox_stuck_since_ns(const struct outbox *o)
{
	return o->stuck_since_ns;
}
