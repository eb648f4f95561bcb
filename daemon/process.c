/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of processes: an entry each, made by a birth that was traced or by the first question, and filled from
 * /proc when asked (process_look.c). Threads that are no leaders have a map of their own (process_threads.h); what a
 * process runs is an image (process_image.h).
 */
/* NOLINTBEGIN(readability-function-size,clang-analyzer-core.NullDereference,clang-analyzer-deadcode.DeadStores): uthash's macros unfold here */
#include "config.h"
#include "daemon/process.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "daemon/process_exe.h"
#include "daemon/process_private.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/utf8.h"

#define CHILDREN_AMONG 1024 /* of the youngest, or asked about last */
#define KEEP_DEAD_NS UINT64_C(10000000000) /* a dead process is remembered this long */

/* ---- entries */

void process_entry_set_image(struct entry *e, struct process_image *im)
{
	process_image_unref(e->image);
	e->image = im;
}

void process_entry_clear_parents(struct entry *e)
{
	for (unsigned i = 0; i < e->n_parents; i++)
		process_image_unref(e->parents[i].image);
	e->n_parents = 0;
	e->has_lineage = false;
}

void process_entry_add_parent(
	struct entry *e, int32_t pid, struct process_image *im, const struct process_who *who)
{
	if (e->n_parents < LIMIT_PARENTS)
		e->parents[e->n_parents++] = (struct ancestor) { pid, process_image_ref(im), *who };
	if (e->n_parents == LIMIT_PARENTS)
		e->has_lineage = true;
}

void process_entry_inherit(struct entry *e, const struct entry *parent)
{
	process_entry_add_parent(e, parent->pid, parent->image, &parent->who);
	for (unsigned i = 0; i < parent->n_parents; i++) {
		const struct ancestor *a = &parent->parents[i];

		process_entry_add_parent(e, a->pid, a->image, &a->who);
	}
	e->has_lineage = e->has_lineage || parent->has_lineage;
}

struct entry *process_entry_find(const struct process_table *t, int32_t pid)
{
	struct entry *e;

	HASH_FIND_INT(t->entries, &pid, e);
	return e;
}

static void remove_entry(struct process_table *t, struct entry *e)
{
	HASH_DEL(t->entries, e);
	if (e->dead_ns)
		DL_DELETE(t->dead, e);
	else
		DL_DELETE(t->alive, e);
	process_entry_clear_parents(e);
	process_image_unref(e->image);
	process_unref(e->record);
	free(e);
}

/* Makes room: the long dead first, then whoever died first, then whoever was not asked about for longest. */
static void make_room(struct process_table *t)
{
	uint64_t now = t->dead ? clock_mono_ns() : 0;

	while (t->dead && now > t->dead->dead_ns && now - t->dead->dead_ns > KEEP_DEAD_NS)
		remove_entry(t, t->dead);
	while (HASH_COUNT(t->entries) >= LIMIT_PROCESSES)
		remove_entry(t, t->dead ? t->dead : t->alive);
}

static struct entry *new_entry(struct process_table *t, int32_t pid)
{
	struct entry *e;

	make_room(t);
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->pid = pid;
	e->who.uid = e->who.euid = UINT32_MAX;
	e->image = process_image_new();
	HASH_ADD_INT(t->entries, pid, e);
	DL_APPEND(t->alive, e);
	return e;
}

struct entry *process_entry_get(struct process_table *t, int32_t pid)
{
	struct entry *e = process_entry_find(t, pid);

	return e ? e : new_entry(t, pid);
}

void process_entry_touch(struct process_table *t, struct entry *e)
{
	if (e->dead_ns)
		return;
	DL_DELETE(t->alive, e);
	DL_APPEND(t->alive, e);
}

int32_t process_tgid(const struct process_table *t, int32_t tid)
{
	int32_t tgid = process_threads_tgid(&t->threads, tid);

	if (tgid)
		return tgid;
	return process_entry_find(t, tid) ? tid : 0;
}

/* ---- the table */

/* To the clock tick, which is all that start times say: so it is the same at every start of the daemon, or nearly. */
static uint64_t time_of_boot(void)
{
	uint64_t tick_us = 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t us = clock_real_us() - clock_boot_ns() / 1000;

	return us - us % tick_us;
}

struct process_table *process_table_new(const char *proc_root)
{
	struct process_table *t = calloc(1, sizeof(*t));
	int init;

	if (!t)
		return NULL;
	t->booted_us = time_of_boot();
	t->proc_fd = open(proc_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	init = t->proc_fd < 0 ? -1 : process_dir_open(t->proc_fd, 1);
	if (init >= 0) {
		t->host_mnt = process_read_ns(init, "mnt");
		close(init);
	}
	/* Where init may not be looked at (a container): paths mean what they mean to us. */
	init = t->proc_fd < 0 || t->host_mnt ? -1 : process_dir_open(t->proc_fd, getpid());
	if (init >= 0) {
		t->host_mnt = process_read_ns(init, "mnt");
		close(init);
	}
	return t;
}

void process_table_free(struct process_table *t)
{
	if (!t)
		return;
	while (t->entries)
		remove_entry(t, t->entries);
	process_threads_clear(&t->threads);
	if (t->proc_fd >= 0)
		close(t->proc_fd);
	free(t);
}

size_t process_table_count(const struct process_table *t)
{
	return HASH_COUNT(t->entries);
}

void process_table_set_traced(struct process_table *t, bool traced)
{
	if (traced != t->is_traced)
		t->generation++;
	t->is_traced = traced;
}

void process_on_lost(struct process_table *t)
{
	t->generation++;
	/* A thread's number may belong to another process by now. */
	process_threads_clear(&t->threads);
}

/* ---- events */

void process_entry_revive(struct process_table *t, struct entry *e)
{
	if (!e->dead_ns)
		return;
	DL_DELETE(t->dead, e);
	e->dead_ns = 0;
	DL_APPEND(t->alive, e);
}

/* The process of a task; of one that no event told of, from /proc: once for each. 0: it is gone. */
static int32_t find_tgid(struct process_table *t, int32_t tid)
{
	_cleanup_close_ int dir = -1;
	int32_t pid = process_tgid(t, tid);
	struct process_ids ids;

	if (pid)
		return pid;
	dir = process_dir_open(t->proc_fd, tid);
	if (dir < 0 || process_read_ids(dir, &ids) < 0)
		return 0;
	if (ids.tgid != tid)
		process_threads_add(&t->threads, tid, ids.tgid);
	return ids.tgid;
}

void process_on_fork(struct process_table *t, int32_t parent_tid, int32_t child_tid, bool is_thread,
	uint64_t time_ns)
{
	int32_t parent_pid = find_tgid(t, parent_tid);
	struct entry *parent, *child;

	if (is_thread) {
		if (parent_pid)
			process_threads_add(&t->threads, child_tid, parent_pid);
		return;
	}
	process_threads_forget(&t->threads, child_tid);
	child = process_entry_find(t, child_tid);
	/* What was heard of a process before its birth belongs to it when it is younger. */
	if (child && (child->born_ns > time_ns || child->exec_ns > time_ns))
		return;
	if (child)
		remove_entry(t, child);
	parent = parent_pid ? process_entry_get(t, parent_pid) : NULL;
	child = new_entry(t, child_tid);
	if (!child)
		return;
	parent = parent_pid ? process_entry_find(t, parent_pid) : NULL; /* may have made room */
	child->born_ns = time_ns;
	if (!parent)
		return;
	child->netns = parent->netns;
	parent->forked_ns = time_ns;
	process_entry_set_image(child, process_image_ref(parent->image));
	child->image_generation = parent->image_generation;
	process_entry_inherit(child, parent);
}

/* What exec was given, until /proc says more: a path in the root of who executes, which is not ours where another file stands there. */
static void name_image(struct process_image *im, const struct process_exec *exec)
{
	const size_t prefix_len = strlen(PROCESS_EXE_OTHER_ROOT);
	char text[LIMIT_PATH + 1], *path;

	utf8_sanitize(exec->filename, exec->filename_len, text, sizeof(text));
	if (text[0] != '/') {
		im->given = strdup(text);
		return;
	}
	path = malloc(prefix_len + strlen(text) + 1);
	if (!path)
		return;
	path[0] = '\0';
	if (exec->is_seen && process_exe_is_elsewhere(text, &exec->file))
		memcpy(path, PROCESS_EXE_OTHER_ROOT, prefix_len + 1);
	im->path = strcat(path, text);
}

void process_on_exec(struct process_table *t, const struct process_exec *exec)
{
	struct entry *e;
	struct process_image *im;

	process_threads_forget(
		&t->threads, exec->tid); /* a thread that executes becomes the leader */
	e = process_entry_get(t, exec->tid);
	if (!e)
		return;
	process_entry_revive(t, e);
	e->exec_ns = exec->time_ns;
	process_unref(e->record);
	e->record = NULL;
	im = process_image_new();
	if (im && exec->filename && exec->filename_len)
		name_image(im, exec);
	if (im) {
		im->is_seen = exec->is_seen;
		im->exec_dev = exec->file.dev;
		im->exec_inode = exec->file.inode;
	}
	process_entry_set_image(e, im);
	e->image_generation = t->generation;
	if (t->n_executed < PROCESS_SETTLE_MAX)
		t->executed[(t->executed_at + t->n_executed++) % PROCESS_SETTLE_MAX] = exec->tid;
}

void process_on_exit(struct process_table *t, int32_t tid, bool is_last, uint64_t time_ns)
{
	int32_t pid = process_tgid(t, tid);
	struct entry *e = pid ? process_entry_find(t, pid) : NULL;

	if (!e || !is_last || e->dead_ns)
		return;
	DL_DELETE(t->alive, e);
	e->dead_ns = time_ns ? time_ns : 1;
	DL_APPEND(t->dead, e);
}

unsigned process_children(const struct process_table *t, int32_t pid, int32_t *ret, unsigned max)
{
	const struct entry *e = t->alive ? t->alive->prev : NULL; /* the last */
	unsigned n = 0, looked = 0;

	for (; e && n < max && looked++ < CHILDREN_AMONG; e = e == t->alive ? NULL : e->prev)
		if (e->n_parents && e->parents[0].pid == pid)
			ret[n++] = e->pid;
	return n;
}

bool process_has_forked_since(const struct process_table *t, int32_t pid, uint64_t time_ns)
{
	const struct entry *e = process_entry_find(t, pid);

	return e && e->forked_ns > time_ns;
}

uint64_t process_looks(const struct process_table *t)
{
	return t->looks;
}

bool process_is_gone(const struct process_table *t, int32_t pid)
{
	const struct entry *e = process_entry_find(t, pid);

	return e && e->dead_ns;
}

bool process_is_over(const struct process_table *t, int32_t pid)
{
	_cleanup_close_ int dir = -1;
	struct process_life life;

	if (!process_is_gone(t, pid))
		return false;
	dir = process_dir_open(t->proc_fd, pid);
	return dir < 0 || process_read_life(dir, &life) < 0 || life.is_over;
}
/* NOLINTEND(readability-function-size,clang-analyzer-core.NullDereference,clang-analyzer-deadcode.DeadStores) */
