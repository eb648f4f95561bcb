/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inotify(7) on a folder of rules or lists: that something changed, and which files somebody is still writing. */
#ifndef API_RULE_WATCH_H
#define API_RULE_WATCH_H

#include <stdbool.h>

struct rule_watch;

/*
 * Returns owned, or NULL where the kernel gives no watch (then look at the folder now and then). Borrows `folder`. Only files
 * whose names `is_ours` says yes to count.
 */
struct rule_watch *rule_watch_new(int folder, bool (*is_ours)(const char *name));
void rule_watch_free(struct rule_watch *w); /* NULL is fine */

/* Readable when something happened; non-blocking. */
int rule_watch_fd(const struct rule_watch *w);

/* Reads what happened; true when a file of ours came, changed or went. */
bool rule_watch_read(struct rule_watch *w);

/* Whether somebody has written to the file and not closed it yet. */
bool rule_watch_is_writing(const struct rule_watch *w, const char *name);

#endif
