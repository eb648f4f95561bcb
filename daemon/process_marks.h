/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What else is seen of a process at the look at it: tricks, and the script that an interpreter runs. Used by process_read.c. */
#ifndef DAEMON_PROCESS_MARKS_H
#define DAEMON_PROCESS_MARKS_H

#include "daemon/process_read.h"

/* Fills flags and script of a record whose path, arguments and cwd are there. `dir` is a descriptor of /proc/TID. */
void process_marks_read(int dir, const struct process_ids *ids, struct process *p);

/*
 * "appimage:NAME" where the executable is in the mount of an AppImage; `file` is the image as its environment says, or NULL. A
 * string of the caller's, sanitized; NULL: it is none.
 */
char *process_appimage(const char *path, const char *file);

/*
 * The script of a process by its own words: the first argument of an interpreter that is no option, absolute by its cwd, sanitized;
 * a string of the caller's. NULL: it is no interpreter that we know, or runs something else than a file (-c, -m, -e).
 */
char *process_script(const char *path, const char *args, size_t args_len, const char *cwd);

#endif
