/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Maps, checks and compiles what the console sends, and frees what is over, on a thread of its own: a big rule set takes
 * longer than a packet may wait. The thread owns nothing but the job at hand. One job at a time; all functions are for the
 * engine's own thread.
 */
#ifndef DAEMON_LOADER_H
#define DAEMON_LOADER_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/limits.h"
#include "lib/listset.h"
#include "lib/ruleset.h"

struct loader;

/* Starts the thread. Returns owned, or NULL with `err`. */
struct loader *loader_new(struct error *err);

/* Waits for the job at hand and frees its result. NULL is fine. */
void loader_free(struct loader *l);

/* Readable when a job is done. */
int loader_fd(const struct loader *l);

/*
 * Begins a job with a memfd (duplicated): a rule set, which finds its lists among `lists` (borrowed and unchanged until the job is
 * done), or a list. ERR_BUSY while there is one; ERR_IO.
 */
int loader_ruleset(struct loader *l, int fd, struct listset *const *lists, unsigned n_lists);
int loader_list(struct loader *l, int fd);

struct loader_result {
	int code; /* 0, or what loading returned, with `err` */
	struct error err;
	struct ruleset *ruleset; /* owned by the taker, as is `list` */
	struct listset *list;
};

/* Loads a rule set here and now. */
void loader_ruleset_now(
	int fd, struct listset *const *lists, unsigned n_lists, struct loader_result *ret);

/* The result of the job that is done. False: none is. */
bool loader_take(struct loader *l, struct loader_result *ret);

/* Hands over what is not needed any more, to be freed when there is time. NULL is fine. */
void loader_discard_ruleset(struct loader *l, struct ruleset *rs);
void loader_discard_list(struct loader *l, struct listset *list);

#endif
