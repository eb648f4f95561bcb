/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UDP sockets that are gone, as the kernel tells of each when its last user has closed it and its last packet has left: from then on
 * another program may take its port.
 *
 * Belongs to the network namespace of the caller at socket_ends_open(), for good. Source: net/core/sock_diag.c
 * (sock_diag_broadcast_destroy), sock_diag(7).
 */
#ifndef DAEMON_SOCKET_ENDS_H
#define DAEMON_SOCKET_ENDS_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/addr.h"

struct socket_ends;

struct socket_end {
	struct ip_addr addr; /* what it was bound to, or had chosen; may be 0.0.0.0 or :: */
	uint16_t port;
	uint64_t cookie; /* SO_COOKIE */
};

/* NULL with errno where the kernel does not tell. */
struct socket_ends *socket_ends_open(void);

/* NULL is fine. */
void socket_ends_close(struct socket_ends *s);

/* Readable when there is something; -1 of NULL. */
int socket_ends_fd(const struct socket_ends *s);

/* Tells what there is now, `max` at most, without waiting; what did not fit into the kernel's memory is lost. NULL is fine. */
void socket_ends_read(struct socket_ends *s, unsigned max,
	void (*fn)(void *ctx, const struct socket_end *end), void *ctx);

/* One datagram of the kernel: the same for each socket that it tells of. For socket_ends_read() and its tests. */
void socket_ends_parse(const void *buf, size_t len,
	void (*fn)(void *ctx, const struct socket_end *end), void *ctx);

#endif
