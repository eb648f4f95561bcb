/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first packets of a QUIC connection: protected with keys that anybody who sees them can derive, so that the ClientHello in
 * them can be read. Versions 1 (RFC 9000, RFC 9001) and 2 (RFC 9369). Pure functions that trust nothing.
 */
#ifndef DAEMON_QUIC_INITIAL_H
#define DAEMON_QUIC_INITIAL_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/stream_start.h"

#define QUIC_KEY_LEN 16
#define QUIC_IV_LEN 12
#define QUIC_CID_MAX 20

struct quic_keys {
	uint8_t key[QUIC_KEY_LEN], iv[QUIC_IV_LEN], hp[QUIC_KEY_LEN];
};

/* What a client protects its Initial packets with (RFC 9001 section 5.2). 0, or ERR_UNSUPPORTED: a version not known. */
int quic_client_keys(uint32_t version, const uint8_t *dcid, size_t dcid_len, struct quic_keys *ret);

/* Whose words are put together: until it has an answer, a client names the server by one ID (RFC 9000 section 7.2). Zeroed: nobody yet. */
struct quic_client {
	uint32_t version;
	uint8_t dcid_len;
	uint8_t dcid[QUIC_CID_MAX];
};

/*
 * Takes the client's Initial packets out of one datagram (or of several that go as one to the network card) and adds what their CRYPTO
 * frames carry to *start. The number of packets read; ERR_NOT_FOUND: there is none of a version known; ERR_MALFORMED: not one is
 * what it says, or one is of another connection than those before, so that *start is nobody's.
 */
int quic_initial_read(
	const void *datagram, size_t len, struct quic_client *client, struct stream_start *start);

#endif
