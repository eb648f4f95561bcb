/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which file a task executes: what the link /proc/TID/exe says, and what it leaves open. Used by process_read.c. */
#ifndef DAEMON_PROCESS_EXE_H
#define DAEMON_PROCESS_EXE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/file_identity.h"

#define PROCESS_EXE_LEN (4096 + 16)
#define PROCESS_EXE_OTHER_ROOT "other-root:" /* begins a path that is not one of ours */

/*
 * The path (raw bytes, not NUL-terminated) into `ret` of PROCESS_EXE_LEN bytes, in the forms that
 * process_read_path() tells of. `dir` is a descriptor of /proc/TID.
 */
bool process_exe_read(int dir, uint64_t host_mnt, char *ret, size_t *ret_len);

/*
 * Whether the executed file (its device and inode; 0: it is on a file system that is not plain, file_identity_is_plain_on()) is not what
 * stands at `path` in our root, as it may be in a mount namespace or root of the process's own: another program stands there, or
 * nothing that the kernel has in memory. A script is no such: its interpreter was executed.
 */
bool process_exe_is_elsewhere(const char *path, const struct file_identity *executed);

/* Whether the file that the link of a task leads to is on a plain file system. */
bool process_exe_is_plain(int dir);

/*
 * A path that was given to exec and was not absolute, as an absolute one, where it leads to this file from the task's working
 * directory of now, in our root. Into `ret` of PROCESS_EXE_LEN bytes. False: it does not.
 */
bool process_exe_from_cwd(int dir, const char *given, uint64_t dev, uint64_t inode, char *ret);

/*
 * Whether the task cannot be running what its link says (`said` is the file there), because it executed `given`, an absolute path
 * that stands for another file, a program that this machine runs by itself. With CAP_SYS_RESOURCE a process changes its link
 * (PR_SET_MM_EXE_FILE). False also where that cannot be told: another root, a script, a file that is gone or not in memory.
 */
bool process_exe_is_forged(
	int dir, uint64_t host_mnt, const struct file_identity *said, const char *given);

#endif
