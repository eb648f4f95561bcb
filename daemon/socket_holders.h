/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which processes have these sockets open: one walk through /proc, for the start only. */
#ifndef DAEMON_SOCKET_HOLDERS_H
#define DAEMON_SOCKET_HOLDERS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Calls `fn` with each process that has one of the `n` sockets open; `inodes` is sorted. Stops after `max_ms`. 0, or a code when
 * /proc cannot be read.
 */
int socket_holders_find(const char *proc_root, const uint32_t *inodes, size_t n, unsigned max_ms,
	void (*fn)(void *ctx, uint32_t inode, int32_t pid), void *ctx);

#endif
