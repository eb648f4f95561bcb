/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both work on blocks of 64 bytes with the same padding, but for the order of bytes in a word. */
#include "config.h"
#include "lib/sha1_md5.h"

#include <string.h>

static uint32_t rotate(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static void sha1_block(uint32_t state[5], const uint8_t *p)
{
	static const uint32_t k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
	uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];

	for (unsigned i = 0; i < 16; i++)
		w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
		       (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
	for (unsigned i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (unsigned i = 0; i < 80; i++) {
		uint32_t f = i < 20   ? (b & c) | (~b & d)
			     : i < 40 ? b ^ c ^ d
			     : i < 60 ? (b & c) | (b & d) | (c & d)
				      : b ^ c ^ d;
		uint32_t t = rotate(a, 5) + f + e + k[i / 20] + w[i];

		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = t;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
}

/* floor(2^32 * abs(sin(i + 1))) */
static const uint32_t md5_sines[64] = { 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf,
	0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
	0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51,
	0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6,
	0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942,
	0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
	0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8,
	0xc4ac5665, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92,
	0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82,
	0xbd3af235, 0x2ad7d2bb, 0xeb86d391 };

static void md5_block(uint32_t state[4], const uint8_t *p)
{
	static const uint8_t turns[4][4] = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 },
		{ 6, 10, 15, 21 } };
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];

	for (unsigned i = 0; i < 64; i++) {
		const unsigned at[4] = { i, 5 * i + 1, 3 * i + 5, 7 * i };
		const uint8_t *m = p + 4 * (size_t)(at[i / 16] % 16);
		uint32_t word =
			(uint32_t)m[3] << 24 | (uint32_t)m[2] << 16 | (uint32_t)m[1] << 8 | m[0];
		uint32_t f = i < 16   ? (b & c) | (~b & d)
			     : i < 32 ? (d & b) | (~d & c)
			     : i < 48 ? b ^ c ^ d
				      : c ^ (b | ~d);
		uint32_t t = a + f + md5_sines[i] + word;

		a = d;
		d = c;
		c = b;
		b += rotate(t, turns[i / 16][i % 4]);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

void sha1_md5_init(struct sha1_md5 *h)
{
	static const uint32_t start[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
		0xc3d2e1f0 };

	memset(h, 0, sizeof(*h));
	memcpy(h->sha1, start, sizeof(h->sha1));
	memcpy(h->md5, start, sizeof(h->md5));
}

void sha1_md5_update(struct sha1_md5 *h, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		size_t at = h->total % 64, n = 64 - at < len ? 64 - at : len;

		memcpy(h->block + at, p, n);
		h->total += n;
		p += n;
		len -= n;
		if (at + n == 64) {
			sha1_block(h->sha1, h->block);
			md5_block(h->md5, h->block);
		}
	}
}

void sha1_md5_final(
	struct sha1_md5 *h, uint8_t ret_sha1[static SHA1_LEN], uint8_t ret_md5[static MD5_LEN])
{
	uint64_t bits = h->total * 8;
	uint8_t one = 0x80, zero = 0;

	sha1_md5_update(h, &one, 1);
	while (h->total % 64 != 56)
		sha1_md5_update(h, &zero, 1);
	for (unsigned i = 0; i < 8; i++)
		h->block[56 + i] = (uint8_t)(bits >> (56 - 8 * i));
	sha1_block(h->sha1, h->block);
	for (unsigned i = 0; i < 8; i++)
		h->block[56 + i] = (uint8_t)(bits >> 8 * i);
	md5_block(h->md5, h->block);
	for (unsigned i = 0; i < SHA1_LEN; i++)
		ret_sha1[i] = (uint8_t)(h->sha1[i / 4] >> (24 - 8 * (i % 4)));
	for (unsigned i = 0; i < MD5_LEN; i++)
		ret_md5[i] = (uint8_t)(h->md5[i / 4] >> 8 * (i % 4));
}
