/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records and lineage from /proc, as far as a process is still there, and from what the events told where it is not. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/process_exe.h"
#include "daemon/process_private.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/process_flag.h"
#include "lib/utf8.h"

/* ---- what it runs, and as whom */

/* What /proc said it runs. An image shared with others is theirs only as long as it says the same. */
/*
 * A file that was seen under its name, and is deleted since: in another mount namespace its name then proves nothing any more
 * (process_exe.c), but it still is that file.
 */
static bool is_known_file(
	const struct process_image *im, const char *path, const struct file_identity *exe)
{
	const size_t len = strlen(PROCESS_EXE_OTHER_ROOT);

	return im->is_known && im->inode && im->inode == exe->inode && im->dev == exe->dev &&
	       strncmp(path, PROCESS_EXE_OTHER_ROOT, len) == 0 &&
	       strncmp(im->path, PROCESS_EXE_OTHER_ROOT, len) != 0;
}

static void learn_path(struct entry *e, const char *path, const struct file_identity *exe)
{
	if (e->image && e->image->is_known &&
		(strcmp(e->image->path, path) == 0 || is_known_file(e->image, path, exe)))
		return;
	if (!e->image || e->image->is_known)
		process_entry_set_image(e, process_image_new());
	if (!e->image)
		return;
	free(e->image->path);
	e->image->path = strdup(path);
	e->image->is_known = e->image->path != NULL;
	e->image->dev = exe->dev;
	e->image->inode = exe->inode;
}

/*
 * Whether /proc names another file than was executed, as far as the events and an earlier look told. An exec whose event has not come
 * looks the same until it comes.
 */
static bool is_forged(const struct process_table *t, const struct entry *e, int dir,
	const struct file_identity *exe)
{
	const struct process_image *im = e->image;

	if (!t->is_traced || !im || !exe->inode)
		return false;
	if (im->is_seen && e->image_generation == t->generation) {
		if (im->exec_inode)
			return im->exec_inode != exe->inode || im->exec_dev != exe->dev;
		if (process_exe_is_plain(dir))
			return true;
	}
	if (im->is_known)
		return e->image_generation == t->generation && im->inode &&
		       (im->inode != exe->inode || im->dev != exe->dev);
	return im->path && process_exe_is_forged(dir, t->host_mnt, exe, im->path);
}

/* What such a process is told to run: what exec was given. */
static void name_forged(struct process_image *im, int dir)
{
	char found[PROCESS_EXE_LEN], path[LIMIT_PATH + 1];
	const char *text = im->given ? im->given : "unknown";

	if (im->path)
		return;
	if (im->given && process_exe_from_cwd(dir, im->given, im->exec_dev, im->exec_inode, found))
		text = found;
	utf8_sanitize(text, strlen(text), path, sizeof(path));
	im->path = strdup(path);
}

static struct process_who who_of(
	const struct process_table *t, const struct process_ids *ids, uint64_t start_time)
{
	uint64_t tick_us = 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);

	return (struct process_who) { .started_us = t->booted_us + start_time * tick_us,
		.uid = ids->uid,
		.euid = ids->euid };
}

/* Fills the path and network namespace of a process that nobody asked about. False: it cannot be looked at. */
static bool look_briefly(struct process_table *t, struct entry *e, int32_t *ret_ppid)
{
	_cleanup_close_ int dir = process_dir_open(t->proc_fd, e->pid);
	char path[LIMIT_PATH + 1];
	struct file_identity exe;
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
	if (!process_read_path(dir, t->host_mnt, path)) {
		process_read_name(dir, e->who.name);
	} else if (file_identity_read(dir, "exe", &exe)) {
		if (is_forged(t, e, dir, &exe)) {
			name_forged(e->image, dir);
		} else {
			learn_path(e, path, &exe);
			e->image_generation = t->generation;
		}
	}
	e->netns = process_read_ns(dir, "net");
	return true;
}

unsigned process_settle(struct process_table *t, unsigned max)
{
	unsigned n = 0;

	while (t->n_executed && n < max) {
		struct entry *e = process_entry_find(t, t->executed[t->executed_at]);

		t->executed_at = (t->executed_at + 1) % PROCESS_SETTLE_MAX;
		t->n_executed--;
		if (!e || e->record || e->dead_ns || (e->image && e->image->is_known))
			continue;
		look_briefly(t, e, NULL);
		n++;
	}
	return n;
}

/* ---- lineage */

/* Adds the ancestors that no event told of, one by one from /proc. */
static void complete_lineage(struct process_table *t, struct entry *e, int32_t ppid)
{
	while (!e->has_lineage && ppid > 0) {
		struct entry *parent = process_entry_find(t, ppid);
		int32_t next = 0;

		if (!parent || !parent->image || !parent->image->is_known || !parent->has_lineage) {
			/* Making room must not take away the one we work for. */
			process_entry_touch(t, e);
			parent = process_entry_get(t, ppid);
			if (!parent || !look_briefly(t, parent, &next))
				break;
		}
		if (parent->has_lineage) {
			process_entry_inherit(e, parent);
			break;
		}
		process_entry_add_parent(e, parent->pid, parent->image, &parent->who);
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
	last = process_entry_find(t, e->parents[e->n_parents - 1].pid);
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
	e = process_entry_find(t, pid);
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
	struct entry *parent = process_entry_find(t, a->pid);
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

/* ---- records */

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
	process_entry_clear_parents(e);
	process_entry_set_image(e, process_image_new());
	process_unref(e->record);
	e->record = NULL;
	e->born_ns = e->exec_ns = 0;
	e->netns = 0;
	e->who = (struct process_who) { .uid = UINT32_MAX, .euid = UINT32_MAX };
}

/* False: out of memory. */
static bool take_path(struct process *p, const struct process_image *im)
{
	char *path = strdup(im->path);

	if (!path)
		return false;
	free(p->path);
	p->path = path;
	return true;
}

/* Rules match the executed file, whatever the process says of itself. False: out of memory. */
static bool name_executed(struct process_table *t, struct entry *e, int dir, struct process *p)
{
	if (!is_forged(t, e, dir, &p->exe)) {
		learn_path(e, p->path, &p->exe);
		e->image_generation = t->generation;
		return !e->image || !is_known_file(e->image, p->path, &p->exe) ||
		       take_path(p, e->image);
	}
	name_forged(e->image, dir);
	if (!e->image->path || !take_path(p, e->image))
		return false;
	p->flags |= PROCESS_EXE_FORGED;
	/* Of the executed file nothing more is known. */
	p->exe = (struct file_identity) { 0 };
	return true;
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
	process_entry_revive(t, e);
	e->who = p->who = who_of(t, ids, life.start_time);
	if (!name_executed(t, e, dir, p)) {
		process_unref(p);
		return NULL;
	}
	e->netns = p->netns;
	extend_lineage(t, e, ids->ppid);
	if (!copy_parents(t, e, p)) {
		process_unref(p);
		return NULL;
	}
	process_unref(e->record);
	t->looks++;
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
	struct entry *e = pid ? process_entry_find(t, pid) : NULL;
	_cleanup_close_ int dir = -1;
	struct process_ids ids;

	if (e && is_believed(t, e)) {
		process_entry_touch(t, e);
		return process_ref(e->record);
	}
	dir = process_dir_open(t->proc_fd, tid);
	if (dir >= 0 && e && e->record && is_current(t, e, dir)) {
		e->generation = t->generation;
		process_entry_touch(t, e);
		return process_ref(e->record);
	}
	if (dir >= 0 && process_read_ids(dir, &ids) == 0) {
		if (ids.tgid != tid)
			process_threads_add(&t->threads, tid, ids.tgid);
		e = process_entry_get(t, ids.tgid);
		if (e && look(t, e, dir, &ids)) {
			process_entry_touch(t, e);
			return process_ref(e->record);
		}
	}
	/* Gone. A record made while it lived is better than what is pieced together now. */
	if (e && (e->record || remember(t, e)))
		return process_ref(e->record);
	return NULL;
}

struct process *process_look_again(struct process_table *t, struct process *p)
{
	struct entry *e = process_entry_find(t, p->pid);
	_cleanup_close_ int dir = -1;
	struct process_life now;
	struct process_ids ids;

	if (!e || e->record != p || e->dead_ns)
		return process_ref(p);
	dir = process_dir_open(t->proc_fd, p->pid);
	/* Another program's record would be another answer. */
	if (dir < 0 || process_read_ids(dir, &ids) < 0 || process_read_life(dir, &now) < 0 ||
		now.start_time != e->life.start_time || now.stack != e->life.stack ||
		now.args != e->life.args)
		return process_ref(p);
	process_ref(p);
	if (!look(t, e, dir, &ids) || strcmp(e->record->path, p->path) != 0)
		return p;
	process_unref(p);
	return process_ref(e->record);
}

struct process_image *process_image_of(const struct process_table *t, int32_t tid)
{
	const struct entry *e = process_entry_find(t, process_tgid(t, tid));

	return e ? process_image_ref(e->image) : NULL;
}

struct process *process_get_at(
	struct process_table *t, int32_t tid, uint64_t time_ns, const struct process_image *image)
{
	const struct entry *e = process_entry_find(t, process_tgid(t, tid));
	struct process *p = NULL;
	int32_t pid = e ? e->pid : tid;

	if (!e || (e->born_ns <= time_ns && e->exec_ns <= time_ns))
		p = process_get(t, tid);
	/* An exec, or another process under the number, that no event has told of yet. */
	if (p && image && image->is_known && strcmp(p->path, image->path) != 0) {
		pid = p->pid;
		process_unref(p);
		p = NULL;
	}
	return p || !image || !image->path ? p : process_new(pid, image->path);
}
