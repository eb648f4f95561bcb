/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IP packets: every protocol, every way of cutting them, and headers that lie. */
#include "config.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/packet.h"
#include "lib/cleanup.h"
#include "lib/err.h"

/* A packet being written. */
struct builder {
	uint8_t bytes[2048];
	size_t len;
};

static void put(struct builder *b, const void *bytes, size_t n)
{
	assert_true(b->len + n <= sizeof(b->bytes));
	memcpy(b->bytes + b->len, bytes, n);
	b->len += n;
}

static void put8(struct builder *b, unsigned v)
{
	uint8_t byte = (uint8_t)v;

	put(b, &byte, 1);
}

static void put16(struct builder *b, unsigned v)
{
	put8(b, v >> 8);
	put8(b, v & 0xff);
}

static void put32(struct builder *b, uint32_t v)
{
	put16(b, v >> 16);
	put16(b, v & 0xffff);
}

static void put_zeros(struct builder *b, size_t n)
{
	while (n--)
		put8(b, 0);
}

static void set16(struct builder *b, size_t at, unsigned v)
{
	b->bytes[at] = (uint8_t)(v >> 8);
	b->bytes[at + 1] = (uint8_t)v;
}

static void begin4(struct builder *b, unsigned proto, unsigned options)
{
	static const uint8_t addrs[] = { 10, 0, 0, 5, 192, 0, 2, 1 };

	b->len = 0;
	put8(b, 0x45 + options / 4);
	put8(b, 0);
	put16(b, 0);
	put32(b, 0);
	put8(b, 64);
	put8(b, proto);
	put16(b, 0);
	put(b, addrs, sizeof(addrs));
	put_zeros(b, options);
}

static void begin6(struct builder *b, unsigned next)
{
	b->len = 0;
	put32(b, 6u << 28);
	put16(b, 0);
	put8(b, next);
	put8(b, 64);
	put32(b, 0xfd000000);
	put_zeros(b, 11);
	put8(b, 5);
	put32(b, 0x20010db8);
	put_zeros(b, 11);
	put8(b, 1);
}

/* Writes the total length. */
static void finish(struct builder *b)
{
	if (b->bytes[0] >> 4 == 4)
		set16(b, 2, (unsigned)b->len);
	else
		set16(b, 4, (unsigned)b->len - 40);
}

/* Parses a copy without a spare byte, so that a sanitizer sees what reads behind it. */
static int parse(const struct builder *b, size_t len, struct packet *p)
{
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, b->bytes, len);
	memset(p, 0xee, sizeof(*p));
	r = packet_parse(copy, len, p);
	if (r == 0 && p->payload) {
		assert_true(p->payload >= copy && p->payload + p->payload_len <= copy + len);
		p->payload = b->bytes + (p->payload - copy);
	}
	free(copy);
	return r;
}

static void put_transport(struct builder *b, unsigned proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		put16(b, 50000);
		put16(b, 443);
		put32(b, 0xdeadbeef);
		put32(b, 0);
		put8(b, 6 << 4);
		put8(b, 0x02);
		put_zeros(b, 10);
		break;
	case IPPROTO_UDP:
		put16(b, 50000);
		put16(b, 443);
		put16(b, 12);
		put16(b, 0);
		break;
	case IPPROTO_UDPLITE:
		put16(b, 50000);
		put16(b, 443);
		put16(b, 8); /* the checksum covers the header alone */
		put16(b, 0);
		break;
	case IPPROTO_SCTP:
		put16(b, 50000);
		put16(b, 443);
		put_zeros(b, 8);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		put8(b, proto == IPPROTO_ICMP ? 8 : 128);
		put8(b, 0);
		put16(b, 0);
		put16(b, 50000);
		put16(b, 1);
		break;
	default:
		break;
	}
	put(b, "data", 4);
}

static void assert_addresses(const struct packet *p, int version)
{
	char src[IP_ADDR_TEXT_LEN], dst[IP_ADDR_TEXT_LEN];

	assert_string_equal(
		ip_addr_format(&p->flow.src, src), version == 4 ? "10.0.0.5" : "fd00::5");
	assert_string_equal(
		ip_addr_format(&p->flow.dst, dst), version == 4 ? "192.0.2.1" : "2001:db8::1");
}

static void assert_payload(const struct packet *p)
{
	assert_int_equal(p->payload_len, 4);
	assert_memory_equal(p->payload, "data", 4);
}

static const struct {
	unsigned version, proto, header_len;
} kinds[] = {
	{ 4, IPPROTO_TCP, 24 },
	{ 4, IPPROTO_UDP, 8 },
	{ 4, IPPROTO_UDPLITE, 8 },
	{ 4, IPPROTO_SCTP, 12 },
	{ 4, IPPROTO_ICMP, 8 },
	{ 6, IPPROTO_TCP, 24 },
	{ 6, IPPROTO_UDP, 8 },
	{ 6, IPPROTO_UDPLITE, 8 },
	{ 6, IPPROTO_SCTP, 12 },
	{ 6, IPPROTO_ICMPV6, 8 },
};

static void make(struct builder *b, size_t kind)
{
	if (kinds[kind].version == 4)
		begin4(b, kinds[kind].proto, 0);
	else
		begin6(b, kinds[kind].proto);
	put_transport(b, kinds[kind].proto);
	finish(b);
}

static void test_every_protocol(void **state)
{
	struct builder b;
	struct packet p;

	(void)state;
	for (size_t i = 0; i < array_len(kinds); i++) {
		bool icmp = kinds[i].header_len == 8 && kinds[i].proto != IPPROTO_UDP &&
			    kinds[i].proto != IPPROTO_UDPLITE;

		make(&b, i);
		assert_int_equal(parse(&b, b.len, &p), 0);
		assert_addresses(&p, (int)kinds[i].version);
		assert_int_equal(p.flow.proto, kinds[i].proto);
		assert_int_equal(p.flow.src_port, 50000);
		assert_int_equal(p.flow.dst_port, !icmp				     ? 443
						  : kinds[i].proto == IPPROTO_ICMPV6 ? 128 << 8
										     : 8 << 8);
		assert_payload(&p);
		assert_false(p.fragment);
		assert_int_equal(p.tcp_seq, kinds[i].proto == IPPROTO_TCP ? 0xdeadbeef : 0);
		assert_int_equal(p.tcp_flags, kinds[i].proto == IPPROTO_TCP ? 2 : 0);
	}
}

/* From every length on it is a flow or nothing: ports come whole, and a payload never begins inside a header. */
static void test_every_cut(void **state)
{
	struct builder b;
	struct packet p;

	(void)state;
	for (size_t i = 0; i < array_len(kinds); i++) {
		size_t ip_len = kinds[i].version == 4 ? 20 : 40;
		bool icmp = kinds[i].proto == IPPROTO_ICMP || kinds[i].proto == IPPROTO_ICMPV6;

		make(&b, i);
		for (size_t len = 0; len < b.len; len++) {
			int r = parse(&b, len, &p);

			/* An echo has its number behind the first four bytes. */
			assert_int_equal(r, len < ip_len + (icmp ? 6 : 4) ? ERR_MALFORMED : 0);
			if (r < 0)
				continue;
			assert_int_equal(p.flow.src_port, 50000);
			if (len < ip_len + kinds[i].header_len)
				assert_null(p.payload);
			else
				assert_int_equal(p.payload_len, len - ip_len - kinds[i].header_len);
		}
	}
}

static void test_lengths_that_lie(void **state)
{
	struct builder b;
	struct packet p;

	(void)state;
	/* An IHL below 5, and one behind the end. */
	make(&b, 1);
	b.bytes[0] = 0x44;
	assert_int_equal(parse(&b, b.len, &p), ERR_MALFORMED);
	b.bytes[0] = 0x4f;
	assert_int_equal(parse(&b, b.len, &p), ERR_MALFORMED);
	/* A total length below the header. */
	make(&b, 1);
	set16(&b, 2, 19);
	assert_int_equal(parse(&b, b.len, &p), ERR_MALFORMED);
	/* One below what was captured cuts; the rest is not the packet's. */
	set16(&b, 2, (unsigned)b.len - 2);
	assert_int_equal(parse(&b, b.len, &p), 0);
	assert_int_equal(p.payload_len, 2);
	set16(&b, 2, 22);
	assert_int_equal(parse(&b, b.len, &p), ERR_MALFORMED);
	/* One above is a capture that was cut; 0 is a big segment. */
	set16(&b, 2, 60000);
	assert_int_equal(parse(&b, b.len, &p), 0);
	set16(&b, 2, 0);
	assert_int_equal(parse(&b, b.len, &p), 0);
	assert_payload(&p);
	/* UDP's own length: less than a header is no payload, less than there is cuts it, 0 is a jumbogram. */
	make(&b, 1);
	set16(&b, 24, 7);
	assert_int_equal(parse(&b, b.len, &p), 0);
	assert_null(p.payload);
	set16(&b, 24, 9);
	assert_int_equal(parse(&b, b.len, &p), 0);
	assert_int_equal(p.payload_len, 1);
	set16(&b, 24, 0);
	assert_int_equal(parse(&b, b.len, &p), 0);
	assert_payload(&p);
	/* TCP's data offset below its header, and behind the end. */
	make(&b, 0);
	b.bytes[32] = 4 << 4;
	assert_int_equal(parse(&b, b.len, &p), 0);
	assert_null(p.payload);
	b.bytes[32] = 15 << 4;
	assert_int_equal(parse(&b, b.len, &p), 0);
	assert_null(p.payload);
	assert_int_equal(p.tcp_seq, 0xdeadbeef);
}

static void test_options_and_other_protocols(void **state)
{
	struct builder b;
	struct packet p;

	(void)state;
	begin4(&b, IPPROTO_UDP, 40);
	put_transport(&b, IPPROTO_UDP);
	finish(&b);
	assert_int_equal(parse(&b, b.len, &p), 0);
	assert_int_equal(p.flow.dst_port, 443);
	assert_payload(&p);
	/* No ports are asked of what has none, nor of ICMP in the wrong IP. */
	for (unsigned proto = 0; proto < 256; proto++) {
		if (proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE ||
			proto == IPPROTO_SCTP || proto == IPPROTO_ICMP)
			continue;
		begin4(&b, proto, 0);
		finish(&b);
		assert_int_equal(parse(&b, b.len, &p), 0);
		assert_int_equal(p.flow.proto, proto);
		assert_int_equal(p.flow.src_port | p.flow.dst_port, 0);
		assert_null(p.payload);
	}
	begin6(&b, IPPROTO_ICMP);
	finish(&b);
	assert_int_equal(parse(&b, b.len, &p), 0);
	begin6(&b, IPPROTO_NONE);
	finish(&b);
	assert_int_equal(parse(&b, b.len, &p), 0);
	assert_int_equal(p.flow.proto, IPPROTO_NONE);
	/* Only versions 4 and 6 are IP. */
	for (unsigned version = 0; version < 16; version++) {
		make(&b, 1);
		b.bytes[0] = (uint8_t)(version << 4 | 5);
		if (version != 4 && version != 6)
			assert_int_equal(parse(&b, b.len, &p), ERR_MALFORMED);
	}
	/* An ICMP error is no echo: it has no number. */
	begin4(&b, IPPROTO_ICMP, 0);
	put8(&b, 3);
	put8(&b, 1);
	put_zeros(&b, 6);
	finish(&b);
	assert_int_equal(parse(&b, b.len, &p), 0);
	assert_int_equal(p.flow.dst_port, 3 << 8 | 1);
	assert_int_equal(p.flow.src_port, 0);
}

static void test_fragments(void **state)
{
	struct builder b;
	struct packet p;

	(void)state;
	/* The first has its ports, though more follow; a later one has none, whatever stands there. */
	make(&b, 1);
	set16(&b, 6, 0x2000);
	assert_int_equal(parse(&b, b.len, &p), 0);
	assert_false(p.fragment);
	assert_int_equal(p.flow.dst_port, 443);
	set16(&b, 6, 0x2001);
	assert_int_equal(parse(&b, b.len, &p), 0);
	assert_true(p.fragment);
	assert_int_equal(p.flow.src_port | p.flow.dst_port, 0);
	assert_int_equal(p.flow.proto, IPPROTO_UDP);
	assert_null(p.payload);
	/* Don't fragment is not an offset. */
	set16(&b, 6, 0x4000);
	assert_int_equal(parse(&b, b.len, &p), 0);
	assert_false(p.fragment);
	for (unsigned offset = 0; offset < 2; offset++) {
		begin6(&b, IPPROTO_FRAGMENT);
		put8(&b, IPPROTO_UDP);
		put8(&b, 0);
		put16(&b, offset << 3 | 1);
		put32(&b, 7);
		put_transport(&b, IPPROTO_UDP);
		finish(&b);
		assert_int_equal(parse(&b, b.len, &p), 0);
		assert_int_equal(p.fragment, offset);
		assert_int_equal(p.flow.dst_port, offset ? 0 : 443);
		assert_int_equal(p.flow.proto, IPPROTO_UDP);
	}
}

static void put_extension(struct builder *b, unsigned kind, unsigned next, unsigned eights)
{
	put8(b, next);
	put8(b, kind == IPPROTO_AH ? eights * 2 - 2 : eights - 1);
	put_zeros(b, eights * 8 - 2);
}

static void test_extension_headers(void **state)
{
	static const unsigned chain[] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS,
		IPPROTO_AH, IPPROTO_DSTOPTS };
	struct builder b;
	struct packet p;

	(void)state;
	begin6(&b, chain[0]);
	for (size_t i = 0; i < array_len(chain); i++)
		put_extension(&b, chain[i], i + 1 < array_len(chain) ? chain[i + 1] : IPPROTO_TCP,
			(unsigned)i + 1);
	put_transport(&b, IPPROTO_TCP);
	finish(&b);
	assert_int_equal(parse(&b, b.len, &p), 0);
	assert_int_equal(p.flow.proto, IPPROTO_TCP);
	assert_int_equal(p.flow.dst_port, 443);
	assert_int_equal(p.tcp_flags, 2);
	assert_payload(&p);
	/* A chain that the packet's end cuts has no flow. */
	for (size_t len = 40; len < b.len - 28; len++)
		assert_int_equal(parse(&b, len, &p), ERR_MALFORMED);
	/* Sixteen are walked, one more is not. */
	for (unsigned n = 1; n < 30; n++) {
		begin6(&b, IPPROTO_DSTOPTS);
		for (unsigned i = 1; i <= n; i++)
			put_extension(
				&b, IPPROTO_DSTOPTS, i == n ? IPPROTO_UDP : IPPROTO_DSTOPTS, 1);
		put_transport(&b, IPPROTO_UDP);
		finish(&b);
		assert_int_equal(parse(&b, b.len, &p), n <= 16 ? 0 : ERR_MALFORMED);
	}
	/* A length that leads behind the end. */
	begin6(&b, IPPROTO_DSTOPTS);
	put8(&b, IPPROTO_UDP);
	put8(&b, 255);
	put_zeros(&b, 6);
	put_transport(&b, IPPROTO_UDP);
	finish(&b);
	assert_int_equal(parse(&b, b.len, &p), ERR_MALFORMED);
}

static void test_failure_leaves_the_result_alone(void **state)
{
	struct builder b;
	struct packet p, before;

	(void)state;
	make(&b, 0);
	memset(&before, 0xee, sizeof(before));
	assert_int_equal(parse(&b, 22, &p), ERR_MALFORMED);
	assert_memory_equal(&p, &before, sizeof(p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_protocol),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_lengths_that_lie),
		cmocka_unit_test(test_options_and_other_protocols),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_extension_headers),
		cmocka_unit_test(test_failure_leaves_the_result_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
