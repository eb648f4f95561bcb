/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Console processes: found, started with their descriptors, and the one that only reads the config. */
#ifndef DAEMON_CHILD_H
#define DAEMON_CHILD_H

#include <sys/types.h>

#include "daemon/folders.h"
#include "daemon/ipc.h"
#include "daemon/listeners.h"
#include "daemon/options.h"
#include "lib/err.h"

/*
 * Lets a console process read the config file, and waits for it. 0 and *ret; ERR_INVALID when the config is bad (what and where is on
 * stderr already); another code with `err`.
 */
int child_read_config(const struct options *options, struct ipc_config *ret, struct error *err);

/*
 * With certificate and key in the config: lets a console process check them. 0 (also without any); ERR_INVALID when they are no good
 * (why is on stderr already); another code with `err`.
 */
int child_check_tls(
	const struct options *options, const struct ipc_config *config, struct error *err);

/*
 * Starts a console that serves. `home_netns` is a descriptor of the namespace it belongs in, or -1: ours. 0 with *ret_pid and
 * *ret_channel (our end, non-blocking, owned by the caller); or a code with `err`.
 */
int child_serve(const struct options *options, const struct folders *folders,
	const struct listeners *listeners, int home_netns, pid_t *ret_pid, int *ret_channel,
	struct error *err);

/* Lets a console process verify the audit log of the state folder; it says what it found. Its exit status, or a code with `err`. */
int child_verify_audit(const struct options *options, struct error *err);

#endif
