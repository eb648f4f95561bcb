/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's capabilities: only these are kept, for good. */
#ifndef DAEMON_PRIVILEGES_H
#define DAEMON_PRIVILEGES_H

#include <stdbool.h>

#include "lib/err.h"

/* Whether the engine can start at all (CAP_NET_ADMIN and CAP_SYS_PTRACE): 0 or ERR_PERMISSION with `err`. */
int privileges_check(struct error *err);

/*
 * Drops every capability but the ones of the table in privileges.c, from the bounding set too. `keep_setns`: consoles are started
 * in another network namespace than ours. capabilities(7). 0 or a code with `err`.
 */
int privileges_drop(bool keep_setns, struct error *err);

/*
 * Closes the engine's seccomp filter (daemon/syscalls.c), for its threads to come and its consoles too. `keep_setns` as above.
 * What is not on the list fails with EPERM from now on, and the log names it. 0 or a code with `err`.
 */
int privileges_close(bool keep_setns, struct error *err);

#endif
