/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A helper thread of one owner, for what takes too long in the owner's loop. The owner's structure has the worker in it, and what both
 * see stands under its lock. No signal is delivered to the thread: they are the loop's.
 */
#ifndef LIB_WORKER_H
#define LIB_WORKER_H

#include <pthread.h>
#include <stdbool.h>

struct worker {
	pthread_t thread;
	bool is_started; /* the owner's, as is the thread */
	pthread_mutex_t lock;
	pthread_cond_t more; /* to be signalled when there is work; the thread waits for it */
	bool stopping; /* under the lock: the thread is to return when it has done what it is at */
};

void worker_init(struct worker *w);

/* Starts the thread, unless it is. 0, or an errno value. */
int worker_start(struct worker *w, void *(*run)(void *arg), void *arg);

/* Tells the thread to stop and waits for it, if there is one. */
void worker_done(struct worker *w);

#endif
