/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA-1 (FIPS 180-4) and MD5 (RFC 1321), for rules that were made elsewhere with such digests. Neither proves anything against
 * somebody who can choose the file.
 */
#ifndef LIB_SHA1_MD5_H
#define LIB_SHA1_MD5_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_LEN 20
#define MD5_LEN 16

struct sha1_md5 {
	uint32_t sha1[5];
	uint32_t md5[4];
	uint64_t total; /* bytes so far */
	uint8_t block[64];
};

/* Both digests of the same bytes in one go. */
void sha1_md5_init(struct sha1_md5 *h);
void sha1_md5_update(struct sha1_md5 *h, const void *data, size_t len);

/* Writes the digests; `h` is then used up. */
void sha1_md5_final(
	struct sha1_md5 *h, uint8_t ret_sha1[static SHA1_LEN], uint8_t ret_md5[static MD5_LEN]);

#endif
