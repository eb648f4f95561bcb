/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which answers are believed, and whose name they become. */
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

#include "daemon/dns_stream.h"
#include "daemon/dns_watch.h"
#include "lib/cleanup.h"
#include "tests/unit/dns_kit.h"
#include "tests/unit/random_kit.h"

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

static void who(void *ctx, const struct flow *flow, struct name_asker *ret)
{
	struct kit *k = ctx;

	(void)flow;
	*ret = k->late;
	k->n_late++;
}

static int setup(void **state)
{
	struct kit *k = calloc(1, sizeof(*k));

	k->names = names_new();
	k->watch = dns_watch_new(k->names, who, k);
	k->now_ns = 100 * SECOND;
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	struct kit *k = *state;

	dns_watch_free(k->watch);
	names_free(k->names);
	free(k);
	return 0;
}

static struct ip_addr addr_of(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(text, &a), 0);
	return a;
}

/* From this machine's socket to a server. */
static struct flow flow_of(
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

static struct flow reversed(const struct flow *f)
{
	struct flow r = *f;

	r.src = f->dst;
	r.dst = f->src;
	r.src_port = f->dst_port;
	r.dst_port = f->src_port;
	return r;
}

static void put(
	struct kit *k, const struct flow *flow, bool is_outgoing, const void *bytes, size_t len)
{
	struct packet p = { .flow = *flow, .payload = bytes, .payload_len = len };

	dns_watch_packet(k->watch, &p, is_outgoing ? DNS_SENT : k->received, k->now_ns);
}

static void ask_id(
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

static void ask(struct kit *k, const struct flow *flow, const char *name)
{
	ask_id(k, flow, name, DNS_A, 0x1234);
}

static void answer_id(
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

static void answer(struct kit *k, const struct flow *flow, const char *name, const char *addr)
{
	answer_id(k, flow, name, addr, 0x1234);
}

static struct name_result find_for(struct kit *k, const char *addr, int32_t pid)
{
	struct name_asker asker = { pid, 7, 0 };
	struct ip_addr a = addr_of(addr);
	struct name_result r;

	names_find(k->names, &a, &asker, k->now_ns, &r);
	return r;
}

#define assert_name(k, addr, want) assert_string_equal(find_for(k, addr, 0).host, want)

static void segment(struct kit *k, const struct flow *flow, bool is_outgoing, unsigned flags,
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
static size_t prefixed(const struct dns_message *m, uint8_t *to)
{
	to[0] = (uint8_t)(m->len >> 8);
	to[1] = (uint8_t)m->len;
	memcpy(to + 2, m->bytes, m->len);
	return m->len + 2;
}

static void open_tcp(struct kit *k, const struct flow *f, uint32_t isn)
{
	segment(k, f, true, SYN, isn, "", 0);
	segment(k, f, false, SYN | ACK, isn + 500, "", 0);
}

static void ask_tcp(struct kit *k, const struct flow *f, uint32_t seq, const char *name, uint8_t id)
{
	struct dns_message m;
	uint8_t bytes[1024];

	dns_begin(&m, name, DNS_A);
	m.bytes[1] = id;
	m.bytes[2] = m.bytes[3] = 0;
	segment(k, f, true, ACK, seq, bytes, prefixed(&m, bytes));
}

static void test_only_what_was_asked_is_believed(void **state)
{
	struct kit *k = *state;
	struct flow good = flow_of(IPPROTO_UDP, "10.0.0.2", 4000, "9.9.9.9", 53);
	struct flow other_server = flow_of(IPPROTO_UDP, "10.0.0.2", 4000, "6.6.6.6", 53);
	struct flow other_port = flow_of(IPPROTO_UDP, "10.0.0.2", 4001, "9.9.9.9", 53);
	struct dns_watch_stats stats;

	answer(k, &good, "www.test", "192.0.2.1"); /* before the question */
	assert_name(k, "192.0.2.1", "");
	ask(k, &good, "WwW.test");
	answer(k, &other_server, "WwW.test", "192.0.2.1");
	answer(k, &other_port, "WwW.test", "192.0.2.1");
	answer(k, &good, "evil.test", "192.0.2.1");
	answer(k, &good, "WwW.test", "2001:db8::1"); /* of another type */
	answer_id(k, &good, "WwW.test", "192.0.2.1", 0x1235);
	/* Who mixes letters throws away what has others: draft-vixie-dnsext-dns0x20. */
	answer(k, &good, "wWw.test", "192.0.2.1");
	answer(k, &good, "www.test", "192.0.2.1");
	assert_name(k, "192.0.2.1", "");
	assert_name(k, "2001:db8::1", "");
	dns_watch_stats(k->watch, &stats);
	assert_int_equal(stats.refused, 8);
	assert_int_equal(stats.answers, 0);
	answer(k, &good, "WwW.test", "192.0.2.1");
	assert_name(k, "192.0.2.1", "www.test");
	/* The first answer counts, a second one is passed over. */
	answer(k, &good, "WwW.test", "192.0.2.66");
	assert_name(k, "192.0.2.66", "");
	dns_watch_stats(k->watch, &stats);
	assert_int_equal(stats.answers, 1);
	assert_int_equal(stats.questions, 1);
}

static void test_a_question_gets_old(void **state)
{
	struct kit *k = *state;
	struct flow f = flow_of(IPPROTO_UDP, "10.0.0.2", 4000, "9.9.9.9", 53);

	ask(k, &f, "www.test");
	k->now_ns += 31 * SECOND;
	answer(k, &f, "www.test", "192.0.2.1");
	assert_name(k, "192.0.2.1", "");
	ask(k, &f, "www.test");
	k->now_ns += 29 * SECOND;
	answer(k, &f, "www.test", "192.0.2.1");
	assert_name(k, "192.0.2.1", "www.test");
}

/* A program that was told "no", or something odd, does not listen for another answer. */
static void test_a_bad_answer_is_an_answer(void **state)
{
	struct kit *k = *state;
	struct flow f = flow_of(IPPROTO_UDP, "10.0.0.2", 4000, "9.9.9.9", 53);
	struct flow back = reversed(&f);
	struct dns_message m;

	for (unsigned kind = 0; kind < 3; kind++) {
		ask(k, &f, "www.test");
		dns_begin(&m, "www.test", DNS_A);
		m.bytes[3] |=
			kind == 0
				? 3
				: 0; /* no such domain, no addresses, or a record that is not there */
		m.bytes[7] = kind == 2;
		put(k, &back, false, m.bytes, m.len);
		answer(k, &f, "www.test", "192.0.2.1");
		assert_name(k, "192.0.2.1", "");
	}
	/* It asks again. */
	ask(k, &f, "www.test");
	answer(k, &f, "www.test", "192.0.2.1");
	assert_name(k, "192.0.2.1", "www.test");
}

/* One socket, one ID, two servers, as the C library does it: each answers its own question. */
static void test_two_servers(void **state)
{
	struct kit *k = *state;
	struct flow one = flow_of(IPPROTO_UDP, "10.0.0.2", 4000, "9.9.9.9", 53);
	struct flow two = flow_of(IPPROTO_UDP, "10.0.0.2", 4000, "8.8.8.8", 53);

	ask(k, &one, "one.test");
	ask(k, &two, "two.test");
	answer(k, &one, "two.test", "192.0.2.1");
	answer(k, &two, "one.test", "192.0.2.1");
	assert_name(k, "192.0.2.1", "");
	answer(k, &two, "two.test", "192.0.2.2");
	answer(k, &one, "one.test", "192.0.2.1");
	assert_name(k, "192.0.2.1", "one.test");
	assert_name(k, "192.0.2.2", "two.test");
}

/* Another address of loopback is another server, and another transport another question. */
static void test_other_ways_in(void **state)
{
	struct kit *k = *state;
	struct flow asked = flow_of(IPPROTO_UDP, "127.0.0.1", 4000, "127.0.0.53", 53);
	struct flow liar = flow_of(IPPROTO_UDP, "127.0.0.1", 4000, "127.0.0.1", 53);
	struct flow high = flow_of(IPPROTO_UDP, "127.0.0.1", 4000, "127.0.0.53", 5300);
	struct flow multicast = flow_of(IPPROTO_UDP, "127.0.0.1", 4000, "127.0.0.53", 5355);
	struct flow tcp = flow_of(IPPROTO_TCP, "127.0.0.1", 4000, "127.0.0.53", 53);
	struct dns_message m;
	uint8_t bytes[1024];

	ask(k, &asked, "www.test");
	answer(k, &liar, "www.test", "192.0.2.1");
	answer(k, &high, "www.test", "192.0.2.1");
	answer(k, &multicast, "www.test", "192.0.2.1");
	open_tcp(k, &tcp, 100);
	dns_begin(&m, "www.test", DNS_A);
	dns_addr_record(&m, "@12", 60, "192.0.2.1");
	segment(k, &tcp, false, ACK, 601, bytes, prefixed(&m, bytes));
	assert_name(k, "192.0.2.1", "");
	answer(k, &asked, "www.test", "192.0.2.1");
	assert_name(k, "192.0.2.1", "www.test");
}

static void test_several_questions_in_flight(void **state)
{
	struct kit *k = *state;
	struct flow f = flow_of(IPPROTO_UDP, "fd00::2", 4000, "fd00::53", 53);

	for (unsigned i = 0; i < 200; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%u.test", i);
		ask_id(k, &f, name, DNS_A, i % 7);
	}
	for (unsigned i = 200; i-- > 0;) {
		char name[32], addr[32];

		snprintf(name, sizeof(name), "n%u.test", i);
		snprintf(addr, sizeof(addr), "192.0.2.%u", i);
		answer_id(k, &f, name, addr, i % 7);
		assert_name(k, addr, name);
	}
}

static void test_questions_are_bounded(void **state)
{
	struct kit *k = *state;
	struct flow f = flow_of(IPPROTO_UDP, "10.0.0.2", 4000, "9.9.9.9", 53);

	ask(k, &f, "first.test");
	for (unsigned i = 0; i < LIMIT_DNS_QUERIES; i++)
		ask_id(k, &f, "flood.test", DNS_A, i);
	answer(k, &f, "first.test", "192.0.2.1");
	assert_name(k, "192.0.2.1", "");
	answer_id(k, &f, "flood.test", "192.0.2.2", LIMIT_DNS_QUERIES - 1);
	assert_name(k, "192.0.2.2", "flood.test");
}

/* A program asks the resolver on loopback, which asks the world: each is known to have asked. */
static void test_local_resolver(void **state)
{
	struct kit *k = *state;
	struct flow stub = flow_of(IPPROTO_UDP, "127.0.0.1", 4000, "127.0.0.53", 53);
	struct flow world = flow_of(IPPROTO_UDP, "10.0.0.2", 5000, "9.9.9.9", 53);
	struct name_asker program = { 10, 7, 1 }, resolver = { 20, 7, 2 };

	dns_watch_asker(k->watch, &stub, &program, k->now_ns);
	dns_watch_asker(k->watch, &world, &resolver, k->now_ns);
	ask(k, &stub, "shop.test");
	ask(k, &world, "shop.test");
	answer(k, &world, "shop.test", "192.0.2.1");
	answer(k, &stub, "shop.test", "192.0.2.1");
	ask(k, &world, "blog.test");
	answer(k, &world, "blog.test", "192.0.2.1");
	assert_int_equal(find_for(k, "192.0.2.1", 10).certainty, HOST_CERTAINTY_EXACT);
	assert_string_equal(find_for(k, "192.0.2.1", 10).host, "shop.test");
	assert_string_equal(find_for(k, "192.0.2.1", 20).host, "blog.test");
	assert_int_equal(find_for(k, "192.0.2.1", 30).certainty, HOST_CERTAINTY_GUESS);
	assert_int_equal(k->n_late, 0);
}

static void test_an_asker_not_told_is_looked_for(void **state)
{
	struct kit *k = *state;
	struct flow f = flow_of(IPPROTO_UDP, "10.0.0.2", 4000, "9.9.9.9", 53);

	k->late = (struct name_asker) { 44, 7, 0 };
	ask(k, &f, "www.test");
	assert_int_equal(k->n_late, 0); /* only when there is something to learn */
	answer(k, &f, "www.test", "192.0.2.1");
	assert_int_equal(k->n_late, 1);
	assert_int_equal(find_for(k, "192.0.2.1", 44).certainty, HOST_CERTAINTY_EXACT);
	/* Some time later the port may be somebody else's. */
	k->now_ns += 3 * SECOND;
	k->late.pid = 45;
	ask(k, &f, "next.test");
	answer(k, &f, "next.test", "192.0.2.2");
	assert_int_equal(find_for(k, "192.0.2.2", 45).certainty, HOST_CERTAINTY_EXACT);
}

/* ---- multicast */

static void test_mdns(void **state)
{
	struct kit *k = *state;
	struct flow asked = flow_of(IPPROTO_UDP, "10.0.0.2", 5353, "224.0.0.251", 5353);
	struct flow heard = flow_of(IPPROTO_UDP, "10.0.0.7", 5353, "224.0.0.251", 5353);
	struct dns_message m;

	dns_begin(&m, "nas.local", DNS_A);
	m.bytes[0] = m.bytes[1] = m.bytes[2] = m.bytes[3] = 0;
	m.bytes[5] = 2; /* two questions, the second with the bit that wants unicast */
	dns_put_name(&m, "tv.local");
	dns_put16(&m, DNS_A);
	dns_put16(&m, 0x8001);
	put(k, &asked, true, m.bytes, m.len);

	memset(&m, 0, sizeof(m));
	m.len = 12;
	m.bytes[2] = 0x84;
	dns_addr_record(&m, "nas.local", 120, "192.0.2.1");
	dns_addr_record(&m, "tv.local", 120, "192.0.2.2");
	dns_addr_record(&m, "other.local", 120, "192.0.2.3"); /* nobody asked */
	dns_addr_record(&m, "www.test", 120, "192.0.2.4"); /* not mDNS's to say */
	put(k, &heard, false, m.bytes, m.len);
	assert_name(k, "192.0.2.1", "nas.local");
	assert_name(k, "192.0.2.2", "tv.local");
	assert_name(k, "192.0.2.3", "");
	assert_name(k, "192.0.2.4", "");
	assert_int_equal(find_for(k, "192.0.2.1", 0).source, HOST_MDNS);
	k->now_ns += 11 * SECOND;
	memset(&m, 0, sizeof(m));
	m.len = 12;
	m.bytes[2] = 0x84;
	dns_addr_record(&m, "nas.local", 120, "192.0.2.9");
	put(k, &heard, false, m.bytes, m.len);
	assert_name(k, "192.0.2.9", "");
}

/* Unicast questions and answers of mDNS: to whom they went, and from where. */
static void test_mdns_by_unicast(void **state)
{
	struct kit *k = *state;
	struct flow group = flow_of(IPPROTO_UDP, "10.0.0.2", 5353, "224.0.0.251", 5353);
	struct flow legacy = flow_of(IPPROTO_UDP, "10.0.0.2", 4000, "224.0.0.251", 5353);
	struct flow direct = flow_of(IPPROTO_UDP, "10.0.0.2", 4001, "10.0.0.9", 5353);
	struct flow box = flow_of(IPPROTO_UDP, "10.0.0.2", 5353, "10.0.0.7", 5353);
	struct flow box_legacy = flow_of(IPPROTO_UDP, "10.0.0.2", 4000, "10.0.0.7", 5353);
	struct flow box_other = flow_of(IPPROTO_UDP, "10.0.0.2", 4001, "10.0.0.7", 5353);

	/* A wish for a unicast answer: to the port that asked, and no other. */
	ask_id(k, &group, "nas.local", DNS_A, 0);
	answer_id(k, &box_legacy, "nas.local", "192.0.2.1", 0);
	assert_name(k, "192.0.2.1", "");
	answer_id(k, &box, "nas.local", "192.0.2.1", 0);
	assert_name(k, "192.0.2.1", "nas.local");
	/* From another port: to there, with the ID. */
	ask_id(k, &legacy, "tv.local", DNS_A, 77);
	answer_id(k, &box, "tv.local", "192.0.2.2", 77);
	answer_id(k, &box_legacy, "tv.local", "192.0.2.2", 78);
	assert_name(k, "192.0.2.2", "");
	answer_id(k, &box_legacy, "tv.local", "192.0.2.2", 77);
	assert_name(k, "192.0.2.2", "tv.local");
	/* To one machine: from it. */
	ask_id(k, &direct, "pc.local", DNS_A, 5);
	answer_id(k, &box_other, "pc.local", "192.0.2.3", 5);
	assert_name(k, "192.0.2.3", "");
	answer_id(k, &direct, "pc.local", "192.0.2.3", 5);
	assert_name(k, "192.0.2.3", "pc.local");
}

/* One port, many programs. */
static void test_mdns_askers_share_a_port(void **state)
{
	struct kit *k = *state;
	struct flow group = flow_of(IPPROTO_UDP, "10.0.0.2", 5353, "224.0.0.251", 5353);
	struct name_asker first = { 10, 7, 0 };

	dns_watch_asker(k->watch, &group, &first, k->now_ns);
	k->late = (struct name_asker) { 11, 7, 0 };
	ask_id(k, &group, "nas.local", DNS_A, 0);
	k->late = (struct name_asker) { 12, 7, 0 };
	ask_id(k, &group, "tv.local", DNS_A, 0);
	answer_id(k, &group, "nas.local", "192.0.2.1", 0);
	answer_id(k, &group, "tv.local", "192.0.2.2", 0);
	assert_int_equal(find_for(k, "192.0.2.1", 11).certainty, HOST_CERTAINTY_EXACT);
	assert_int_equal(find_for(k, "192.0.2.2", 12).certainty, HOST_CERTAINTY_EXACT);
	assert_int_equal(find_for(k, "192.0.2.2", 10).certainty, HOST_CERTAINTY_LIKELY);
}

static void answer_flags(
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

static void check_llmnr(struct kit *k, const char *own, const char *group, const char *neighbour,
	const char *stranger)
{
	struct flow asked = flow_of(IPPROTO_UDP, own, 4000, group, 5355);
	struct flow peer = flow_of(IPPROTO_UDP, own, 4000, neighbour, 5355);
	struct flow other = flow_of(IPPROTO_UDP, own, 4001, neighbour, 5355);
	struct flow direct = flow_of(IPPROTO_UDP, own, 4002, neighbour, 5355);
	struct flow wrong = flow_of(IPPROTO_UDP, own, 4002, stranger, 5355);

	ask(k, &asked, "printer");
	answer_flags(k, &other, "printer", "192.0.2.1", 0x8000);
	answer_flags(k, &peer, "scanner", "192.0.2.1", 0x8000);
	answer_flags(k, &peer, "printer", "192.0.2.1", 0x8100); /* tentative */
	answer_flags(k, &peer, "printer", "192.0.2.1", 0x8200); /* cut short */
	assert_name(k, "192.0.2.1", "");
	/* Several may have the name. */
	answer_flags(k, &peer, "printer", "192.0.2.1", 0x8400);
	peer.dst = addr_of(stranger);
	answer_flags(k, &peer, "PRINTER", "192.0.2.2", 0x8400);
	assert_name(k, "192.0.2.1", "printer");
	assert_name(k, "192.0.2.2", "printer");
	assert_int_equal(find_for(k, "192.0.2.1", 0).source, HOST_MDNS);
	/* Asked of one machine. */
	ask(k, &direct, "plotter");
	answer_flags(k, &wrong, "plotter", "192.0.2.3", 0x8000);
	assert_name(k, "192.0.2.3", "");
	answer_flags(k, &direct, "plotter", "192.0.2.3", 0x8000);
	assert_name(k, "192.0.2.3", "plotter");
}

static void test_llmnr(void **state)
{
	check_llmnr(*state, "10.0.0.2", "224.0.0.252", "10.0.0.9", "10.0.0.10");
}

static void test_llmnr_over_ipv6(void **state)
{
	check_llmnr(*state, "fe80::2", "ff02::1:3", "fe80::9", "fe80::10");
}

/* RFC 4795 section 2.4: the machine whose answer was cut short is asked over TCP. */
static void test_llmnr_over_tcp(void **state)
{
	struct kit *k = *state;
	struct flow group = flow_of(IPPROTO_UDP, "fe80::2", 4000, "ff02::1:3", 5355);
	struct flow peer = flow_of(IPPROTO_UDP, "fe80::2", 4000, "fe80::9", 5355);
	struct flow tcp = flow_of(IPPROTO_TCP, "fe80::2", 4001, "fe80::9", 5355);
	struct flow other = flow_of(IPPROTO_TCP, "fe80::2", 4001, "fe80::8", 5355);
	struct dns_message m;
	uint8_t bytes[1024];
	uint32_t at = 601;
	size_t len;

	ask(k, &group, "printer");
	answer_flags(k, &peer, "printer", "192.0.2.1", 0x8200);
	open_tcp(k, &tcp, 100);
	open_tcp(k, &other, 100);
	for (unsigned flags = 0x8100; flags; flags = flags == 0x8100 ? 0x8000 : 0) {
		dns_begin(&m, "printer", DNS_A);
		m.bytes[1] = 9;
		m.bytes[2] = (uint8_t)(flags >> 8);
		m.bytes[3] = 0;
		dns_addr_record(&m, "@12", 60, "192.0.2.1");
		len = prefixed(&m, bytes);
		if (flags == 0x8100) {
			/* Not asked there, asked of another, tentative. */
			segment(k, &tcp, false, ACK, at, bytes, len);
			at += (uint32_t)len;
			ask_tcp(k, &tcp, 101, "printer", 9);
			segment(k, &other, false, ACK, 601, bytes, len);
		}
		assert_name(k, "192.0.2.1", "");
		segment(k, &tcp, false, ACK, at, bytes, len);
		at += (uint32_t)len;
	}
	assert_name(k, "192.0.2.1", "printer");
	assert_int_equal(find_for(k, "192.0.2.1", 0).source, HOST_MDNS);
	/* Once. */
	dns_begin(&m, "printer", DNS_A);
	m.bytes[1] = 9;
	dns_addr_record(&m, "@12", 60, "192.0.2.2");
	segment(k, &tcp, false, ACK, at, bytes, prefixed(&m, bytes));
	assert_name(k, "192.0.2.2", "");
	/* mDNS has no TCP. */
	tcp.dst_port = 5353;
	assert_false(dns_watch_is_question(&tcp));
}

/* A program could ask itself, and give any address any name. */
static void test_this_machine_is_no_neighbour(void **state)
{
	struct kit *k = *state;
	struct flow llmnr = flow_of(IPPROTO_UDP, "10.0.0.2", 4000, "224.0.0.252", 5355);
	struct flow itself = flow_of(IPPROTO_UDP, "10.0.0.2", 4000, "10.0.0.2", 5355);
	struct flow mdns = flow_of(IPPROTO_UDP, "10.0.0.2", 5353, "224.0.0.251", 5353);
	struct flow loopback = flow_of(IPPROTO_UDP, "127.0.0.1", 4000, "127.0.0.1", 5355);
	struct flow tcp = flow_of(IPPROTO_TCP, "127.0.0.1", 4000, "127.0.0.1", 5355);
	struct dns_message m;
	uint8_t bytes[1024];

	k->received = DNS_FROM_ELSEWHERE;
	ask(k, &llmnr, "bank.test");
	answer_flags(k, &itself, "bank.test", "192.0.2.1", 0x8000);
	ask_id(k, &mdns, "nas.local", DNS_A, 0);
	answer_flags(k, &mdns, "nas.local", "192.0.2.1", 0x8400);
	ask(k, &loopback, "bank.test");
	answer_flags(k, &loopback, "bank.test", "192.0.2.1", 0x8000);
	open_tcp(k, &tcp, 100);
	ask_tcp(k, &tcp, 101, "bank.test", 1);
	dns_begin(&m, "bank.test", DNS_A);
	m.bytes[1] = 1;
	m.bytes[2] = 0x80;
	dns_addr_record(&m, "@12", 60, "192.0.2.1");
	segment(k, &tcp, false, ACK, 601, bytes, prefixed(&m, bytes));
	assert_name(k, "192.0.2.1", "");
	/* From the link each is believed. */
	k->received = DNS_FROM_LINK;
	answer_flags(k, &itself, "bank.test", "192.0.2.1", 0x8000);
	answer_flags(k, &mdns, "nas.local", "192.0.2.2", 0x8400);
	answer_flags(k, &loopback, "bank.test", "192.0.2.3", 0x8000);
	assert_name(k, "192.0.2.1", "bank.test");
	assert_name(k, "192.0.2.2", "nas.local");
	assert_name(k, "192.0.2.3", "bank.test");
}

/* systemd-resolved tells by DNS what it has by LLMNR and multicast DNS. */
static void test_a_neighbours_name_through_a_resolver(void **state)
{
	struct kit *k = *state;
	struct flow stub = flow_of(IPPROTO_UDP, "127.0.0.1", 4000, "127.0.0.53", 53);
	struct flow own = flow_of(IPPROTO_UDP, "10.0.0.2", 4000, "10.0.0.2", 53);
	struct flow world = flow_of(IPPROTO_UDP, "10.0.0.2", 4000, "9.9.9.9", 53);
	struct flow group = flow_of(IPPROTO_UDP, "10.0.0.2", 5000, "224.0.0.252", 5355);
	struct flow peer = flow_of(IPPROTO_UDP, "10.0.0.2", 5000, "10.0.0.9", 5355);
	struct name_asker program = { 10, 7, 1 }, other = { 11, 7, 1 }, third = { 12, 7, 3 };

	dns_watch_asker(k->watch, &stub, &program, k->now_ns);
	dns_watch_asker(k->watch, &own, &other, k->now_ns);
	dns_watch_asker(k->watch, &world, &third, k->now_ns);
	ask(k, &stub, "Printer");
	ask(k, &group, "printer");
	answer_flags(k, &peer, "printer", "192.0.2.1", 0x8000);
	answer(k, &stub, "Printer", "192.0.2.1");
	assert_string_equal(find_for(k, "192.0.2.1", 10).host, "printer");
	assert_int_equal(find_for(k, "192.0.2.1", 10).source, HOST_MDNS);
	assert_int_equal(find_for(k, "192.0.2.1", 10).certainty, HOST_CERTAINTY_EXACT);
	ask(k, &own, "printer");
	answer(k, &own, "printer", "192.0.2.1");
	assert_int_equal(find_for(k, "192.0.2.1", 11).source, HOST_MDNS);
	/* Who asked a server of the world has it by DNS, and the others have what they had. */
	ask(k, &world, "printer");
	answer(k, &world, "printer", "192.0.2.1");
	assert_int_equal(find_for(k, "192.0.2.1", 12).source, HOST_DNS);
	assert_int_equal(find_for(k, "192.0.2.1", 12).certainty, HOST_CERTAINTY_EXACT);
	assert_int_equal(find_for(k, "192.0.2.1", 10).source, HOST_MDNS);
	/* Of another address the resolver has it from elsewhere. */
	ask(k, &stub, "printer");
	answer(k, &stub, "printer", "192.0.2.2");
	assert_int_equal(find_for(k, "192.0.2.2", 10).source, HOST_DNS);
	/* Local resolvers read the hosts file, too. */
	assert_int_equal(names_set_hosts(k->names, "192.0.2.3 Files.Home\n", 21), 1);
	ask(k, &stub, "files.home");
	answer(k, &stub, "files.home", "192.0.2.3");
	assert_int_equal(find_for(k, "192.0.2.3", 10).source, HOST_HOSTS);
	assert_int_equal(find_for(k, "192.0.2.3", 10).certainty, HOST_CERTAINTY_EXACT);
	ask(k, &world, "files.home");
	answer(k, &world, "files.home", "192.0.2.3");
	assert_int_equal(find_for(k, "192.0.2.3", 12).source, HOST_DNS);
}

/* ---- TCP */

static void test_tcp_in_any_order(void **state)
{
	struct kit *k = *state;
	uint32_t isn = UINT32_MAX - 40; /* wraps on the way */

	for (unsigned order = 0; order < 200; order++) {
		struct flow f =
			flow_of(IPPROTO_TCP, "10.0.0.2", (uint16_t)(2000 + order), "9.9.9.9", 53);
		uint8_t bytes[4096], done[4096] = { 0 };
		struct dns_message m;
		size_t len = 0, n_done = 0;
		char addr[32];
		struct random_state random = { order };

		open_tcp(k, &f, isn);
		ask_tcp(k, &f, isn + 1, "one.test", 1);
		for (unsigned i = 0; i < 2; i++) {
			dns_begin(&m, i ? "two.test" : "one.test", DNS_A);
			m.bytes[1] = (uint8_t)(1 + i);
			for (unsigned j = 0; j < 8; j++) {
				snprintf(addr, sizeof(addr), "10.%u.%u.%u", order, i, j + 1);
				dns_addr_record(&m, "@12", 60, addr);
			}
			len += prefixed(&m, bytes + len);
		}
		/* The second question goes while the first is on its way. */
		{
			struct dns_message q;
			uint8_t out[256];

			dns_begin(&q, "one.test", DNS_A);
			ask_tcp(k, &f, isn + 1 + (uint32_t)prefixed(&q, out), "two.test", 2);
		}
		while (n_done < len) {
			size_t from = random_below(&random, (unsigned)len),
			       n = 1 + random_below(&random, 60);

			/* Not so wild that it gives up: from near the first gap. */
			if (from > n_done + 100)
				from = n_done + random_below(&random, 100);
			if (from >= len)
				from = len - 1;
			if (n > len - from)
				n = len - from;
			segment(k, &f, false, ACK, isn + 501 + (uint32_t)from, bytes + from, n);
			memset(done + from, 1, n);
			while (n_done < len && done[n_done])
				n_done++;
		}
		for (unsigned i = 0; i < 2; i++) {
			snprintf(addr, sizeof(addr), "10.%u.%u.8", order, i);
			assert_name(k, addr, i ? "two.test" : "one.test");
		}
	}
}

static void test_tcp_is_known_from_its_start(void **state)
{
	struct kit *k = *state;
	struct flow f = flow_of(IPPROTO_TCP, "10.0.0.2", 3000, "9.9.9.9", 53);
	struct dns_message m;
	uint8_t bytes[1024];
	size_t len;

	segment(k, &f, true, SYN, 100, "", 0);
	ask_tcp(k, &f, 101, "www.test", 1);
	dns_begin(&m, "www.test", DNS_A);
	m.bytes[1] = 1;
	dns_addr_record(&m, "@12", 60, "192.0.2.1");
	len = prefixed(&m, bytes);
	segment(k, &f, false, ACK, 601, bytes, len); /* no SYN of the server was seen */
	assert_name(k, "192.0.2.1", "");
	segment(k, &f, false, SYN | ACK, 600, "", 0);
	segment(k, &f, false, ACK, 601, bytes, len);
	assert_name(k, "192.0.2.1", "www.test");
}

/* Who was not called may send SYNs from these ports as much as it likes. */
static void test_streams_are_ours(void **state)
{
	struct kit *k = *state;
	struct flow f = flow_of(IPPROTO_TCP, "10.0.0.2", 3000, "9.9.9.9", 53);
	struct dns_message m;
	uint8_t bytes[1024];

	open_tcp(k, &f, 100);
	ask_tcp(k, &f, 101, "www.test", 1);
	for (unsigned i = 0; i < 4 * LIMIT_DNS_STREAMS; i++) {
		struct flow stranger =
			flow_of(IPPROTO_TCP, "10.0.0.2", (uint16_t)(4000 + i), "6.6.6.6", 53);

		segment(k, &stranger, false, SYN, 7, "", 0);
	}
	dns_begin(&m, "www.test", DNS_A);
	m.bytes[1] = 1;
	dns_addr_record(&m, "@12", 60, "192.0.2.1");
	segment(k, &f, false, ACK, 601, bytes, prefixed(&m, bytes));
	assert_name(k, "192.0.2.1", "www.test");
}

static void count_message(void *ctx, const uint8_t *message, size_t len)
{
	size_t *total = ctx;

	(void)message;
	*total += len;
}

/* Sent twice, once with other bytes: what came first is what the program reads, behind a gap as well. */
static void test_stream_keeps_what_came_first(void **state)
{
	struct dns_stream *s = malloc(sizeof(*s));
	size_t total = 0;

	(void)state;
	dns_stream_init(s, 0);
	assert_true(dns_stream_segment(s, 5, (const uint8_t *)"cd", 2, count_message, &total));
	assert_true(dns_stream_segment(s, 8, (const uint8_t *)"f", 1, count_message, &total));
	assert_true(dns_stream_segment(s, 3, (const uint8_t *)"abXXeXg", 7, count_message, &total));
	assert_true(
		dns_stream_segment(s, 1, (const uint8_t *)"\0\xc8XX", 4, count_message, &total));
	assert_int_equal(total, 0);
	assert_int_equal(s->len, 9);
	assert_memory_equal(s->bytes + 2, "abcdefg", 7);
	free(s);
}

static void test_stream_bounds(void **state)
{
	struct dns_stream *s = malloc(sizeof(*s));
	static uint8_t big[LIMIT_DNS_STREAM];
	size_t total = 0;

	(void)state;
	/* The longest message there can be. */
	big[0] = big[1] = 0xff;
	dns_stream_init(s, 0);
	assert_true(dns_stream_segment(s, 1, big, sizeof(big), count_message, &total));
	assert_int_equal(total, 65535);
	/* Further ahead than is kept. */
	dns_stream_init(s, 0);
	assert_false(dns_stream_segment(s, 2, big, sizeof(big), count_message, &total));
	assert_false(dns_stream_segment(s, 1, big, 1, count_message, &total));
	/* More holes than are kept. */
	dns_stream_init(s, 0);
	for (uint32_t i = 0; i < DNS_STREAM_HOLES; i++)
		assert_true(dns_stream_segment(s, 3 + 2 * i, big, 1, count_message, &total));
	assert_false(
		dns_stream_segment(s, 3 + 2 * DNS_STREAM_HOLES, big, 1, count_message, &total));
	/* Old bytes again are nothing new. */
	total = 0;
	dns_stream_init(s, 0);
	assert_true(dns_stream_segment(s, 1, (const uint8_t *)"\0\3abc", 5, count_message, &total));
	assert_true(dns_stream_segment(s, 1, (const uint8_t *)"\0\3abc", 5, count_message, &total));
	assert_int_equal(total, 3);
	free(s);
}

#define WATCH_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH_TEST(test_only_what_was_asked_is_believed),
		WATCH_TEST(test_a_question_gets_old),
		WATCH_TEST(test_a_bad_answer_is_an_answer),
		WATCH_TEST(test_two_servers),
		WATCH_TEST(test_other_ways_in),
		WATCH_TEST(test_several_questions_in_flight),
		WATCH_TEST(test_questions_are_bounded),
		WATCH_TEST(test_local_resolver),
		WATCH_TEST(test_an_asker_not_told_is_looked_for),
		WATCH_TEST(test_mdns),
		WATCH_TEST(test_mdns_by_unicast),
		WATCH_TEST(test_mdns_askers_share_a_port),
		WATCH_TEST(test_llmnr),
		WATCH_TEST(test_llmnr_over_ipv6),
		WATCH_TEST(test_llmnr_over_tcp),
		WATCH_TEST(test_this_machine_is_no_neighbour),
		WATCH_TEST(test_a_neighbours_name_through_a_resolver),
		WATCH_TEST(test_tcp_in_any_order),
		WATCH_TEST(test_tcp_is_known_from_its_start),
		WATCH_TEST(test_streams_are_ours),
		cmocka_unit_test(test_stream_keeps_what_came_first),
		cmocka_unit_test(test_stream_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
