/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console's epoll loop. */
#include "api/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/err.h"

#define EVENTS_PER_TURN 64
#define HOOKS_MAX 16

struct watch {
	int fd;
	watch_fn fn; /* NULL: unwatched, freed at the end of the turn */
	void *ctx;
	struct watch *next, **link;
	struct watch *next_dead;
};

struct timer {
	uint64_t due_ns; /* CLOCK_MONOTONIC; 0 = off */
	timer_fn fn; /* NULL: freed, gone at the end of the turn */
	void *ctx;
	struct timer *next;
};

struct hook {
	int64_t (*fn)(void *ctx);
	void *ctx;
};

struct loop {
	int epoll_fd;
	bool stop;
	struct watch *watches, *dead;
	struct timer *timers;
	struct hook hooks[HOOKS_MAX];
	unsigned n_hooks;
};

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		free(l);
		return NULL;
	}
	return l;
}

static void bury_dead(struct loop *l)
{
	while (l->dead) {
		struct watch *w = l->dead;

		l->dead = w->next_dead;
		free(w);
	}
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	while (l->watches)
		loop_unwatch(l, l->watches);
	bury_dead(l);
	while (l->timers) {
		struct timer *t = l->timers;

		l->timers = t->next;
		free(t);
	}
	close(l->epoll_fd);
	free(l);
}

struct watch *loop_watch(struct loop *l, int fd, uint32_t events, watch_fn fn, void *ctx)
{
	struct watch *w = calloc(1, sizeof(*w));
	struct epoll_event ev = { .events = events };

	if (!w)
		return NULL;
	w->fd = fd;
	w->fn = fn;
	w->ctx = ctx;
	ev.data.ptr = w;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		free(w);
		return NULL;
	}
	w->next = l->watches;
	w->link = &l->watches;
	if (w->next)
		w->next->link = &w->next;
	l->watches = w;
	return w;
}

void loop_unwatch(struct loop *l, struct watch *w)
{
	if (!w || !w->fn)
		return;
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	/* Events of this turn may still point here. */
	w->fn = NULL;
	w->next_dead = l->dead;
	l->dead = w;
}

struct timer *loop_timer_new(struct loop *l, timer_fn fn, void *ctx)
{
	struct timer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->fn = fn;
	t->ctx = ctx;
	t->next = l->timers;
	l->timers = t;
	return t;
}

void loop_timer_free(struct loop *l, struct timer *t)
{
	(void)l;
	if (!t)
		return;
	t->fn = NULL;
	t->due_ns = 0;
}

void loop_timer_set(struct timer *t, uint64_t ms)
{
	t->due_ns = clock_mono_ns() + ms * 1000000;
}

void loop_timer_stop(struct timer *t)
{
	t->due_ns = 0;
}

int loop_before_wait(struct loop *l, int64_t (*fn)(void *ctx), void *ctx)
{
	if (l->n_hooks == HOOKS_MAX)
		return ERR_FULL;
	l->hooks[l->n_hooks++] = (struct hook) { fn, ctx };
	return 0;
}

/* Runs the timers that are due, frees those given up; a timer set by a timer waits for the next turn. */
static void run_timers(struct loop *l)
{
	uint64_t now = clock_mono_ns();

	for (struct timer **p = &l->timers; *p;) {
		struct timer *t = *p;

		if (!t->fn) {
			*p = t->next;
			free(t);
			continue;
		}
		p = &t->next;
		if (t->due_ns && t->due_ns <= now) {
			t->due_ns = 0;
			t->fn(t->ctx);
		}
	}
}

/* How long the next wait may be, for epoll_wait: ms or -1. */
static int wait_ms(struct loop *l)
{
	int64_t wait = -1;
	uint64_t now;

	for (unsigned i = 0; i < l->n_hooks; i++) {
		int64_t ms = l->hooks[i].fn(l->hooks[i].ctx);

		if (ms >= 0 && (wait < 0 || ms < wait))
			wait = ms;
	}
	/* After the hooks: they may set timers. */
	now = clock_mono_ns();
	for (struct timer *t = l->timers; t; t = t->next) {
		int64_t ms;

		if (!t->due_ns)
			continue;
		/* Rounded up: waking before it is due would only spin. */
		ms = t->due_ns <= now ? 0 : (int64_t)((t->due_ns - now + 999999) / 1000000);
		if (wait < 0 || ms < wait)
			wait = ms;
	}
	return wait > 3600000 ? 3600000 : (int)wait;
}

int loop_run(struct loop *l)
{
	struct epoll_event events[EVENTS_PER_TURN];

	while (!l->stop) {
		int n = epoll_wait(l->epoll_fd, events, EVENTS_PER_TURN, wait_ms(l));

		if (n < 0 && errno != EINTR)
			return ERR_IO;
		for (int i = 0; i < n; i++) {
			struct watch *w = events[i].data.ptr;

			if (w->fn)
				w->fn(w->ctx, events[i].events);
		}
		bury_dead(l);
		run_timers(l);
	}
	return 0;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}
