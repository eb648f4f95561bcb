/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard's listening sockets: bound by the engine, so that they outlive a console, served by the console. */
#ifndef DAEMON_LISTENERS_H
#define DAEMON_LISTENERS_H

#include <sys/types.h>

#include "daemon/ipc.h"
#include "lib/err.h"

#define LISTENERS_MAX (IPC_LISTEN_MAX + 1)

struct listeners {
	int fds[LISTENERS_MAX];
	unsigned n;
	struct ipc_listen addrs[IPC_LISTEN_MAX]; /* of the TCP ones, with the port that was bound */
	unsigned n_addrs;
};

/*
 * Binds every address, and `api.sock` (0660 root:gid) in the folder `runtime_fd` whose path is `runtime_dir`. An IPv6
 * address on a machine without IPv6 is left out, as long as another one can be bound; one beyond loopback that is not there yet is
 * bound all the same, and served once it is. 0, or a code with `err` in one line:
 * ERR_BUSY when a port is taken.
 */
int listeners_open(struct listeners *l, const struct ipc_listen *addrs, unsigned n_addrs,
	const char *runtime_dir, int runtime_fd, gid_t gid, struct error *err);
void listeners_close(struct listeners *l);

#endif
