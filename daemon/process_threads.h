/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which process a thread belongs to, for threads that are not the leader. Bounded: the oldest gives way. */
#ifndef DAEMON_PROCESS_THREADS_H
#define DAEMON_PROCESS_THREADS_H

#include <stdint.h>

struct process_thread;

/* Zeroed is empty. */
struct process_threads {
	struct process_thread *by_tid; /* oldest first */
};

/* The process of a thread that was added; 0 when it was not. */
int32_t process_threads_tgid(const struct process_threads *m, int32_t tid);

/* Notes a thread, in place of what was known under its number. Out of memory it stays unknown. */
void process_threads_add(struct process_threads *m, int32_t tid, int32_t tgid);

/* The thread ended, or its number is somebody else's now. */
void process_threads_forget(struct process_threads *m, int32_t tid);

/* Forgets them all. */
void process_threads_clear(struct process_threads *m);

#endif
