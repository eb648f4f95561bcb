/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which processes have these sockets open: one walk through /proc, for the start only; and whether one process has.
 *
 * A new file gets the lowest number that is free: where no file was closed that is the number of files, and where one was, often the same
 * number as the last time. So a socket that has just been opened is found by a few looks, however many files its process has.
 */
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

#define SOCKET_PLACES 256

/* Of a process. */
struct socket_place {
	int32_t pid;
	int32_t fd; /* where the socket was that was found last; -1: nowhere yet */
	int32_t from; /* where to go on looking; 0: at the start */
};

/* By PID; the next one with the same remainder takes the place over. Zeroed = none yet. */
struct socket_places {
	struct socket_place of[SOCKET_PLACES];
};

/*
 * Whether a process has this socket among its open files. Of those at most `max` are looked at (0: all), after the likely ones; not held is
 * said only when all were. Where there are more, the next call goes on with them, so that the place is known by and by. `places` may be NULL.
 */
enum socket_holding socket_holders_has(struct socket_places *places, const char *proc_root,
	int32_t pid, uint32_t inode, unsigned max);

#endif
