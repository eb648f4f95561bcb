/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One process as /proc shows it now. Every function works below a directory descriptor of /proc/TID, which stays with
 * that very task: when it ends, reads fail, and never show another process that got its number.
 *
 * Nothing here waits for a file system: an executable may lie on one whose server is the process itself (FUSE).
 * Source: proc(5), fs/proc/array.c, fs/proc/base.c.
 */
#ifndef DAEMON_PROCESS_READ_H
#define DAEMON_PROCESS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/process.h"

/* What tells one life of one program from another. */
struct process_life {
	uint64_t start_time; /* clock ticks since boot: tells processes apart */
	uint64_t stack, args; /* addresses, random at each exec: tell programs apart */
	bool is_kernel; /* a kernel thread */
	bool is_over; /* a zombie: all that it had is given back */
};

struct process_ids {
	int32_t tgid;
	int32_t ppid; /* 0: none */
	uint32_t uid, euid; /* real, effective */
	int32_t tracer; /* who traces it (ptrace); 0: nobody */
};

/* A descriptor of /proc/TID (O_PATH) below that of /proc, or a negative error code: there is no such task. */
int process_dir_open(int proc_fd, int32_t tid);

int process_read_life(int dir, struct process_life *ret);
int process_read_ids(int dir, struct process_ids *ret);

/* The inode number of a namespace ("net", "mnt"), or 0. */
uint64_t process_read_ns(int dir, const char *name);

/* What the kernel calls it, as it may have chosen itself: raw bytes, NUL-terminated; "" when it cannot be read. */
void process_read_name(int dir, char ret[static PROCESS_NAME_LEN]);

/*
 * The path of what it executes, sanitized, into LIMIT_PATH + 1 bytes; false when it cannot be told (the task is a zombie).
 *
 *   /usr/bin/curl             that file, or what stood there until it was replaced or removed
 *   memfd:NAME                a file without a path (memfd_create)
 *   other-root:/usr/bin/curl  a path in another mount namespace, where it may be another file than here
 *   [kernel]                  a kernel thread
 *
 * `host_mnt` is the mount namespace in which paths mean what they mean to us; 0: all of them.
 */
bool process_read_path(int dir, uint64_t host_mnt, char *ret);

/*
 * All but the parents: a new record of the caller's with one reference, or NULL (the task ended meanwhile, or out of
 * memory). `ids` and `life` were read from the same directory.
 */
struct process *process_read(
	int dir, uint64_t host_mnt, const struct process_ids *ids, const struct process_life *life);

/* A record with nothing in it but what is given; strings are copied. NULL when out of memory. */
struct process *process_new(int32_t pid, const char *path);

#endif
