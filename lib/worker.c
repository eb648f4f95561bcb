/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Started with the first work, and without signals; ended by its owner. */
#include "config.h"

#include "lib/worker.h"

#include <signal.h>
#include <string.h>

void worker_init(struct worker *w)
{
	memset(w, 0, sizeof(*w));
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
}

int worker_start(struct worker *w, void *(*run)(void *arg), void *arg)
{
	sigset_t all, old;
	int r;

	if (w->is_started)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&w->thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	w->is_started = r == 0;
	return r;
}

void worker_done(struct worker *w)
{
	if (w->is_started) {
		pthread_mutex_lock(&w->lock);
		w->stopping = true;
		pthread_cond_signal(&w->more);
		pthread_mutex_unlock(&w->lock);
		pthread_join(w->thread, NULL);
	}
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->more);
}
