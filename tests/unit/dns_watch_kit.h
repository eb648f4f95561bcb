/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets of questions and answers for a dns_watch, and what was learnt of them. After cmocka's headers. */
#ifndef TESTS_UNIT_DNS_WATCH_KIT_H
#define TESTS_UNIT_DNS_WATCH_KIT_H

#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/dns_watch.h"
#include "tests/unit/dns_kit.h"

#define SECOND 1000000000ull
#define SYN 0x02
#define ACK 0x10

struct kit {
	struct names *names;
	struct dns_watch *watch;
	struct name_asker late; /* what the callback tells */
	unsigned n_late;
	uint64_t now_ns;
	enum dns_way received; /* how what is not sent comes */
};

static inline void who(void *ctx, const struct flow *flow, struct name_asker *ret)
{
	struct kit *k = ctx;

	(void)flow;
	*ret = k->late;
	k->n_late++;
}

static inline int setup(void **state)
{
	struct kit *k = calloc(1, sizeof(*k));

	k->names = names_new();
	k->watch = dns_watch_new(k->names, who, k);
	k->now_ns = 100 * SECOND;
	*state = k;
	return 0;
}

static inline int teardown(void **state)
{
	struct kit *k = *state;

	dns_watch_free(k->watch);
	names_free(k->names);
	free(k);
	return 0;
}

static inline struct ip_addr addr_of(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(text, &a), 0);
	return a;
}

/* From this machine's socket to a server. */
static inline struct flow flow_of(
	uint8_t proto, const char *src, uint16_t src_port, const char *dst, uint16_t dst_port)
{
	struct flow f;

	flow_init(&f);
	f.proto = proto;
	f.src = addr_of(src);
	f.dst = addr_of(dst);
	f.src_port = src_port;
	f.dst_port = dst_port;
	return f;
}

static inline struct flow reversed(const struct flow *f)
{
	struct flow r = *f;

	r.src = f->dst;
	r.dst = f->src;
	r.src_port = f->dst_port;
	r.dst_port = f->src_port;
	return r;
}

static inline void put(
	struct kit *k, const struct flow *flow, bool is_outgoing, const void *bytes, size_t len)
{
	struct packet p = { .flow = *flow, .payload = bytes, .payload_len = len };

	dns_watch_packet(k->watch, &p, is_outgoing ? DNS_SENT : k->received, k->now_ns);
}

static inline void ask_id(
	struct kit *k, const struct flow *flow, const char *name, unsigned type, unsigned id)
{
	struct dns_message m;

	dns_begin(&m, name, type);
	m.bytes[0] = (uint8_t)(id >> 8);
	m.bytes[1] = (uint8_t)id;
	m.bytes[2] = 0x01;
	m.bytes[3] = 0;
	put(k, flow, true, m.bytes, m.len);
}

static inline void ask(struct kit *k, const struct flow *flow, const char *name)
{
	ask_id(k, flow, name, DNS_A, 0x1234);
}

static inline void answer_id(
	struct kit *k, const struct flow *flow, const char *name, const char *addr, unsigned id)
{
	struct flow back = reversed(flow);
	struct dns_message m;

	dns_begin(&m, name, strchr(addr, ':') ? DNS_AAAA : DNS_A);
	m.bytes[0] = (uint8_t)(id >> 8);
	m.bytes[1] = (uint8_t)id;
	dns_addr_record(&m, "@12", 60, addr);
	put(k, &back, false, m.bytes, m.len);
}

static inline void answer(
	struct kit *k, const struct flow *flow, const char *name, const char *addr)
{
	answer_id(k, flow, name, addr, 0x1234);
}

static inline struct name_result find_for(struct kit *k, const char *addr, int32_t pid)
{
	struct name_asker asker = { pid, 7, 0 };
	struct ip_addr a = addr_of(addr);
	struct name_result r;

	names_find(k->names, &a, &asker, k->now_ns, &r);
	return r;
}

#define assert_name(k, addr, want) assert_string_equal(find_for(k, addr, 0).host, want)

static inline void segment(struct kit *k, const struct flow *flow, bool is_outgoing, unsigned flags,
	uint32_t seq, const void *bytes, size_t len)
{
	struct flow back = reversed(flow);
	struct packet p = { .flow = is_outgoing ? *flow : back,
		.tcp_flags = (uint8_t)flags,
		.tcp_seq = seq,
		.payload = bytes,
		.payload_len = len };

	dns_watch_packet(k->watch, &p, is_outgoing ? DNS_SENT : k->received, k->now_ns);
}

/* A message with its length before it. */
static inline size_t prefixed(const struct dns_message *m, uint8_t *to)
{
	to[0] = (uint8_t)(m->len >> 8);
	to[1] = (uint8_t)m->len;
	memcpy(to + 2, m->bytes, m->len);
	return m->len + 2;
}

static inline void open_tcp(struct kit *k, const struct flow *f, uint32_t isn)
{
	segment(k, f, true, SYN, isn, "", 0);
	segment(k, f, false, SYN | ACK, isn + 500, "", 0);
}

static inline void ask_tcp(
	struct kit *k, const struct flow *f, uint32_t seq, const char *name, uint8_t id)
{
	struct dns_message m;
	uint8_t bytes[1024];

	dns_begin(&m, name, DNS_A);
	m.bytes[1] = id;
	m.bytes[2] = m.bytes[3] = 0;
	segment(k, f, true, ACK, seq, bytes, prefixed(&m, bytes));
}

static inline void answer_flags(
	struct kit *k, const struct flow *flow, const char *name, const char *addr, unsigned flags)
{
	struct flow back = reversed(flow);
	struct dns_message m;

	dns_begin(&m, name, DNS_A);
	m.bytes[2] = (uint8_t)(flags >> 8);
	m.bytes[3] = (uint8_t)flags;
	dns_addr_record(&m, "@12", 60, addr);
	put(k, &back, false, m.bytes, m.len);
}

#define WATCH_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
