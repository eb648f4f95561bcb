/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an inotify descriptor has to tell, event by event. inotify(7). */
#ifndef LIB_INOTIFY_READ_H
#define LIB_INOTIFY_READ_H

#include <stdbool.h>
#include <sys/inotify.h>

/* Gives every event that waits at `fd`, which does not block, to `take`: whether that said true to any of them. */
bool inotify_read(int fd, bool (*take)(void *ctx, const struct inotify_event *e), void *ctx);

#endif
