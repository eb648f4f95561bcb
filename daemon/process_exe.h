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
 * Whether the task cannot be running what its link says (`said` is the file there), because it executed `given`, an absolute path
 * that stands for another file, a program that this machine runs by itself. With CAP_SYS_RESOURCE a process changes its link
 * (PR_SET_MM_EXE_FILE). False also where that cannot be told: another root, a script, a file that is gone or not in memory.
 */
bool process_exe_is_forged(
	int dir, uint64_t host_mnt, const struct file_identity *said, const char *given);

#endif
