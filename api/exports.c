/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The channels to the processes that export. */
#include "config.h"

#include "api/exports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/exporter.h"
#include "api/loop.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/utf8.h"

#define SEQUENCE_MAX 2147483647u /* RFC 5424, 7.3.1 */

struct channel {
	struct exports *all;
	char url[LIMIT_HOST + 3];
	int fd; /* -1: the process is gone */
	struct watch *watch;
	enum export_state state;
	char why[200];
	uint32_t sequence;
	uint64_t sent, delivered, lost;
	uint64_t down_ns; /* CLOCK_MONOTONIC: since when; 0: it is not */
	uint64_t down_lost; /* `lost` then */
	bool is_told;
};

struct exports {
	bool has_begun;
	struct loop *loop;
	struct timer *timer;
	struct exports_hooks hooks;
	unsigned n;
	struct channel channels[LIMIT_EXPORT_TARGETS];
};

static const char *const state_names[] = {
	[EXPORT_STARTING] = "starting",
	[EXPORT_OK] = "ok",
	[EXPORT_DOWN] = "down",
};

/* ---- up and down */

static void tell_down(struct channel *c)
{
	char text[600];

	snprintf(text, sizeof(text), "decisions do not reach %s: %s", c->url, c->why);
	c->is_told = true;
	c->all->hooks.changed(c->all->hooks.ctx, true, text);
}

static void tell_up(struct channel *c)
{
	bool any = false;
	char text[400];

	c->is_told = false;
	for (unsigned i = 0; i < c->all->n; i++)
		any |= c->all->channels[i].is_told;
	if (!any)
		c->all->hooks.all_well(c->all->hooks.ctx);
	snprintf(text, sizeof(text), "decisions reach %s again (%llu were lost)", c->url,
		(unsigned long long)(c->lost - c->down_lost));
	c->all->hooks.changed(c->all->hooks.ctx, false, text);
}

static void on_timer(void *ctx)
{
	struct exports *x = ctx;
	uint64_t now = clock_mono_ns();

	for (unsigned i = 0; i < x->n; i++) {
		struct channel *c = &x->channels[i];
		uint64_t due = c->down_ns + LIMIT_EXPORT_ALERT_MS * UINT64_C(1000000);

		if (!c->down_ns || c->is_told)
			continue;
		if (due <= now)
			tell_down(c);
		else
			loop_timer_set(x->timer, (due - now) / 1000000 + 1);
	}
}

static void set_state(struct channel *c, enum export_state state, const char *why)
{
	c->state = state;
	utf8_sanitize(why, strlen(why), c->why, sizeof(c->why));
	if (state == EXPORT_DOWN && !c->down_ns) {
		c->down_ns = clock_mono_ns();
		c->down_lost = c->lost;
		loop_timer_set(c->all->timer, LIMIT_EXPORT_ALERT_MS);
	} else if (state == EXPORT_OK) {
		c->down_ns = 0;
		if (c->is_told)
			tell_up(c);
	}
}

/* ---- the channel */

static void end_channel(struct channel *c)
{
	loop_unwatch(c->all->loop, c->watch);
	c->watch = NULL;
	cleanup_close(&c->fd);
	c->fd = -1;
	set_state(c, EXPORT_DOWN, "the process that exports has ended: restart the daemon");
}

static void on_events(void *ctx, uint32_t events)
{
	struct channel *c = ctx;
	struct export_report r;
	ssize_t n = recv(c->fd, &r, sizeof(r), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(r) || r.state > EXPORT_DOWN) {
		end_channel(c);
		return;
	}
	r.why[sizeof(r.why) - 1] = '\0';
	c->delivered += r.delivered;
	set_state(c, (enum export_state)r.state, r.why);
}

void exports_begin(struct exports *x)
{
	if (x->has_begun)
		return;
	x->has_begun = true;
	for (unsigned i = 0; i < x->n; i++) {
		struct channel *c = &x->channels[i];
		char text[sizeof(c->url) + 1];

		snprintf(text, sizeof(text), "%c%s",
			log_format() == LOG_FORMAT_JSON ? EXPORTER_LOGS_JSON : EXPORTER_LOGS_TEXT,
			c->url);
		if (c->fd >= 0 && send(c->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
			end_channel(c);
	}
}

void exports_send(struct exports *x, const struct ipc_connection *m, uint64_t id)
{
	exports_begin(x);
	for (unsigned i = 0; i < x->n; i++) {
		struct channel *c = &x->channels[i];
		struct export_event e = { .id = id };
		struct iovec parts[] = { { &e, sizeof(e) },
			{ (void *)(uintptr_t)m, m->header.len } };
		struct msghdr mh = { .msg_iov = parts, .msg_iovlen = array_len(parts) };

		c->sequence = c->sequence < SEQUENCE_MAX ? c->sequence + 1 : 1;
		e.sequence = c->sequence;
		if (c->fd >= 0 && sendmsg(c->fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			c->sent++;
		else
			c->lost++;
	}
}

static void open_channel(struct exports *x, int fd, const char *url)
{
	struct channel *c = &x->channels[x->n++];

	c->all = x;
	c->fd = fd;
	snprintf(c->url, sizeof(c->url), "%s", url);
	if (fd >= 0)
		c->watch = loop_watch(x->loop, fd, EPOLLIN, on_events, c);
	if (!c->watch)
		end_channel(c);
}

struct exports *exports_new(struct loop *loop, const int fds[static LIMIT_EXPORT_TARGETS],
	const struct config_list *targets, const struct exports_hooks *hooks)
{
	struct exports *x = calloc(1, sizeof(*x));

	if (x) {
		x->loop = loop;
		x->hooks = *hooks;
		x->timer = loop_timer_new(loop, on_timer, x);
	}
	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++) {
		int fd = fds[i];

		if (x && x->timer && i < targets->n)
			open_channel(x, fd, targets->items[i]);
		else
			cleanup_close(&fd);
	}
	if (x && !x->timer) {
		exports_free(x);
		return NULL;
	}
	return x;
}

void exports_free(struct exports *x)
{
	if (!x)
		return;
	for (unsigned i = 0; i < x->n; i++) {
		loop_unwatch(x->loop, x->channels[i].watch);
		cleanup_close(&x->channels[i].fd);
	}
	loop_timer_free(x->loop, x->timer);
	free(x);
}

/* ---- told */

json_t *exports_json(const struct exports *x)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < x->n; i++) {
		const struct channel *c = &x->channels[i];

		json_array_append_new(list,
			json_pack("{s:s, s:s, s:o, s:I, s:I, s:I}", "target", c->url, "state",
				state_names[c->state], "why",
				*c->why ? json_string(c->why) : json_null(), "delivered",
				(json_int_t)c->delivered, "waiting",
				(json_int_t)(c->sent > c->delivered ? c->sent - c->delivered : 0),
				"lost", (json_int_t)c->lost));
	}
	return list;
}

static void add_metric(const struct exports *x, struct textbuf *b, const char *name,
	const char *type, const char *help, uint64_t (*value)(const struct channel *c))
{
	textbuf_printf(
		b, "# HELP opensnitch_%s %s\n# TYPE opensnitch_%s %s\n", name, help, name, type);
	/* A URL has no quotes, backslashes or line breaks that a label would need escaped: checked, with the config. */
	for (unsigned i = 0; i < x->n; i++)
		textbuf_printf(b, "opensnitch_%s{target=\"%s\"} %llu\n", name, x->channels[i].url,
			(unsigned long long)value(&x->channels[i]));
}

static uint64_t is_up(const struct channel *c)
{
	return c->state == EXPORT_OK;
}

static uint64_t n_delivered(const struct channel *c)
{
	return c->delivered;
}

static uint64_t n_lost(const struct channel *c)
{
	return c->lost;
}

void exports_metrics(const struct exports *x, struct textbuf *b)
{
	add_metric(x, b, "export_up", "gauge", "1 while decisions reach the target.", is_up);
	add_metric(x, b, "export_delivered_total", "counter",
		"Decisions that were handed to the target.", n_delivered);
	add_metric(x, b, "export_lost_total", "counter",
		"Decisions that the target was too slow for.", n_lost);
}
