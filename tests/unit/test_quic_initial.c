/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QUIC's Initial packets: the examples of RFC 9001 and RFC 9369, real ones, and odd ones protected here. */
#include "config.h"

#include <nettle/aes.h>
#include <nettle/gcm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/quic_initial.h"
#include "daemon/tls_hello.h"
#include "lib/err.h"

#define V1 1u
#define V2 0x6b3343cfu
#define DCID "\x83\x94\xc8\xf0\x3e\x51\x57\x08"
#define DCID_LEN 8
#define TAG 16

struct datagram {
	uint8_t b[8192];
	size_t len;
};

static void read_corpus(const char *name, struct datagram *ret)
{
	const char *top = getenv("TOP_SRCDIR");
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/quic_initial/%s", top ? top : ".", name);
	f = fopen(path, "rb");
	if (!f)
		fail_msg("no %s", path);
	ret->len = fread(ret->b, 1, sizeof(ret->b), f);
	fclose(f);
}

/* Of a copy of exactly this size, so that a read past the end is seen. */
static int take_of(
	const uint8_t *bytes, size_t len, struct quic_client *client, struct stream_start *start)
{
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	memcpy(copy, bytes, len);
	r = quic_initial_read(copy, len, client, start);
	free(copy);
	return r;
}

/* A client's first datagram. */
static int take(const uint8_t *bytes, size_t len, struct stream_start *start)
{
	struct quic_client client = { 0 };

	return take_of(bytes, len, &client, start);
}

static void assert_hello(const struct stream_start *s, const char *host)
{
	struct tls_hello h;

	assert_int_equal(tls_hello_parse(s->bytes, s->len, &h), 0);
	assert_string_equal(h.host, host);
}

/* ---- keys */

static void assert_hex(const uint8_t *bytes, const char *hex)
{
	for (size_t i = 0; hex[2 * i]; i++) {
		unsigned v = 0;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		assert_int_equal(bytes[i], v);
	}
}

static void test_keys(void **state)
{
	struct quic_keys k;

	(void)state;
	/* RFC 9001 appendix A.1 */
	assert_int_equal(quic_client_keys(V1, (const uint8_t *)DCID, DCID_LEN, &k), 0);
	assert_hex(k.key, "1f369613dd76d5467730efcbe3b1a22d");
	assert_hex(k.iv, "fa044b2f42a3fd3b46fb255c");
	assert_hex(k.hp, "9f50449e04a0e810283a1e9933adedd2");
	/* RFC 9369 appendix A.1 */
	assert_int_equal(quic_client_keys(V2, (const uint8_t *)DCID, DCID_LEN, &k), 0);
	assert_hex(k.key, "8b1a0bc121284290a29e0971b5cd045d");
	assert_hex(k.iv, "91f73e2351d8fa91660e909f");
	assert_hex(k.hp, "45b95e15235d6f45a6b19cbcb0294ba9");
	assert_int_equal(quic_client_keys(2, (const uint8_t *)DCID, DCID_LEN, &k), ERR_UNSUPPORTED);
}

/* ---- real packets */

/* RFC 9001 appendix A.2: the client's first datagram, as in the corpus behind its length. */
static void test_rfc_packet(void **state)
{
	static struct stream_start s;
	static struct datagram d;

	(void)state;
	read_corpus("rfc9001", &d);
	assert_int_equal(d.len, 2 + 1200);
	stream_start_init(&s);
	assert_int_equal(take(d.b + 2, 1200, &s), 1);
	assert_int_equal(s.len, 241);
	assert_hello(&s, "example.com");
	/* Any bit of it changed, and it is not what it says; but for the fixed bit and the version, which make it something else. */
	for (size_t bit = 0; bit < 1200 * 8; bit += 7) {
		d.b[2 + bit / 8] ^= (uint8_t)(1u << bit % 8);
		stream_start_init(&s);
		assert_true(take(d.b + 2, 1200, &s) < 0);
		assert_int_equal(s.len, 0);
		d.b[2 + bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < 1200; len++) {
		stream_start_init(&s);
		assert_int_equal(take(d.b + 2, len, &s), ERR_NOT_FOUND);
	}
}

static void test_real(void **state)
{
	static const struct {
		const char *name, *host;
		unsigned n; /* datagrams that its words take */
	} programs[] = { { "ngtcp2", "localhost", 1 }, { "chromium", "chromium.hello.test", 2 } };
	static struct stream_start s;
	static struct datagram d;
	struct tls_hello h;

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct quic_client client = { 0 };
		unsigned n = 0;

		read_corpus(programs[i].name, &d);
		stream_start_init(&s);
		for (size_t at = 0, len; at < d.len; at += len) {
			len = 2u + ((size_t)d.b[at] << 8 | d.b[at + 1]);
			assert_true(take_of(d.b + at + 2, len - 2, &client, &s) > 0);
			n++;
			if (n < programs[i].n)
				assert_int_equal(tls_hello_parse(s.bytes, s.len, &h), ERR_AGAIN);
		}
		assert_int_equal(n, programs[i].n);
		assert_hello(&s, programs[i].host);
	}
}

/* ---- packets made here */

static void put_varint(struct datagram *d, uint64_t v)
{
	if (v < 64) {
		d->b[d->len++] = (uint8_t)v;
		return;
	}
	d->b[d->len++] = (uint8_t)(0x40 | v >> 8);
	d->b[d->len++] = (uint8_t)v;
}

static void put(struct datagram *d, const void *bytes, size_t len)
{
	memcpy(d->b + d->len, bytes, len);
	d->len += len;
}

static void crypto(struct datagram *d, uint64_t offset, const char *text)
{
	put_varint(d, 6);
	put_varint(d, offset);
	put_varint(d, strlen(text));
	put(d, text, strlen(text));
}

/* Puts a protected Initial packet with these frames behind what stands in *d; `dcid` has DCID_LEN bytes. */
static void initial_to(struct datagram *d, uint32_t version, const char *dcid,
	const struct datagram *frames, size_t pn_len, const char *token)
{
	uint8_t mask[AES_BLOCK_SIZE], nonce[QUIC_IV_LEN], *start = d->b + d->len, *pn, *body;
	struct gcm_aes128_ctx gcm;
	struct aes128_ctx aes;
	struct quic_keys keys;

	assert_int_equal(quic_client_keys(version, (const uint8_t *)dcid, DCID_LEN, &keys), 0);
	d->b[d->len++] = (uint8_t)(0xc0 | (version == V2 ? 0x10 : 0) | (pn_len - 1));
	for (int shift = 24; shift >= 0; shift -= 8)
		d->b[d->len++] = (uint8_t)(version >> shift);
	d->b[d->len++] = DCID_LEN;
	put(d, dcid, DCID_LEN);
	d->b[d->len++] = 3;
	put(d, "abc", 3);
	put_varint(d, strlen(token));
	put(d, token, strlen(token));
	put_varint(d, pn_len + frames->len + TAG);
	pn = d->b + d->len;
	memset(pn, 0, pn_len);
	pn[pn_len - 1] = 5;
	body = pn + pn_len;
	memcpy(nonce, keys.iv, sizeof(nonce));
	nonce[sizeof(nonce) - 1] ^= 5;
	gcm_aes128_set_key(&gcm, keys.key);
	gcm_aes128_set_iv(&gcm, sizeof(nonce), nonce);
	gcm_aes128_update(&gcm, (size_t)(body - start), start);
	gcm_aes128_encrypt(&gcm, frames->len, body, frames->b);
	gcm_aes128_digest(&gcm, TAG, body + frames->len);
	aes128_set_encrypt_key(&aes, keys.hp);
	aes128_encrypt(&aes, sizeof(mask), mask, pn + 4);
	start[0] ^= mask[0] & 0x0f;
	for (size_t i = 0; i < pn_len; i++)
		pn[i] ^= mask[1 + i];
	d->len += pn_len + frames->len + TAG;
}

static void initial(struct datagram *d, uint32_t version, const struct datagram *frames,
	size_t pn_len, const char *token)
{
	initial_to(d, version, DCID, frames, pn_len, token);
}

static void test_frames(void **state)
{
	static struct stream_start s;
	static struct datagram d, frames;

	(void)state;
	/* in disorder, between other frames */
	frames.len = 0;
	crypto(&frames, 4, "efgh");
	put(&frames, "\0\0\0\1", 4);
	put(&frames, "\2\x12\0\2\0\1\1\1\1", 9); /* ACK with two more ranges */
	put(&frames, "\3\x12\0\0\0\1\2\3", 8); /* with ECN counts */
	crypto(&frames, 0, "abcd");
	crypto(&frames, 100, "later");
	for (size_t pn_len = 1; pn_len <= 4; pn_len++) {
		d.len = 0;
		initial(&d, V1, &frames, pn_len, pn_len == 2 ? "some token" : "");
		stream_start_init(&s);
		assert_int_equal(take(d.b, d.len, &s), 1);
		assert_int_equal(s.len, 8);
		assert_memory_equal(s.bytes, "abcdefgh", 8);
	}
	/* version 2, and two packets in one datagram, with padding behind them */
	d.len = 0;
	initial(&d, V2, &frames, 2, "");
	frames.len = 0;
	crypto(&frames, 8, "ijklmnopqrstuvwxyz");
	initial(&d, V2, &frames, 2, "");
	memset(d.b + d.len, 0, 100);
	stream_start_init(&s);
	assert_int_equal(take(d.b, d.len + 100, &s), 2);
	assert_int_equal(s.len, 26);
	/* A frame that ends the connection ends the reading; one longer than the packet does not count. */
	frames.len = 0;
	crypto(&frames, 0, "ab");
	put(&frames, "\x1c", 1);
	crypto(&frames, 2, "cd");
	put(&frames, "padding padding", 15);
	d.len = 0;
	initial(&d, V1, &frames, 1, "");
	stream_start_init(&s);
	assert_int_equal(take(d.b, d.len, &s), 1);
	assert_int_equal(s.len, 2);
	frames.len = 0;
	crypto(&frames, 0, "abcdefghijklmnopqrstuvwxyz");
	frames.b[2] = 60;
	d.len = 0;
	initial(&d, V1, &frames, 1, "");
	stream_start_init(&s);
	assert_int_equal(take(d.b, d.len, &s), 1);
	assert_int_equal(s.len, 0);
}

/* Half of a greeting for one server, half of one for another: together they are what neither hears. */
static void test_two_connections(void **state)
{
	static const struct {
		uint32_t version;
		const char *dcid;
	} others[] = { { V1, "another1" }, { V2, DCID } };
	static struct stream_start s;
	static struct datagram d, one, two;

	(void)state;
	one.len = two.len = 0;
	crypto(&one, 0, "abcdefghijklmnopqrstuvwxyz");
	crypto(&two, 26, "0123456789012345678901234567890");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct quic_client client = { 0 };

		stream_start_init(&s);
		d.len = 0;
		initial(&d, V1, &one, 2, "");
		assert_int_equal(take_of(d.b, d.len, &client, &s), 1);
		/* What cannot be read is nobody's. */
		d.len = 0;
		initial_to(&d, others[i].version, others[i].dcid, &two, 2, "");
		d.b[d.len - 1] ^= 1;
		assert_int_equal(take_of(d.b, d.len, &client, &s), ERR_MALFORMED);
		d.len = 0;
		initial(&d, V1, &two, 2, "token");
		assert_int_equal(take_of(d.b, d.len, &client, &s), 1);
		assert_int_equal(s.len, 57);
		d.len = 0;
		initial_to(&d, others[i].version, others[i].dcid, &two, 2, "");
		assert_int_equal(take_of(d.b, d.len, &client, &s), ERR_MALFORMED);
		/* Also in one datagram. */
		d.len = 0;
		initial(&d, V1, &one, 2, "");
		initial_to(&d, others[i].version, others[i].dcid, &two, 2, "");
		assert_int_equal(take(d.b, d.len, &s), ERR_MALFORMED);
	}
}

static void test_other_packets(void **state)
{
	static const uint8_t zero_rtt[] = { 0xd0, 0, 0, 0, 1, 0, 0, 4, 1, 2, 3, 4 };
	static struct stream_start s;
	static struct datagram d, frames;

	(void)state;
	frames.len = 0;
	crypto(&frames, 0, "abcdefghijklmnopqrstuvwxyz");
	/* 0-RTT before it is passed over */
	d.len = 0;
	put(&d, zero_rtt, sizeof(zero_rtt));
	stream_start_init(&s);
	assert_int_equal(take(d.b, d.len, &s), ERR_NOT_FOUND);
	initial(&d, V1, &frames, 1, "");
	assert_int_equal(take(d.b, d.len, &s), 1);
	assert_int_equal(s.len, 26);
	/* A client does not negotiate versions. */
	d.len = 0;
	put(&d, "\xc0\0\0\0\0\0\0", 7);
	put(&d, "\0\0\0\1\x6b\x33\x43\xcf", 8);
	stream_start_init(&s);
	assert_int_equal(take(d.b, d.len, &s), ERR_NOT_FOUND);
	d.len = 0;
	initial(&d, V1, &frames, 1, "");
	/* Retry has no length; a short header; an unknown version; nothing; the version's packets under the other's key */
	stream_start_init(&s);
	d.b[0] = 0xf0;
	assert_int_equal(take(d.b, d.len, &s), ERR_NOT_FOUND);
	d.b[0] = 0x40;
	assert_int_equal(take(d.b, d.len, &s), ERR_NOT_FOUND);
	d.len = 0;
	initial(&d, V1, &frames, 1, "");
	d.b[4] = 7;
	assert_int_equal(take(d.b, d.len, &s), ERR_NOT_FOUND);
	assert_int_equal(take(d.b, 0, &s), ERR_NOT_FOUND);
	assert_int_equal(take((const uint8_t *)"hello", 5, &s), ERR_NOT_FOUND);
	d.len = 0;
	initial(&d, V2, &frames, 1, "");
	memcpy(d.b + 1, "\0\0\0\1", 4);
	d.b[0] &= 0xcf;
	assert_int_equal(take(d.b, d.len, &s), ERR_MALFORMED);
	assert_int_equal(s.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_rfc_packet),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_two_connections),
		cmocka_unit_test(test_other_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
