/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which file a task executes: what the link /proc/TID/exe says, and what it leaves open. Used by process_read.c. */
#ifndef DAEMON_PROCESS_EXE_H
#define DAEMON_PROCESS_EXE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROCESS_EXE_LEN (4096 + 16)

/*
 * The path (raw bytes, not NUL-terminated) into `ret` of PROCESS_EXE_LEN bytes, in the forms that
 * process_read_path() tells of. `dir` is a descriptor of /proc/TID.
 */
bool process_exe_read(int dir, uint64_t host_mnt, char *ret, size_t *ret_len);

#endif
