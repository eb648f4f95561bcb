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
#include "tests/unit/dns_watch_kit.h"
#include "tests/unit/random_kit.h"

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
	/* What was answered goes before what waits. */
	ask(k, &f, "slow.test");
	for (unsigned i = 0; i < 2 * LIMIT_DNS_QUERIES; i++) {
		ask_id(k, &f, "quick.test", DNS_A, i);
		answer_id(k, &f, "quick.test", "192.0.2.3", i);
	}
	answer(k, &f, "slow.test", "192.0.2.1");
	assert_name(k, "192.0.2.1", "slow.test");
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
		WATCH_TEST(test_tcp_in_any_order),
		WATCH_TEST(test_tcp_is_known_from_its_start),
		WATCH_TEST(test_streams_are_ours),
		cmocka_unit_test(test_stream_keeps_what_came_first),
		cmocka_unit_test(test_stream_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
