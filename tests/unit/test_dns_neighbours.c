/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that neighbours tell, by multicast DNS and LLMNR: who is believed, what for, and how it is told. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/dns_watch_kit.h"

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
	k->now_ns += SECOND / 50;
	ask_id(k, &group, "tv.local", DNS_A, 0);
	answer_id(k, &group, "nas.local", "192.0.2.1", 0);
	answer_id(k, &group, "tv.local", "192.0.2.2", 0);
	assert_int_equal(find_for(k, "192.0.2.1", 11).certainty, HOST_CERTAINTY_EXACT);
	assert_int_equal(find_for(k, "192.0.2.2", 12).certainty, HOST_CERTAINTY_EXACT);
	assert_int_equal(find_for(k, "192.0.2.2", 10).certainty, HOST_CERTAINTY_LIKELY);
	/* In a flood it is looked at now and then, and for what is answered. */
	k->n_late = 0;
	k->now_ns += SECOND / 50;
	for (unsigned i = 0; i < 1000; i++)
		ask_id(k, &group, "flood.local", DNS_A, 0);
	assert_int_equal(k->n_late, 1);
	ask_id(k, &group, "last.local", DNS_A, 0);
	answer_id(k, &group, "last.local", "192.0.2.3", 0);
	assert_int_equal(k->n_late, 2);
	assert_int_equal(find_for(k, "192.0.2.3", 12).certainty, HOST_CERTAINTY_EXACT);
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
	/* Neighbours answer soon. */
	k->now_ns += 11 * SECOND;
	answer_flags(k, &peer, "printer", "192.0.2.4", 0x8000);
	assert_name(k, "192.0.2.4", "");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH_TEST(test_mdns),
		WATCH_TEST(test_mdns_by_unicast),
		WATCH_TEST(test_mdns_askers_share_a_port),
		WATCH_TEST(test_llmnr),
		WATCH_TEST(test_llmnr_over_ipv6),
		WATCH_TEST(test_llmnr_over_tcp),
		WATCH_TEST(test_this_machine_is_no_neighbour),
		WATCH_TEST(test_a_neighbours_name_through_a_resolver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
