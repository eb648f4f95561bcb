/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 (FIPS 180-4): stored secrets, ETags. */
#ifndef LIB_SHA256_H
#define LIB_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN 32

struct sha256 {
	uint32_t state[8];
	uint64_t total; /* bytes so far */
	uint8_t block[64];
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *data, size_t len);

/* Writes the digest; `h` is then used up. */
void sha256_final(struct sha256 *h, uint8_t ret[static SHA256_LEN]);

/* All in one. */
void sha256_of(const void *data, size_t len, uint8_t ret[static SHA256_LEN]);

/* `n` bytes as lower-case hex and a NUL into `out` (2 n + 1 bytes). */
void hex_write(const uint8_t *bytes, size_t n, char *out);

#endif
