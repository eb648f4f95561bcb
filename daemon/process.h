/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who a PID is. Records are snapshots of /proc, made when a process is first asked about or executes something, and
 * kept a while after its death so that its last packets still have a name. Identity is (pid, start time).
 *
 * Fed by trace events (fork, exec, exit) where tracing works; without it a record is checked against
 * /proc/PID/stat's start time before it is believed.
 */
#ifndef DAEMON_PROCESS_H
#define DAEMON_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/file_identity.h"
#include "lib/limits.h"
#include "lib/subject.h"

struct process_table;
struct process_image;

#define PROCESS_NAME_LEN 16 /* TASK_COMM_LEN of include/linux/sched.h, with the NUL */

/* Whose a process is, and since when: as at the last look. */
struct process_who {
	uint64_t started_us; /* CLOCK_REALTIME, to the clock tick; 0: not known */
	uint32_t uid; /* real; UINT32_MAX not known */
	uint32_t euid; /* effective, likewise */
	/* What the kernel calls it, by its own word: raw bytes; "" unless its path could not be read. */
	char name[PROCESS_NAME_LEN];
};

struct process_parent {
	int32_t pid;
	char *path; /* UTF-8, "" when not known */
	struct process_who who;
};

/*
 * Immutable once handed out; a new exec makes a new record. Strings are NUL-terminated UTF-8 but for args.
 *
 * A path that is not a file of this machine's root says so, and does not begin with '/': "memfd:NAME",
 * "other-root:/usr/bin/curl" (a file of that name in another mount namespace), "[kernel]" (a kernel thread, whose name
 * is then the command).
 */
struct process {
	unsigned refs;
	int32_t pid; /* TGID in the initial PID namespace */
	uint64_t
		start_time; /* clock ticks since boot; 0: it was gone before it could be looked at */
	struct process_who who;
	uint64_t netns; /* inode of its network namespace; 0 not known */
	char *path; /* the executed file; sanitized */
	char *args; /* raw bytes of argv, NUL-separated, at most LIMIT_ARGS */
	size_t args_len;
	char *command; /* args joined by a space, sanitized: what process.command matches */
	char *cwd;
	char *cgroup; /* path in the unified hierarchy */
	char *container; /* "docker:ID", "podman:ID", "containerd:ID", "lxc:NAME", "machine:NAME", "flatpak:APP", "snap:NAME", "appimage:FILE"; NULL: none */
	char *script; /* what an interpreter runs, by its own arguments; NULL: none */
	struct file_identity exe; /* the executed file */
	uint32_t flags; /* enum process_flag, as at the look */
	struct process_parent parents[LIMIT_PARENTS]; /* nearest first */
	unsigned n_parents;
};

struct process *process_ref(struct process *p);
void process_unref(struct process *p); /* NULL is fine */

/* `proc_root` is "/proc", or a made-up tree in tests. NULL when out of memory. */
struct process_table *process_table_new(const char *proc_root);
void process_table_free(struct process_table *t);
size_t process_table_count(const struct process_table *t);

/* Tracing works: records are kept valid by events, and need no look at /proc each time. */
void process_table_set_traced(struct process_table *t, bool traced);

struct process_exec {
	int32_t tid;
	const char *filename; /* as given to execve, `filename_len` bytes; may be NULL */
	size_t filename_len;
	uint64_t time_ns;
	bool is_seen; /* which file it is */
	struct file_identity file; /* device and inode; 0: its file system has other numbers */
};

/*
 * Trace events, with their time on CLOCK_MONOTONIC. `tid` of a thread that is not a leader is mapped to its process.
 * `is_last`: the process ends with this thread, as far as is known.
 * They may come late by a little: a birth that is older than what is known of the process does not undo it.
 */
void process_on_fork(struct process_table *t, int32_t parent_tid, int32_t child_tid, bool is_thread,
	uint64_t time_ns);
void process_on_exec(struct process_table *t, const struct process_exec *exec);
void process_on_exit(struct process_table *t, int32_t tid, bool is_last, uint64_t time_ns);

/* Events were lost: every record is checked against /proc once before it is believed again. */
void process_on_lost(struct process_table *t);

/*
 * Looks at up to `max` programs executed since the last call, so that those that end before they are asked about still have
 * the path and the network namespace that they really had. The number of them.
 */
unsigned process_settle(struct process_table *t, unsigned max);

/* Children of a process that live as far as is known, those last asked about or born first; at most `max`. How many. */
unsigned process_children(const struct process_table *t, int32_t pid, int32_t *ret, unsigned max);

/* Whether a process got a child after this moment (CLOCK_MONOTONIC): the child has the sockets that its parent had. */
bool process_has_forked_since(const struct process_table *t, int32_t pid, uint64_t time_ns);

/* What the process of this task runs as far as is known now: a reference of the caller's, or NULL. */
struct process_image *process_image_of(const struct process_table *t, int32_t tid);

/*
 * The record of the process that `tid` belonged to at a moment of the past, when it ran `image` (NULL: not known). Where the number
 * is another process's since, or another program was executed, it has only PID and path. NULL when nothing is known.
 */
struct process *process_get_at(
	struct process_table *t, int32_t tid, uint64_t time_ns, const struct process_image *image);

/* How many records were made from /proc so far: what it shows may be younger than the events that were given. */
uint64_t process_looks(const struct process_table *t);

/* Whether a process that was known has ended, as the events told. */
bool process_is_gone(const struct process_table *t, int32_t pid);

/* Whether one that has ended is over, too: all its files are closed, which takes a moment. */
bool process_is_over(const struct process_table *t, int32_t pid);

/* The process that a task belongs to, by what events and earlier look-ups told; 0: not known. No look at /proc. */
int32_t process_tgid(const struct process_table *t, int32_t tid);

/*
 * The record of the process that `tid` belongs to: a new reference, or NULL when nothing at all is known. The process
 * may be dead already: then what the events and an earlier look told.
 */
struct process *process_get(struct process_table *t, int32_t tid);

/*
 * What can change while a program runs, read anew: who traces it, which file it says it is, as whom it runs. A new reference: a newer
 * record of the same process and program, or `p` itself where there is none.
 */
struct process *process_look_again(struct process_table *t, struct process *p);

/* Value of an environment variable (of /proc/PID/environ now), copied into `buf`; length, or -1. */
int process_env(const struct process *p, const char *name, size_t name_len, char *buf, size_t size);

#endif
