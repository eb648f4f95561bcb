/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One direction of DNS over TCP: segments in, in any order and as often as they come, whole messages out.
 *
 * The stream is known from its SYN on; its messages have a length of two bytes before them (RFC 7766 section 8). What lies
 * further ahead than LIMIT_DNS_STREAM is not kept, and with more than a few holes at once the stream is given up.
 */
#ifndef DAEMON_DNS_STREAM_H
#define DAEMON_DNS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/limits.h"

#define DNS_STREAM_HOLES 8

struct dns_stream {
	uint32_t base_seq; /* of the first byte in `bytes` */
	size_t len; /* without a gap from the start */
	unsigned n_later; /* pieces behind a gap, in order, not touching */
	struct {
		uint32_t from, to;
	} later[DNS_STREAM_HOLES];
	bool given_up;
	uint8_t bytes[LIMIT_DNS_STREAM];
};

/* `isn` is the sequence number of the SYN. */
void dns_stream_init(struct dns_stream *s, uint32_t isn);

/*
 * Takes in one segment and calls `fn` for each message that is whole now, in order. False when the stream is given up: then no
 * more comes of it.
 */
bool dns_stream_segment(struct dns_stream *s, uint32_t seq, const uint8_t *data, size_t len,
	void (*fn)(void *ctx, const uint8_t *message, size_t len), void *ctx);

#endif
