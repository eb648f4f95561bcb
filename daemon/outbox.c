/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two lanes of bounded messages to one SOCK_SEQPACKET, as many in a datagram as fit. */
#include "config.h"

#include "daemon/outbox.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/ipc.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/limits.h"

#define LANE_EVENTS_MAX (LIMIT_IPC_BACKLOG / 2)
#define PROCESS_SLOTS 64u

enum { SLOT_TRAFFIC = PROCESS_SLOTS, SLOT_OTHER, SLOT_COUNT_ };

/* Messages one after the other, taken from the front: as they lie here they are sent. */
struct lane {
	uint8_t *buf;
	size_t start, end, room;
	size_t waiting
		[SLOT_COUNT_]; /* bytes of connections by process, and of what else there is */
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

static uint16_t type_of(const uint8_t *msg)
{
	struct ipc_header h;

	memcpy(&h, msg, sizeof(h));
	return h.type;
}

/* Where the bytes of this message are counted. */
static unsigned slot_of(const uint8_t *msg)
{
	uint16_t type = type_of(msg);
	int32_t pid;

	if (type == IPC_FLOW_TRAFFIC)
		return SLOT_TRAFFIC;
	if (type != IPC_CONNECTION)
		return SLOT_OTHER;
	memcpy(&pid, msg + offsetof(struct ipc_connection, process.pid), sizeof(pid));
	return (uint32_t)pid % PROCESS_SLOTS;
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
	l->waiting[slot_of(msg)] += size;
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
	memset(l->waiting, 0, sizeof(l->waiting));
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
	unsigned slot = slot_of(msg);

	/* Nobody has more than twice what is free: so there is some for one who has little. */
	if (slot != SLOT_OTHER && o->events.waiting[slot] + ipc_padded(len) >
					  2 * (LANE_EVENTS_MAX - outbox_events_size(o)))
		return false;
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

/* The first `len` bytes are on their way. */
static void lane_advance(struct lane *l, size_t len)
{
	size_t end = l->start + len;

	while (l->start < end) {
		size_t size = size_at(l, l->start);

		l->waiting[slot_of(l->buf + l->start)] -= size;
		l->start += size;
	}
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
	lane_advance(l, len);
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
