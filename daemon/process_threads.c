/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hash of threads, in the order in which they came. */
/* NOLINTBEGIN(readability-function-size,clang-analyzer-core.NullDereference,clang-analyzer-deadcode.DeadStores): uthash's macros unfold here */
#include "config.h"
#include "daemon/process_threads.h"

#include <stdlib.h>
#include <uthash.h>

#include "lib/limits.h"

#define THREADS_MAX (4 * LIMIT_PROCESSES)

struct process_thread {
	int32_t tid;
	int32_t tgid;
	UT_hash_handle hh;
};

int32_t process_threads_tgid(const struct process_threads *m, int32_t tid)
{
	struct process_thread *th;

	HASH_FIND_INT(m->by_tid, &tid, th);
	return th ? th->tgid : 0;
}

void process_threads_forget(struct process_threads *m, int32_t tid)
{
	struct process_thread *th;

	HASH_FIND_INT(m->by_tid, &tid, th);
	if (!th)
		return;
	HASH_DEL(m->by_tid, th);
	free(th);
}

void process_threads_add(struct process_threads *m, int32_t tid, int32_t tgid)
{
	struct process_thread *th;

	process_threads_forget(m, tid);
	while (HASH_COUNT(m->by_tid) >= THREADS_MAX)
		process_threads_forget(m, m->by_tid->tid);
	th = malloc(sizeof(*th));
	if (!th)
		return;
	th->tid = tid;
	th->tgid = tgid;
	HASH_ADD_INT(m->by_tid, tid, th);
}

void process_threads_clear(struct process_threads *m)
{
	while (m->by_tid)
		process_threads_forget(m, m->by_tid->tid);
}
/* NOLINTEND(readability-function-size,clang-analyzer-core.NullDereference,clang-analyzer-deadcode.DeadStores) */
