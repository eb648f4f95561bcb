/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Searches /proc for the process that holds a socket: what is left where tracing does not tell. Linear, so bounded in time. */
#ifndef DAEMON_SOCKET_SCAN_H
#define DAEMON_SOCKET_SCAN_H

#include <stdint.h>

#include "daemon/socket_holders.h"

#define SOCKET_SCAN_KNOWN 16 /* processes looked at first */

/* Zeroed = nothing was searched yet. */
struct socket_scan {
	uint64_t n; /* searches so far */
	int32_t known[SOCKET_SCAN_KNOWN]; /* whom they found, the last one first; 0: nobody */
	struct socket_places places;
};

/*
 * The PID of a process that has the socket open, or 0: none was found with `max_ms` of work. Whoever was found before is asked
 * first, then the processes of the socket's user, then all others, the youngest first. `inode` and `uid` are the socket's.
 */
int32_t socket_scan_find(struct socket_scan *s, const char *proc_root, uint32_t inode, uint32_t uid,
	unsigned max_ms);

#endif
