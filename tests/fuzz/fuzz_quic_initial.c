/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as QUIC datagrams, each behind its length in two bytes. Nothing random gets through the protection, so the
 * packets are also made here, with these bytes as their frames.
 */
#include "config.h"

#include <nettle/aes.h>
#include <nettle/gcm.h>

#include "daemon/quic_initial.h"
#include "daemon/tls_hello.h"
#include "lib/err.h"
#include "tests/fuzz/fuzz.h"

#define DCID "\1\2\3\4\5\6\7"
#define DCID_LEN 8
#define HEADER_LEN (1 + 4 + 1 + DCID_LEN + 1 + 1 + 2)
#define FRAMES_MAX 1200
#define TAG_LEN 16

static void check(
	const uint8_t *datagram, size_t len, struct quic_client *client, struct stream_start *start)
{
	uint8_t *copy = fuzz_copy(datagram, len);
	size_t before = start->len;
	int r = quic_initial_read(copy, len, client, start);
	struct tls_hello hello;

	FUZZ_ASSERT(r > 0 || r == ERR_NOT_FOUND || r == ERR_MALFORMED);
	FUZZ_ASSERT(start->len >= before && start->len <= sizeof(start->bytes));
	FUZZ_ASSERT(r != ERR_NOT_FOUND || start->len == before);
	FUZZ_ASSERT(client->dcid_len <= QUIC_CID_MAX);
	(void)tls_hello_parse(start->bytes, start->len, &hello);
	FUZZ_ASSERT(hello.host_len <= LIMIT_HOST);
	free(copy);
}

/* A packet of version 1 whose frames are these bytes. */
static size_t protect(const uint8_t *frames, size_t len, uint8_t *to)
{
	uint8_t mask[AES_BLOCK_SIZE], *pn = to + HEADER_LEN;
	struct gcm_aes128_ctx gcm;
	struct aes128_ctx aes;
	struct quic_keys keys;

	FUZZ_ASSERT(quic_client_keys(1, (const uint8_t *)DCID, DCID_LEN, &keys) == 0);
	memcpy(to, "\xc0\0\0\0\1\x08" DCID "\0\0\0", HEADER_LEN - 2);
	to[HEADER_LEN - 2] = (uint8_t)(0x40 | (1 + len + TAG_LEN) >> 8);
	to[HEADER_LEN - 1] = (uint8_t)(1 + len + TAG_LEN);
	pn[0] = 0;
	gcm_aes128_set_key(&gcm, keys.key);
	gcm_aes128_set_iv(&gcm, sizeof(keys.iv), keys.iv);
	gcm_aes128_update(&gcm, HEADER_LEN + 1, to);
	gcm_aes128_encrypt(&gcm, len, pn + 1, frames);
	gcm_aes128_digest(&gcm, TAG_LEN, pn + 1 + len);
	aes128_set_encrypt_key(&aes, keys.hp);
	aes128_encrypt(&aes, sizeof(mask), mask, pn + 4);
	to[0] ^= mask[0] & 0x0f;
	pn[0] ^= mask[1];
	return HEADER_LEN + 1 + len + TAG_LEN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct quic_client client = { 0 };
	static struct stream_start start;
	static uint8_t packet[HEADER_LEN + 1 + FRAMES_MAX + TAG_LEN];
	size_t n = size < FRAMES_MAX ? size : FRAMES_MAX;

	stream_start_init(&start);
	for (size_t at = 0, len; at + 2 < size; at += len) {
		len = 2u + ((size_t)data[at] << 8 | data[at + 1]);
		if (len > size - at)
			len = size - at;
		check(data + at + 2, len - 2, &client, &start);
	}
	stream_start_init(&start);
	memset(&client, 0, sizeof(client));
	if (n >= 4) {
		size_t len = protect(data, n, packet);

		check(packet, len, &client, &start);
	}
	return 0;
}
