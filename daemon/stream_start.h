/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first bytes of a stream, in whatever order they come. What came first stays: a sender that repeats a byte cannot change it. */
#ifndef DAEMON_STREAM_START_H
#define DAEMON_STREAM_START_H

#include <stddef.h>
#include <stdint.h>

#include "lib/limits.h"

struct stream_start {
	size_t len; /* without a gap from the start */
	uint8_t bytes[LIMIT_HELLO_BYTES];
	uint8_t known[LIMIT_HELLO_BYTES / 8]; /* a bit for each byte that is there */
};

void stream_start_init(struct stream_start *s);

/* Adds `len` bytes that stand at `offset`; what lies past LIMIT_HELLO_BYTES is left out. */
void stream_start_add(struct stream_start *s, uint64_t offset, const void *bytes, size_t len);

#endif
