/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of processes: an entry each, made by a birth that was traced or by the first question, and filled from
 * /proc when asked. Threads that are no leaders have a map of their own (process_threads.h); what a process runs is
 * an image (process_image.h).
 */
/* NOLINTBEGIN(readability-function-size,clang-analyzer-core.NullDereference,clang-analyzer-deadcode.DeadStores): uthash's macros unfold here */
#include "config.h"
#include "daemon/process.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "daemon/process_image.h"
#include "daemon/process_read.h"
#include "daemon/process_threads.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/utf8.h"

#define KEEP_DEAD_NS UINT64_C(10000000000) /* a dead process is remembered this long */
#define SETTLE_MAX 256

struct ancestor {
	int32_t pid;
	struct process_image *image;
	struct process_who who;
};

struct entry {
	int32_t pid;
	uint64_t born_ns; /* 0: before we looked */
	uint64_t exec_ns; /* 0: not since birth, or since we looked */
	uint64_t dead_ns; /* 0: alive, as far as we know */
	uint64_t forked_ns; /* its last child's birth */
	uint64_t netns; /* as read at a look; 0 not known */
	struct process_who who; /* likewise */
	struct process_image *image;
	struct ancestor parents[LIMIT_PARENTS]; /* nearest first */
	unsigned n_parents;
	bool has_lineage; /* the parents are all there are, or all that fit */
	struct process *record; /* NULL: not looked at since its last exec */
	struct process_life life; /* of the record */
	uint32_t generation; /* of the table when the record was last known to be right */
	struct entry *prev, *next; /* in one of the table's two lists */
	UT_hash_handle hh;
};

struct process_table {
	int proc_fd;
	uint64_t host_mnt;
	uint64_t booted_us; /* CLOCK_REALTIME when this machine started */
	bool is_traced;
	uint32_t generation;
	struct entry *entries;
	struct entry *alive; /* least recently used first */
	struct entry *dead; /* earliest death first */
	struct process_threads threads;
	int32_t executed[SETTLE_MAX]; /* not settled yet; a ring */
	unsigned executed_at, n_executed;
};

/* ---- images */

/* Gives the entry another image; takes the reference. */
static void set_image(struct entry *e, struct process_image *im)
{
	process_image_unref(e->image);
	e->image = im;
}

/* What /proc said it runs. An image shared with others is theirs only as long as it says the same. */
static void learn_path(struct entry *e, const char *path)
{
	if (e->image && e->image->is_known && strcmp(e->image->path, path) == 0)
		return;
	if (!e->image || e->image->is_known)
		set_image(e, process_image_new());
	if (!e->image)
		return;
	free(e->image->path);
	e->image->path = strdup(path);
	e->image->is_known = e->image->path != NULL;
}

/* ---- entries */

static void clear_parents(struct entry *e)
{
	for (unsigned i = 0; i < e->n_parents; i++)
		process_image_unref(e->parents[i].image);
	e->n_parents = 0;
	e->has_lineage = false;
}

static void add_parent(
	struct entry *e, int32_t pid, struct process_image *im, const struct process_who *who)
{
	if (e->n_parents < LIMIT_PARENTS)
		e->parents[e->n_parents++] =
			(struct ancestor) { pid, process_image_ref(im), *who };
	if (e->n_parents == LIMIT_PARENTS)
		e->has_lineage = true;
}

/* The parent, then the parent's own ancestors. */
static void inherit_parents(struct entry *e, const struct entry *parent)
{
	add_parent(e, parent->pid, parent->image, &parent->who);
	for (unsigned i = 0; i < parent->n_parents; i++) {
		const struct ancestor *a = &parent->parents[i];

		add_parent(e, a->pid, a->image, &a->who);
	}
	e->has_lineage = e->has_lineage || parent->has_lineage;
}

static struct entry *find_entry(const struct process_table *t, int32_t pid)
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
	clear_parents(e);
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

static struct entry *get_entry(struct process_table *t, int32_t pid)
{
	struct entry *e = find_entry(t, pid);

	return e ? e : new_entry(t, pid);
}

/* Most recently used last; who is asked about after its last thread was seen to end is not dead after all, or will be soon. */
static void touch(struct process_table *t, struct entry *e)
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
	return find_entry(t, tid) ? tid : 0;
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

static void revive(struct process_table *t, struct entry *e)
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
	child = find_entry(t, child_tid);
	/* What was heard of a process before its birth belongs to it when it is younger. */
	if (child && (child->born_ns > time_ns || child->exec_ns > time_ns))
		return;
	if (child)
		remove_entry(t, child);
	parent = parent_pid ? get_entry(t, parent_pid) : NULL;
	child = new_entry(t, child_tid);
	if (!child)
		return;
	parent = parent_pid ? find_entry(t, parent_pid) : NULL; /* may have made room */
	child->born_ns = time_ns;
	if (!parent)
		return;
	child->netns = parent->netns;
	parent->forked_ns = time_ns;
	set_image(child, process_image_ref(parent->image));
	inherit_parents(child, parent);
}

void process_on_exec(struct process_table *t, int32_t tid, const char *filename,
	size_t filename_len, uint64_t time_ns)
{
	struct entry *e;
	struct process_image *im;
	char path[LIMIT_PATH + 1];

	process_threads_forget(&t->threads, tid); /* a thread that executes becomes the leader */
	e = get_entry(t, tid);
	if (!e)
		return;
	revive(t, e);
	e->exec_ns = time_ns;
	process_unref(e->record);
	e->record = NULL;
	im = process_image_new();
	if (im && filename && filename_len && filename[0] == '/') {
		utf8_sanitize(filename, filename_len, path, sizeof(path));
		im->path = strdup(path);
	}
	set_image(e, im);
	if (t->n_executed < SETTLE_MAX)
		t->executed[(t->executed_at + t->n_executed++) % SETTLE_MAX] = tid;
}

void process_on_exit(struct process_table *t, int32_t tid, bool is_last, uint64_t time_ns)
{
	int32_t pid = process_tgid(t, tid);
	struct entry *e = pid ? find_entry(t, pid) : NULL;

	if (!e || !is_last || e->dead_ns)
		return;
	DL_DELETE(t->alive, e);
	e->dead_ns = time_ns ? time_ns : 1;
	DL_APPEND(t->dead, e);
}

bool process_has_forked_since(const struct process_table *t, int32_t pid, uint64_t time_ns)
{
	const struct entry *e = find_entry(t, pid);

	return e && e->forked_ns > time_ns;
}

bool process_is_gone(const struct process_table *t, int32_t pid)
{
	const struct entry *e = find_entry(t, pid);

	return e && e->dead_ns;
}

/* ---- looks at /proc */

static struct process_who who_of(
	const struct process_table *t, const struct process_ids *ids, uint64_t start_time)
{
	uint64_t tick_us = 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);

	return (struct process_who) { t->booted_us + start_time * tick_us, ids->uid, ids->euid };
}

/* Fills the path and network namespace of a process that nobody asked about. False: it cannot be looked at. */
static bool look_briefly(struct process_table *t, struct entry *e, int32_t *ret_ppid)
{
	_cleanup_close_ int dir = process_dir_open(t->proc_fd, e->pid);
	char path[LIMIT_PATH + 1];
	struct process_life life;
	struct process_ids ids;

	if (dir < 0)
		return false;
	/* Who it is and whose child only where that is asked. */
	if (ret_ppid) {
		if (process_read_ids(dir, &ids) < 0 || process_read_life(dir, &life) < 0)
			return false;
		*ret_ppid = ids.ppid;
		e->who = who_of(t, &ids, life.start_time);
	}
	if (process_read_path(dir, t->host_mnt, path))
		learn_path(e, path);
	e->netns = process_read_ns(dir, "net");
	return true;
}

unsigned process_settle(struct process_table *t, unsigned max)
{
	unsigned n = 0;

	while (t->n_executed && n < max) {
		struct entry *e = find_entry(t, t->executed[t->executed_at]);

		t->executed_at = (t->executed_at + 1) % SETTLE_MAX;
		t->n_executed--;
		if (!e || e->record || e->dead_ns || (e->image && e->image->is_known))
			continue;
		look_briefly(t, e, NULL);
		n++;
	}
	return n;
}

/* Adds the ancestors that no event told of, one by one from /proc. */
static void complete_lineage(struct process_table *t, struct entry *e, int32_t ppid)
{
	while (!e->has_lineage && ppid > 0) {
		struct entry *parent = find_entry(t, ppid);
		int32_t next = 0;

		if (!parent || !parent->image || !parent->image->is_known || !parent->has_lineage) {
			/* Making room must not take away the one we work for. */
			touch(t, e);
			parent = get_entry(t, ppid);
			if (!parent || !look_briefly(t, parent, &next))
				break;
		}
		if (parent->has_lineage) {
			inherit_parents(e, parent);
			break;
		}
		add_parent(e, parent->pid, parent->image, &parent->who);
		ppid = next;
	}
	e->has_lineage = true;
}

/* The last ancestor that is known may have been born before we traced: go on from it. */
static void extend_lineage(struct process_table *t, struct entry *e, int32_t ppid)
{
	struct entry *last;
	int32_t next = 0;

	if (e->has_lineage)
		return;
	if (!e->n_parents) {
		complete_lineage(t, e, ppid);
		return;
	}
	last = find_entry(t, e->parents[e->n_parents - 1].pid);
	if (last && last->image == e->parents[e->n_parents - 1].image &&
		look_briefly(t, last, &next))
		complete_lineage(t, e, next);
	e->has_lineage = true;
}

/* The path of an image that nobody has looked at, from a process that still runs it. */
static void look_at_image(struct process_table *t, int32_t pid, const struct process_image *im)
{
	struct entry *e;

	if (!im || im->is_known)
		return;
	e = find_entry(t, pid);
	if (e && e->image == im && !e->dead_ns)
		look_briefly(t, e, NULL);
}

/* One that ended before anybody looked was born when its birth was traced. */
static uint64_t birth_of(const struct process_table *t, const struct entry *e)
{
	uint64_t tick_us = 1000000u / (uint64_t)sysconf(_SC_CLK_TCK), us;

	if (e->who.started_us || !e->born_ns)
		return e->who.started_us;
	us = clock_real_us() - (clock_mono_ns() - e->born_ns) / 1000;
	return t->booted_us + (us - t->booted_us) / tick_us * tick_us;
}

/* Who an ancestor is, from a look at it now where nobody looked before; nothing where its number is another process's since. */
static void look_at_ancestor(struct process_table *t, const struct entry *e, struct ancestor *a)
{
	struct entry *parent = find_entry(t, a->pid);
	int32_t ppid;

	if (!parent || (e->born_ns && parent->born_ns > e->born_ns))
		return;
	if (!parent->who.started_us && !parent->dead_ns)
		look_briefly(t, parent, &ppid);
	parent->who.started_us = birth_of(t, parent);
	a->who = parent->who;
}

static bool copy_parents(struct process_table *t, struct entry *e, struct process *p)
{
	for (unsigned i = 0; i < e->n_parents; i++) {
		look_at_ancestor(t, e, &e->parents[i]);
		look_at_image(t, e->parents[i].pid, e->parents[i].image);
		p->parents[i].pid = e->parents[i].pid;
		p->parents[i].who = e->parents[i].who;
		p->parents[i].path = strdup(process_image_path(e->parents[i].image));
		if (!p->parents[i].path)
			return false;
		p->n_parents++;
	}
	return true;
}

/* Whether the record still is of the process and the program that are there now. */
static bool is_current(struct process_table *t, const struct entry *e, int dir)
{
	char path[LIMIT_PATH + 1];
	struct process_life now;

	if (process_read_life(dir, &now) < 0)
		return false;
	return now.start_time == e->life.start_time && now.stack == e->life.stack &&
	       now.args == e->life.args &&
	       (now.is_kernel || (process_read_path(dir, t->host_mnt, path) &&
					 strcmp(path, e->record->path) == 0));
}

/* Another process has the number: forget all that was known under it. */
static void restart_entry(struct entry *e)
{
	clear_parents(e);
	set_image(e, process_image_new());
	process_unref(e->record);
	e->record = NULL;
	e->born_ns = e->exec_ns = 0;
	e->netns = 0;
	e->who = (struct process_who) { 0, UINT32_MAX, UINT32_MAX };
}

/* A new record from /proc, or NULL when the process is gone. */
static struct process *look(
	struct process_table *t, struct entry *e, int dir, const struct process_ids *ids)
{
	struct process_life life;
	struct process *p;

	if (process_read_life(dir, &life) < 0)
		return NULL;
	if (e->record && e->life.start_time != life.start_time)
		restart_entry(e);
	p = process_read(dir, t->host_mnt, ids, &life);
	if (!p)
		return NULL;
	revive(t, e);
	e->who = p->who = who_of(t, ids, life.start_time);
	learn_path(e, p->path);
	e->netns = p->netns;
	extend_lineage(t, e, ids->ppid);
	if (!copy_parents(t, e, p)) {
		process_unref(p);
		return NULL;
	}
	process_unref(e->record);
	e->record = p;
	e->life = life;
	e->generation = t->generation;
	return p;
}

/* The record of a process that ended before it was looked at, from what events told. NULL: not even its path. */
static struct process *remember(struct process_table *t, struct entry *e)
{
	struct process *p;

	/* It never executed anything: then it ran what its parent runs. */
	if (e->n_parents && e->parents[0].image == e->image)
		look_at_image(t, e->parents[0].pid, e->image);
	if (!e->image || !e->image->path)
		return NULL;
	p = process_new(e->pid, e->image->path);
	if (!p)
		return NULL;
	p->netns = e->image->is_known && e->exec_ns ? e->netns : 0;
	e->who.started_us = birth_of(t, e);
	p->who = e->who;
	if (!copy_parents(t, e, p)) {
		process_unref(p);
		return NULL;
	}
	e->record = p;
	e->generation = t->generation;
	return p;
}

static bool is_believed(const struct process_table *t, const struct entry *e)
{
	return e->record && (e->dead_ns || (t->is_traced && e->generation == t->generation));
}

struct process *process_get(struct process_table *t, int32_t tid)
{
	int32_t pid = process_tgid(t, tid);
	struct entry *e = pid ? find_entry(t, pid) : NULL;
	_cleanup_close_ int dir = -1;
	struct process_ids ids;

	if (e && is_believed(t, e)) {
		touch(t, e);
		return process_ref(e->record);
	}
	dir = process_dir_open(t->proc_fd, tid);
	if (dir >= 0 && e && e->record && is_current(t, e, dir)) {
		e->generation = t->generation;
		touch(t, e);
		return process_ref(e->record);
	}
	if (dir >= 0 && process_read_ids(dir, &ids) == 0) {
		if (ids.tgid != tid)
			process_threads_add(&t->threads, tid, ids.tgid);
		e = get_entry(t, ids.tgid);
		if (e && look(t, e, dir, &ids)) {
			touch(t, e);
			return process_ref(e->record);
		}
	}
	/* Gone. A record made while it lived is better than what is pieced together now. */
	if (e && (e->record || remember(t, e)))
		return process_ref(e->record);
	return NULL;
}

struct process_image *process_image_of(const struct process_table *t, int32_t tid)
{
	const struct entry *e = find_entry(t, process_tgid(t, tid));

	return e ? process_image_ref(e->image) : NULL;
}

struct process *process_get_at(
	struct process_table *t, int32_t tid, uint64_t time_ns, const struct process_image *image)
{
	const struct entry *e = find_entry(t, process_tgid(t, tid));

	if (!e || (e->born_ns <= time_ns && e->exec_ns <= time_ns))
		return process_get(t, tid);
	return image && image->path ? process_new(e->pid, image->path) : NULL;
}
/* NOLINTEND(readability-function-size,clang-analyzer-core.NullDereference,clang-analyzer-deadcode.DeadStores) */
