/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as DNS over TCP: pieces in disorder, twice and overlapping give the same messages as the whole at once, and whatever both
 * directions say, what is learnt is bounded. The first byte of each piece is its own: how the pieces are cut comes of the bytes.
 */
#include "config.h"

#include <netinet/in.h>
#include <stdbool.h>

#include "daemon/dns_stream.h"
#include "daemon/dns_watch.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 8192
#define NOW 1000000000ull
#define TCP_SYN 2
#define TCP_ACK 16

/* The messages one behind the other, each behind its length. */
struct heard {
	size_t len;
	uint8_t bytes[INPUT_MAX + 2];
};

static void hear(void *ctx, const uint8_t *message, size_t len)
{
	struct heard *h = ctx;

	FUZZ_ASSERT(len <= UINT16_MAX && h->len + 2 + len <= sizeof(h->bytes));
	h->bytes[h->len++] = (uint8_t)(len >> 8);
	h->bytes[h->len++] = (uint8_t)len;
	memcpy(h->bytes + h->len, message, len);
	h->len += len;
}

static void give(struct dns_stream *s, uint32_t isn, const uint8_t *data, size_t from, size_t to,
	struct heard *h)
{
	uint8_t *copy = fuzz_copy(data + from, to - from);

	dns_stream_segment(s, isn + 1 + (uint32_t)from, copy, to - from, hear, h);
	free(copy);
}

/* In the order 1 0 3 2 ..., and each piece again with a byte of the one before. */
static void in_pieces(
	struct dns_stream *s, uint32_t isn, const uint8_t *data, size_t size, struct heard *h)
{
	size_t at = 0;

	while (at < size) {
		size_t first = 1 + data[at] % 40, second;

		if (first > size - at)
			first = size - at;
		second = size - at - first > 9 ? 9 : size - at - first;
		give(s, isn, data, at + first, at + first + second, h);
		give(s, isn, data, at, at + first, h);
		give(s, isn, data, at + first - 1, at + first + second, h);
		at += first + second;
	}
}

static void check_stream(const uint8_t *data, size_t size)
{
	static struct heard whole, pieces;
	static struct dns_stream s;
	uint32_t isn = size > 4 ? UINT32_MAX - data[4] : 0;

	whole.len = pieces.len = 0;
	dns_stream_init(&s, isn);
	give(&s, isn, data, 0, size, &whole);
	FUZZ_ASSERT(whole.len <= size && memcmp(whole.bytes, data, whole.len) == 0);
	dns_stream_init(&s, isn);
	in_pieces(&s, isn, data, size, &pieces);
	FUZZ_ASSERT(!s.given_up);
	FUZZ_ASSERT(pieces.len == whole.len && memcmp(pieces.bytes, whole.bytes, whole.len) == 0);
}

static void put(struct dns_watch *w, struct flow flow, bool is_outgoing, uint8_t flags,
	uint32_t seq, const uint8_t *data, size_t size)
{
	struct packet p = { .flow = flow,
		.tcp_seq = seq,
		.tcp_flags = flags,
		.payload = data,
		.payload_len = size };

	dns_watch_packet(w, &p, is_outgoing ? DNS_SENT : DNS_FROM_LINK, NOW);
}

static void check_view(void *ctx, const struct name_view *view)
{
	const enum host_source *source = ctx;

	FUZZ_ASSERT(view->host_len > 0 && view->host_len <= LIMIT_HOST);
	for (size_t i = 0; i < view->host_len; i++)
		FUZZ_ASSERT(view->host[i] > ' ' && view->host[i] < 127);
	FUZZ_ASSERT(view->source == *source && view->expires_ns > NOW);
}

/* Questions and answers of a whole connection: each message goes the way that it says. */
static void check_watch(const uint8_t *data, size_t size, uint16_t port, enum host_source source)
{
	struct names *names = names_new();
	struct dns_watch *w = dns_watch_new(names, NULL, NULL);
	struct flow out, back;
	uint32_t seq[2] = { 1, 1 };

	FUZZ_ASSERT(names && w);
	flow_init(&out);
	out.proto = IPPROTO_TCP;
	out.src = ip_addr_v4((const uint8_t *)"\12\0\0\2");
	out.dst = ip_addr_v4((const uint8_t *)"\12\0\0\65");
	out.src_port = 40000;
	out.dst_port = port;
	back = out;
	back.src = out.dst;
	back.dst = out.src;
	back.src_port = port;
	back.dst_port = 40000;
	put(w, out, true, TCP_SYN, 0, data, 0);
	put(w, back, false, TCP_SYN | TCP_ACK, 0, data, 0);
	for (size_t at = 0, len; at < size; at += len) {
		bool is_query = size - at > 4 && !(data[at + 4] & 0x80);

		len = size - at > 2 ? 2u + ((size_t)data[at] << 8 | data[at + 1]) : size - at;
		if (len > size - at)
			len = size - at;
		put(w, is_query ? out : back, is_query, TCP_ACK, seq[is_query], data + at, len);
		seq[is_query] += (uint32_t)len;
	}
	names_list(names, NULL, NULL, UINT32_MAX, NOW, check_view, &source);
	dns_watch_free(w);
	names_free(names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size > INPUT_MAX)
		return 0;
	copy = fuzz_copy(data, size);
	check_stream(copy, size);
	check_watch(copy, size, 53, HOST_DNS);
	check_watch(copy, size, 5355, HOST_MDNS);
	free(copy);
	return 0;
}
