/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys, header protection, the payload, its frames. */
#include "config.h"

#include "daemon/quic_initial.h"

#include <nettle/aes.h>
#include <nettle/gcm.h>
#include <nettle/hkdf.h>
#include <nettle/hmac.h>
#include <stdbool.h>
#include <string.h>

#include "lib/cursor.h"
#include "lib/err.h"

#define LONG_HEADER 0x80
#define FIXED_BIT 0x40
#define SECRET_LEN 32
#define TAG_LEN 16
#define SAMPLE_LEN 16
#define PN_MAX 4
#define PAYLOAD_MAX 4096

enum frame {
	FRAME_PADDING = 0,
	FRAME_PING = 1,
	FRAME_ACK = 2,
	FRAME_ACK_ECN = 3,
	FRAME_CRYPTO = 6,
};

struct version {
	uint32_t number;
	uint8_t initial; /* the type that Initial packets have */
	uint8_t retry;
	const char *label; /* before " key" */
	uint8_t salt[20];
};

static const struct version versions[] = {
	{ 1, 0, 3, "quic",
		{ 0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4,
			0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a } },
	{ 0x6b3343cf, 1, 0, "quicv2",
		{ 0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e,
			0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9 } },
};

static const struct version *find_version(uint32_t number)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (versions[i].number == number)
			return &versions[i];
	return NULL;
}

/* ---- keys */

/* HKDF-Expand-Label of RFC 8446 section 7.1, without a context. */
static void expand(const uint8_t secret[static SECRET_LEN], const char *prefix, const char *label,
	uint8_t *to, size_t len)
{
	uint8_t info[64] = { 0 };
	struct hmac_sha256_ctx hmac;
	size_t n = 3;

	for (const char *part = "tls13 "; *part; part++)
		info[n++] = (uint8_t)*part;
	for (; *prefix; prefix++)
		info[n++] = (uint8_t)*prefix;
	for (; *label; label++)
		info[n++] = (uint8_t)*label;
	info[1] = (uint8_t)len;
	info[2] = (uint8_t)(n - 3);
	info[n++] = 0;
	hmac_sha256_set_key(&hmac, SECRET_LEN, secret);
	hkdf_expand(&hmac, (nettle_hash_update_func *)hmac_sha256_update,
		(nettle_hash_digest_func *)hmac_sha256_digest, SHA256_DIGEST_SIZE, n, info, len,
		to);
}

static void derive(
	const struct version *v, const uint8_t *dcid, size_t dcid_len, struct quic_keys *ret)
{
	uint8_t initial[SECRET_LEN], client[SECRET_LEN];
	struct hmac_sha256_ctx hmac;

	hmac_sha256_set_key(&hmac, sizeof(v->salt), v->salt);
	hkdf_extract(&hmac, (nettle_hash_update_func *)hmac_sha256_update,
		(nettle_hash_digest_func *)hmac_sha256_digest, SHA256_DIGEST_SIZE, dcid_len, dcid,
		initial);
	expand(initial, "client in", "", client, sizeof(client));
	expand(client, v->label, " key", ret->key, sizeof(ret->key));
	expand(client, v->label, " iv", ret->iv, sizeof(ret->iv));
	expand(client, v->label, " hp", ret->hp, sizeof(ret->hp));
}

int quic_client_keys(uint32_t version, const uint8_t *dcid, size_t dcid_len, struct quic_keys *ret)
{
	const struct version *v = find_version(version);

	if (!v)
		return ERR_UNSUPPORTED;
	derive(v, dcid, dcid_len, ret);
	return 0;
}

/* ---- packets */

/* A number of one to eight bytes: RFC 9000 section 16. */
static uint64_t read_varint(struct cursor *c)
{
	uint8_t first = cursor_u8(c);
	uint64_t v = first & 0x3f;

	for (unsigned n = (1u << (first >> 6)) - 1; n; n--)
		v = v << 8 | cursor_u8(c);
	return v;
}

/* One packet with a long header, all of it in the datagram. */
struct long_packet {
	const struct version *version;
	const uint8_t *start, *dcid;
	size_t dcid_len;
	size_t pn_off; /* of the packet number, from `start` on */
	size_t rest; /* bytes from there on: packet number and payload */
	bool is_initial;
};

/* Moves behind the packet. False: there is no further packet with a length and a version known. */
static bool read_long(struct cursor *c, struct long_packet *ret)
{
	size_t start = c->pos;
	uint8_t first = cursor_u8(c), type;
	uint64_t rest, token = 0;

	memset(ret, 0, sizeof(*ret));
	ret->version = find_version(cursor_be32(c));
	ret->dcid_len = cursor_u8(c);
	ret->dcid = cursor_take(c, ret->dcid_len);
	cursor_skip(c, cursor_u8(c));
	if (!cursor_ok(c) || (first & (LONG_HEADER | FIXED_BIT)) != (LONG_HEADER | FIXED_BIT) ||
		!ret->version || ret->dcid_len > QUIC_CID_MAX)
		return false;
	type = first >> 4 & 3;
	if (type == ret->version->retry)
		return false;
	ret->is_initial = type == ret->version->initial;
	if (ret->is_initial)
		token = read_varint(c);
	if (token > cursor_left(c))
		return false;
	cursor_skip(c, (size_t)token);
	rest = read_varint(c);
	if (!cursor_ok(c) || rest > cursor_left(c))
		return false;
	ret->start = c->base + start;
	ret->pn_off = c->pos - start;
	ret->rest = (size_t)rest;
	cursor_skip(c, (size_t)rest);
	return true;
}

/* The payload in clear into `to`; its length, or 0: it is not what it says. */
static size_t open_packet(const struct long_packet *p, uint8_t to[static PAYLOAD_MAX])
{
	uint8_t header[PAYLOAD_MAX], mask[AES_BLOCK_SIZE], nonce[QUIC_IV_LEN], tag[TAG_LEN];
	struct gcm_aes128_ctx gcm;
	struct aes128_ctx aes;
	struct quic_keys keys;
	size_t pn_len, header_len, len;

	if (p->rest < PN_MAX + SAMPLE_LEN || p->pn_off + PN_MAX > sizeof(header))
		return 0;
	derive(p->version, p->dcid, p->dcid_len, &keys);
	aes128_set_encrypt_key(&aes, keys.hp);
	aes128_encrypt(&aes, sizeof(mask), mask, p->start + p->pn_off + PN_MAX);
	memcpy(header, p->start, p->pn_off + PN_MAX);
	header[0] ^= mask[0] & 0x0f;
	pn_len = (header[0] & 3u) + 1;
	header_len = p->pn_off + pn_len;
	memcpy(nonce, keys.iv, sizeof(nonce));
	for (size_t i = 0; i < pn_len; i++) {
		header[p->pn_off + i] ^= mask[1 + i];
		nonce[sizeof(nonce) - pn_len + i] ^= header[p->pn_off + i];
	}
	len = p->rest - pn_len - TAG_LEN;
	if (len > PAYLOAD_MAX)
		return 0;
	gcm_aes128_set_key(&gcm, keys.key);
	gcm_aes128_set_iv(&gcm, sizeof(nonce), nonce);
	gcm_aes128_update(&gcm, header_len, header);
	gcm_aes128_decrypt(&gcm, len, to, p->start + header_len);
	gcm_aes128_digest(&gcm, sizeof(tag), tag);
	return memcmp(tag, p->start + header_len + len, sizeof(tag)) == 0 ? len : 0;
}

static void skip_ack(struct cursor *c, bool has_ecn)
{
	uint64_t ranges;

	read_varint(c); /* largest */
	read_varint(c); /* delay */
	ranges = read_varint(c);
	read_varint(c);
	for (; ranges && cursor_ok(c); ranges--) {
		read_varint(c);
		read_varint(c);
	}
	for (unsigned i = 0; has_ecn && i < 3; i++)
		read_varint(c);
}

/* Adds what CRYPTO frames carry; stops at a frame that has no place in an Initial packet. */
static void read_frames(struct cursor *c, struct stream_start *start)
{
	while (cursor_left(c) > 0) {
		uint64_t type = read_varint(c), offset, len;
		const uint8_t *data;

		switch (type) {
		case FRAME_PADDING:
		case FRAME_PING:
			break;
		case FRAME_ACK:
		case FRAME_ACK_ECN:
			skip_ack(c, type == FRAME_ACK_ECN);
			break;
		case FRAME_CRYPTO:
			offset = read_varint(c);
			len = read_varint(c);
			data = len <= cursor_left(c) ? cursor_take(c, (size_t)len) : NULL;
			if (!data)
				return;
			stream_start_add(start, offset, data, (size_t)len);
			break;
		default:
			return;
		}
	}
}

/* The first packet says who it is. */
static bool is_of(const struct long_packet *p, struct quic_client *client)
{
	if (!client->version) {
		client->version = p->version->number;
		client->dcid_len = (uint8_t)p->dcid_len;
		memcpy(client->dcid, p->dcid, p->dcid_len);
	}
	return client->version == p->version->number && client->dcid_len == p->dcid_len &&
	       memcmp(client->dcid, p->dcid, p->dcid_len) == 0;
}

int quic_initial_read(
	const void *datagram, size_t len, struct quic_client *client, struct stream_start *start)
{
	uint8_t payload[PAYLOAD_MAX];
	struct long_packet p;
	struct cursor c, frames;
	int seen = 0, n = 0;

	cursor_init(&c, datagram, len);
	while (cursor_left(&c) > 0 && read_long(&c, &p)) {
		size_t payload_len = p.is_initial ? open_packet(&p, payload) : 0;

		seen += p.is_initial;
		if (!payload_len)
			continue;
		if (!is_of(&p, client))
			return ERR_MALFORMED;
		cursor_init(&frames, payload, payload_len);
		read_frames(&frames, start);
		n++;
	}
	if (n)
		return n;
	return seen ? ERR_MALFORMED : ERR_NOT_FOUND;
}
