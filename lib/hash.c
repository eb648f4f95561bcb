/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uthash with a keyed function: SipHash-1-3. */
#include "config.h"

#include <stdint.h>

#define HASH_NONFATAL_OOM 1
#define HASH_BKT_CAPACITY_THRESH 3u /* short chains: each link is a cache miss */
#define HASH_FUNCTION(keyptr, keylen, hashv)                                                       \
	do {                                                                                       \
		(hashv) = (unsigned)hash_bytes((keyptr), (keylen));                                \
	} while (0)

#include "lib/hash.h"

#include <string.h>
#include <sys/random.h>

#include "lib/clock.h"

/* Written once, before main(). */
static uint64_t secret[2];

static void __attribute__((constructor)) make_secret(void)
{
	if (getrandom(secret, sizeof(secret), GRND_NONBLOCK) == (ssize_t)sizeof(secret))
		return;
	/* Before the kernel has any randomness, the time of day is better than nothing. */
	secret[0] = clock_real_us();
	secret[1] = clock_mono_ns();
}

static uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[static 4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[static 4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

uint64_t hash_bytes_with(const uint64_t key[static 2], const void *bytes, size_t len)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
		key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };
	const uint8_t *p = bytes;
	uint64_t word, last = (uint64_t)len << 56;

	for (size_t left = len / 8; left; left--, p += 8) {
		memcpy(&word, p, 8);
		sip_word(v, word);
	}
	word = 0;
	if (len % 8)
		memcpy(&word, p, len % 8);
	sip_word(v, last | word);
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_bytes(const void *bytes, size_t len)
{
	return hash_bytes_with(secret, bytes, len);
}

/* The macros of uthash are deeper and longer than any function here may be. */
/* NOLINTBEGIN(readability-function-size,clang-analyzer-*) */
struct hash_node *hash_find(const struct hash *h, const void *key, size_t len)
{
	struct hash_node *node;

	HASH_FIND(hh, h->first, key, len, node);
	return node;
}

bool hash_add(struct hash *h, struct hash_node *node, const void *key, size_t len)
{
	HASH_ADD_KEYPTR(hh, h->first, key, len, node);
	return node->hh.tbl != NULL;
}

void hash_del(struct hash *h, struct hash_node *node)
{
	HASH_DEL(h->first, node);
}
/* NOLINTEND(readability-function-size,clang-analyzer-*) */

struct hash_node *hash_next(const struct hash_node *node)
{
	return node->hh.next;
}

unsigned hash_count(const struct hash *h)
{
	return h->first ? h->first->hh.tbl->num_items : 0;
}
