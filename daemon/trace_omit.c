/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One slot for the request; the instances are the thread's while it is busy, and the caller's otherwise. */
#include "config.h"
#include "daemon/trace_omit.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/trace_instance.h"
#include "lib/worker.h"

struct trace_omitter {
	struct trace_instance *tasks, *routes; /* borrowed */
	struct trace_omissions now; /* in the kernel; the thread's while it is busy */
	struct worker worker; /* its lock is of all below */
	struct trace_omissions wanted;
	bool is_asked, repeat, is_busy;
};

/* Task numbers, each once. */
struct numbers {
	int32_t list[2 * TRACE_MUTED_MAX];
	unsigned n;
};

static bool has_number(const struct numbers *s, int32_t tid)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->list[i] == tid)
			return true;
	return false;
}

/* Those of `from` that are not in `but_not` (NULL: all) come to `s`. */
static void add_numbers(
	struct numbers *s, const struct trace_omissions *from, const struct numbers *but_not)
{
	for (unsigned i = 0; i < from->n_muted; i++)
		if (!has_number(s, from->muted[i]) &&
			!(but_not && has_number(but_not, from->muted[i])))
			s->list[s->n++] = from->muted[i];
}

/* ---- the thread */

static void apply(struct trace_omitter *o, const struct trace_omissions *wanted, bool repeat)
{
	struct numbers before = { .n = 0 }, after = { .n = 0 }, all = { .n = 0 }, more = { .n = 0 };

	add_numbers(&before, &o->now, NULL);
	add_numbers(&after, wanted, NULL);
	add_numbers(&all, &o->now, NULL);
	add_numbers(&all, wanted, NULL);
	add_numbers(&more, wanted, &before);
	/* A muted task's connects are told at every moment. */
	if (repeat || all.n > before.n)
		trace_instance_tell_connects(o->tasks, all.list, all.n);
	if (repeat || strcmp(wanted->but_if, o->now.but_if) != 0)
		trace_instance_narrow(o->routes, wanted->but_if);
	if (repeat || all.n > after.n)
		trace_instance_mute(o->routes, after.list, after.n, true);
	else if (more.n)
		trace_instance_mute(o->routes, more.list, more.n, false);
	if (all.n > after.n)
		trace_instance_tell_connects(o->tasks, after.list, after.n);
	o->now = *wanted;
}

static void *work(void *arg)
{
	struct trace_omitter *o = arg;

	pthread_mutex_lock(&o->worker.lock);
	for (;;) {
		struct trace_omissions wanted;
		bool repeat;

		while (!o->is_asked && !o->worker.stopping)
			pthread_cond_wait(&o->worker.more, &o->worker.lock);
		if (o->worker.stopping)
			break;
		wanted = o->wanted;
		repeat = o->repeat;
		o->is_asked = o->repeat = false;
		o->is_busy = true;
		pthread_mutex_unlock(&o->worker.lock);
		apply(o, &wanted, repeat);
		pthread_mutex_lock(&o->worker.lock);
		o->is_busy = false;
	}
	pthread_mutex_unlock(&o->worker.lock);
	return NULL;
}

/* ---- the engine's side */

struct trace_omitter *trace_omitter_new(struct trace_instance *tasks, struct trace_instance *routes)
{
	struct trace_omitter *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->tasks = tasks;
	o->routes = routes;
	worker_init(&o->worker);
	return o;
}

void trace_omitter_free(struct trace_omitter *o)
{
	if (!o)
		return;
	worker_done(&o->worker);
	free(o);
}

void trace_omitter_set(struct trace_omitter *o, const struct trace_omissions *wanted)
{
	/* Without a thread all is traced, which only costs. */
	if (worker_start(&o->worker, work, o) != 0)
		return;
	pthread_mutex_lock(&o->worker.lock);
	o->wanted = *wanted;
	o->is_asked = true;
	pthread_cond_signal(&o->worker.more);
	pthread_mutex_unlock(&o->worker.lock);
}

void trace_omitter_repeat(struct trace_omitter *o)
{
	/* Nothing was ever left out. */
	if (!o->worker.is_started)
		return;
	pthread_mutex_lock(&o->worker.lock);
	o->is_asked = o->repeat = true;
	pthread_cond_signal(&o->worker.more);
	pthread_mutex_unlock(&o->worker.lock);
}

bool trace_omitter_is_idle(struct trace_omitter *o)
{
	bool idle;

	pthread_mutex_lock(&o->worker.lock);
	idle = !o->is_asked && !o->is_busy;
	pthread_mutex_unlock(&o->worker.lock);
	return idle;
}

const struct trace_omissions *trace_omitter_now(const struct trace_omitter *o)
{
	return &o->now;
}
