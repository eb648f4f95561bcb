/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One target served: blocking where it may, never the console. */
#include "config.h"

#include "api/export_worker.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "api/export_format.h"
#include "api/export_sink.h"
#include "api/exporter.h"
#include "lib/cleanup.h"
#include "lib/clock.h"

#define RETRY_FIRST_MS 500
#define REPORT_MS 500
#define LOOK_MS 1000 /* at a file that nothing is written to */
#define GRACE_MS 1000 /* after the console's end */
#define MS UINT64_C(1000000)

struct worker {
	int fd; /* the channel */
	struct export_sink sink;
	struct export_origin origin;
	bool is_over; /* the console closed the channel */
	uint64_t end_ns; /* CLOCK_MONOTONIC; then we go */
	uint64_t retry_ns; /* CLOCK_MONOTONIC of the next try; 0: at once */
	uint32_t retry_ms; /* the wait after the next failure */
	uint32_t delivered; /* and not reported yet */
	uint64_t reported_ns;
	char text[LIMIT_EXPORT_MESSAGE + 16]; /* the message on its way, of syslog */
	struct textbuf json; /* ... or of JSON lines */
	const char *out; /* into one of them */
	size_t len, sent;
	_Alignas(8) uint8_t buf[sizeof(struct export_event) + LIMIT_IPC_MESSAGE];
};

static void report(struct worker *w, enum export_state state, const char *why)
{
	struct export_report r = { .state = state, .delivered = w->delivered };

	snprintf(r.why, sizeof(r.why), "%s", why);
	/* One that does not fit is made up for by the next. */
	if (send(w->fd, &r, sizeof(r), MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(r))
		w->delivered = 0;
	w->reported_ns = clock_mono_ns();
}

/* Milliseconds until `when`, rounded up; 0 when it is past. */
static int until(uint64_t when_ns)
{
	uint64_t now = clock_mono_ns();

	return when_ns <= now ? 0 : (int)((when_ns - now) / MS) + 1;
}

/* Waits for one of `events` on `fd` (-1: for the time alone), at most `ms`, and notices the end of the console. What came. */
static short wait_for(struct worker *w, int fd, short events, int ms)
{
	struct pollfd p[2] = { { .fd = fd, .events = events },
		{ .fd = w->is_over ? -1 : w->fd, .events = 0 } };

	if (w->is_over && ms > until(w->end_ns))
		ms = until(w->end_ns);
	if (poll(p, 2, ms) <= 0)
		return 0;
	if (p[1].revents) {
		w->is_over = true;
		w->end_ns = clock_mono_ns() + GRACE_MS * MS;
	}
	return p[0].revents;
}

static bool must_go(const struct worker *w)
{
	return w->is_over && clock_mono_ns() >= w->end_ns;
}

/* ---- the target */

static void lose_sink(struct worker *w)
{
	export_sink_close(&w->sink);
	/* What was sent in part is sent whole to the next receiver; a full disk keeps its part. */
	if (!w->sink.keeps_parts)
		w->sent = 0;
	w->retry_ns = clock_mono_ns() + w->retry_ms * MS;
	w->retry_ms =
		w->retry_ms * 2 < LIMIT_EXPORT_RETRY_MS ? w->retry_ms * 2 : LIMIT_EXPORT_RETRY_MS;
	report(w, EXPORT_DOWN, w->sink.why);
}

/* Opens it, when it is time for that; otherwise waits until then. */
static void try_open(struct worker *w)
{
	if (until(w->retry_ns) > 0) {
		wait_for(w, -1, 0, until(w->retry_ns));
		return;
	}
	if (export_sink_open(&w->sink) < 0)
		lose_sink(w);
	else
		report(w, EXPORT_OK, "");
}

/* A file that was moved away is no failure: a new one is begun at once. */
static void look_at_sink(struct worker *w)
{
	if (export_sink_is_good(&w->sink))
		return;
	if (w->sink.target->kind == EXPORT_JSON) {
		export_sink_close(&w->sink);
		w->retry_ns = 0;
	} else {
		lose_sink(w);
	}
}

/* ---- decisions */

static void format(struct worker *w, const struct connection_view *v, uint32_t sequence)
{
	size_t max = w->sink.is_datagram ? LIMIT_EXPORT_DATAGRAM : LIMIT_EXPORT_MESSAGE;
	char count[12];
	size_t n;

	w->sent = 0;
	if (w->sink.target->kind == EXPORT_JSON) {
		textbuf_clear(&w->json);
		export_format_json(&w->json, v);
		w->out = w->json.s;
		w->len = w->json.failed ? 0 : w->json.len;
		return;
	}
	w->len = export_format_syslog(v, &w->origin, sequence, w->text + 16, max);
	w->out = w->text + 16;
	if (!w->sink.is_framed)
		return;
	/* RFC 6587, 3.4.1: the count of octets and a space. */
	n = (size_t)snprintf(count, sizeof(count), "%zu ", w->len);
	w->out -= n;
	memcpy(w->text + 16 - n, count, n);
	w->len += n;
}

/* The next event into `text`. False at the end of the channel. */
static bool take(struct worker *w)
{
	const struct export_event *e = (const void *)w->buf;
	const uint8_t *msg = w->buf + sizeof(*e);
	ssize_t n = recv(w->fd, w->buf, sizeof(w->buf), MSG_DONTWAIT);
	struct connection_view v;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	if ((size_t)n <= sizeof(*e) || ipc_check(msg, (size_t)n - sizeof(*e)) < 0 ||
		((const struct ipc_header *)(const void *)msg)->type != IPC_CONNECTION)
		return true;
	connection_view_from_ipc((const void *)msg, e->id, &v);
	format(w, &v, e->sequence);
	return true;
}

/* The rest of the message, or as much as goes; a receiver that takes nothing for long is left. */
static void deliver(struct worker *w)
{
	uint64_t stall = clock_mono_ns() + LIMIT_EXPORT_STALL_MS * MS;

	while (w->sent < w->len) {
		ssize_t n = export_sink_write(&w->sink, w->out + w->sent, w->len - w->sent);

		if (n > 0) {
			w->sent += w->sink.is_datagram ? w->len : (size_t)n;
			stall = clock_mono_ns() + LIMIT_EXPORT_STALL_MS * MS;
			continue;
		}
		if (n == ERR_AGAIN) {
			if (until(stall) > 0)
				wait_for(w, w->sink.fd, POLLOUT, until(stall));
			else
				snprintf(w->sink.why, sizeof(w->sink.why),
					"the receiver takes nothing");
			if (must_go(w))
				return;
		}
		if (n != ERR_AGAIN || until(stall) == 0) {
			lose_sink(w);
			return;
		}
	}
	w->len = w->sent = 0;
	w->delivered++;
	w->retry_ms = RETRY_FIRST_MS;
}

/* Nothing is on its way: waits for an event, the end of the sink, or time to report. False at the end of the channel. */
static bool idle(struct worker *w)
{
	bool is_file = w->sink.target->kind == EXPORT_JSON;
	struct pollfd p[2] = { { .fd = w->fd, .events = POLLIN },
		{ .fd = is_file ? -1 : w->sink.fd, .events = POLLIN } };
	int ms = is_file ? LOOK_MS : -1;

	if (w->delivered)
		ms = until(w->reported_ns + REPORT_MS * MS);
	if (poll(p, 2, ms) < 0)
		return errno == EINTR;
	if (w->delivered && until(w->reported_ns + REPORT_MS * MS) == 0)
		report(w, EXPORT_OK, "");
	look_at_sink(w);
	return p[0].revents ? take(w) : true;
}

void export_worker_run(int fd, const struct export_target *target, int32_t pid)
{
	static struct worker w;
	bool more = true;

	w = (struct worker) {
		.fd = fd, .sink = { .target = target, .fd = -1 }, .retry_ms = RETRY_FIRST_MS
	};
	export_origin_init(&w.origin, pid);
	report(&w, EXPORT_STARTING, "");
	while (more && !must_go(&w)) {
		if (w.sink.fd < 0)
			try_open(&w);
		else if (w.len)
			deliver(&w);
		else
			more = idle(&w);
	}
	export_sink_close(&w.sink);
	textbuf_done(&w.json);
}
