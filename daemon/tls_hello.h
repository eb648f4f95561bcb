/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ClientHello of TLS: the host name that a program says it wants (server_name, RFC 6066 section 3). Pure functions that trust
 * nothing; TLS 1.0 to 1.3 look alike this far (RFC 8446 section 4.1.2).
 */
#ifndef DAEMON_TLS_HELLO_H
#define DAEMON_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/limits.h"

struct tls_hello {
	char host[LIMIT_HOST +
		  1]; /* lower case, no trailing dot, letters, digits, "-", "_" and "." */
	size_t host_len; /* 0: none was said, or one that is no host name */
	/* An Encrypted Client Hello stands in it: then the name may be a front's. Many programs send one without meaning. */
	bool has_ech;
};

/*
 * Reads the handshake message, as QUIC carries it. 0: all of it; ERR_AGAIN: its end is not there yet, and *ret is what was found;
 * ERR_MALFORMED: no ClientHello, or one that says two things.
 */
int tls_hello_parse(const void *message, size_t len, struct tls_hello *ret);

/* The same from the start of a TCP stream, where it comes in records, maybe in pieces over several. */
int tls_stream_parse(const void *bytes, size_t len, struct tls_hello *ret);

#endif
