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

enum socket_holding {
	SOCKET_NOT_HELD,
	SOCKET_HELD,
	SOCKET_HELD_PERHAPS, /* more files are open than were looked at */
};

/* Whether a process has this socket among its open files; at most `max` of them are looked at (0: all). */
enum socket_holding socket_holders_has(
	const char *proc_root, int32_t pid, uint32_t inode, unsigned max);

#endif
