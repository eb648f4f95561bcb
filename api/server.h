/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HTTP server: libmicrohttpd on the console's loop, one daemon a listening socket. */
#ifndef API_SERVER_H
#define API_SERVER_H

#include <stdbool.h>
#include <stdint.h>

struct console;
struct exchange;
struct server;

/*
 * Serves `n` listening sockets from `first_fd` on (taken), TCP or Unix, on the loop of `c` (borrowed for life).
 * Returns owned, or NULL after logging why.
 */
struct server *server_new(struct console *c, int first_fd, unsigned n);

/* Ends every request, then closes the sockets. NULL is fine. */
void server_free(struct server *s);

/* "localhost:7373": what a browser on this machine may call the first TCP listener; "" without one. */
const char *server_authority(const struct server *s);

/* Ends the streams and waiting requests of the caller with this credential (struct caller): it was revoked. */
void server_end_streams(struct server *s, uint64_t credential);

/* The same for every caller whose credential has come to its end. */
void server_end_expired(struct server *s, uint64_t now_us);

#endif
