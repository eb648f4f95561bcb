/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells when the file at one path is another, or has other contents: written, replaced, renamed, removed, or made. inotify(7).
 *
 * Watched are the folder, for what gets or loses the name, and the file that the path leads to (through links and mounts). What happens to a
 * link half-way, or a mount over it, is not seen: look now and then all the same.
 */
#ifndef DAEMON_FILE_WATCH_H
#define DAEMON_FILE_WATCH_H

#include <stdbool.h>

struct file_watch;

/* `path` is absolute; nothing need be there but its folder. NULL when it cannot be watched. */
struct file_watch *file_watch_new(const char *path);
void file_watch_free(struct file_watch *w); /* NULL is fine */

/* Readable when there is something to read; -1 for NULL. */
int file_watch_fd(const struct file_watch *w);

/* Takes in what was told, without waiting: true when the file is worth a look. */
bool file_watch_read(struct file_watch *w);

#endif
