/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HTTP server: libmicrohttpd on the console's loop, one daemon a listening socket. */
#ifndef API_SERVER_H
#define API_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/limits.h"

struct console;
struct exchange;
struct server;
struct tls_pair;

/*
 * Serves `n` listening sockets from `first_fd` on (taken), TCP or Unix, on the loop of `c` (borrowed for life).
 * Returns owned, or NULL after logging why.
 */
struct server *server_new(struct console *c, int first_fd, unsigned n);

/* Ends every request, then closes the sockets. NULL is fine. */
void server_free(struct server *s);

#define SERVER_URL_LEN (LIMIT_HOST + 24)

/*
 * "http://localhost:7373": where a browser on this machine finds the dashboard. Without a loopback listener it is that of a
 * TLS listener, by the certificate's name where it has one. Returns `buf`.
 */
const char *server_url(const struct server *s, char buf[static SERVER_URL_LEN]);

/*
 * Certificate and key (another reference is taken) for all TLS connections to come: those to listeners on other addresses
 * than loopback, which fail until there is a pair.
 */
void server_set_pair(struct server *s, struct tls_pair *pair);

/* The one that they take; NULL: none yet. Borrowed. */
const struct tls_pair *server_pair(const struct server *s);

/* Ends the streams and waiting requests of the caller with this credential (struct caller): it was revoked. */
void server_end_streams(struct server *s, uint64_t credential);

/* The same for every caller whose credential has come to its end. */
void server_end_expired(struct server *s, uint64_t now_us);

#endif
