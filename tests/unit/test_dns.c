/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS answers: chains, poison, loops, hostile bytes, and agreement with glibc's parser. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/nameser.h>
#include <cmocka.h>

#include "daemon/dns.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "tests/unit/dns_kit.h"
#include "tests/unit/random_kit.h"

/* Parses a copy of exactly this size, so that a read past the end is seen. */
static int parse(const struct dns_message *m, struct dns_answer *ret)
{
	uint8_t *copy = malloc(m->len ? m->len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, m->bytes, m->len);
	memset(ret, 0, sizeof(*ret));
	r = dns_parse_answer(copy, m->len, ret);
	free(copy);
	return r;
}

/* "addr/ttl[/hint] ..." of an answer. */
static const char *describe(const struct dns_answer *a)
{
	static char text[8192];
	char addr[IP_ADDR_TEXT_LEN];
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < a->n && used < sizeof(text) - 100; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s/%u%s",
			i ? " " : "", ip_addr_format(&a->addresses[i].addr, addr),
			a->addresses[i].ttl_s, a->addresses[i].hint ? "/hint" : "");
	return text;
}

static void expect(const struct dns_message *m, const char *host, const char *want)
{
	struct dns_answer a;

	assert_int_equal(parse(m, &a), 0);
	assert_string_equal(a.host, host);
	assert_int_equal(a.host_len, strlen(host));
	assert_string_equal(describe(&a), want);
}

static void expect_code(const struct dns_message *m, int code)
{
	struct dns_answer a;

	assert_int_equal(parse(m, &a), code);
}

static void test_addresses(void **state)
{
	struct dns_message m;

	(void)state;
	dns_begin(&m, "WWW.Example.com", DNS_A);
	dns_addr_record(&m, "@12", 300, "192.0.2.1");
	dns_addr_record(&m, "www.EXAMPLE.com", 60, "192.0.2.2");
	dns_addr_record(&m, "www@16", 70, "2001:db8::1");
	dns_addr_record(&m, "@12", 80, "192.0.2.1"); /* once is enough */
	expect(&m, "www.example.com", "192.0.2.1/300 192.0.2.2/60 2001:db8::1/70");
	/* mapped addresses are IPv4; "blocked" answers name nobody; a TTL's top bit means 0 */
	dns_begin(&m, "a.test", DNS_AAAA);
	dns_addr_record(&m, "@12", 0x80000000u, "::ffff:192.0.2.9");
	dns_addr_record(&m, "@12", 1, "::");
	dns_addr_record(&m, "@12", 1, "0.0.0.0");
	expect(&m, "a.test", "192.0.2.9/0");
}

static void test_chains(void **state)
{
	struct dns_message m;

	(void)state;
	/* in any order of records; the least TTL on the way counts */
	dns_begin(&m, "www.shop.test", DNS_A);
	dns_addr_record(&m, "e7.cdn.test", 500, "192.0.2.1");
	dns_name_record(&m, "shop.cdn.test", DNS_CNAME, 20, "e7.cdn.test");
	dns_name_record(&m, "@12", DNS_CNAME, 100, "Shop.CDN.test");
	expect(&m, "www.shop.test", "192.0.2.1/20");

	/* DNAME alone, without the CNAME that servers make from it */
	dns_begin(&m, "a.b.old.test", DNS_A);
	dns_name_record(&m, "old.test", DNS_DNAME, 50, "new.test");
	dns_addr_record(&m, "a.b.new.test", 90, "192.0.2.3");
	dns_addr_record(&m, "old.test", 90, "192.0.2.66");
	expect(&m, "a.b.old.test", "192.0.2.3/50");

	/* it replaces whole labels only, and not its own owner */
	dns_begin(&m, "xold.test", DNS_A);
	dns_name_record(&m, "old.test", DNS_DNAME, 50, "new.test");
	dns_addr_record(&m, "xnew.test", 90, "192.0.2.3");
	expect_code(&m, ERR_NOT_FOUND);
	dns_begin(&m, "x\003old.test", DNS_A); /* a byte that looks like a label's length */
	dns_name_record(&m, "old.test", DNS_DNAME, 50, "new.test");
	dns_addr_record(&m, "x\003new.test", 90, "192.0.2.3");
	expect_code(&m, ERR_NOT_FOUND);
	dns_begin(&m, "old.test", DNS_A);
	dns_name_record(&m, "old.test", DNS_DNAME, 50, "new.test");
	dns_addr_record(&m, "new.test", 90, "192.0.2.3");
	expect_code(&m, ERR_NOT_FOUND);

	/* a DNAME, then a CNAME */
	dns_begin(&m, "w.old.test", DNS_A);
	dns_name_record(&m, "old.test", DNS_DNAME, 50, "new.test");
	dns_name_record(&m, "w.new.test", DNS_CNAME, 40, "z.test");
	dns_addr_record(&m, "z.test", 90, "192.0.2.4");
	expect(&m, "w.old.test", "192.0.2.4/40");
}

static void test_chain_is_bounded(void **state)
{
	struct dns_message m;
	char from[32], to[32];

	(void)state;
	for (unsigned length = 15; length <= 18; length++) {
		dns_begin(&m, "n0.test", DNS_A);
		for (unsigned i = 0; i < length; i++) {
			snprintf(from, sizeof(from), "n%u.test", i);
			snprintf(to, sizeof(to), "n%u.test", i + 1);
			dns_name_record(&m, from, DNS_CNAME, 10, to);
		}
		snprintf(from, sizeof(from), "n%u.test", length);
		dns_addr_record(&m, from, 10, "192.0.2.1");
		expect_code(&m, length <= 16 ? 0 : ERR_NOT_FOUND);
	}
	/* loops end; what lies on them is still found, once */
	dns_begin(&m, "a.test", DNS_A);
	dns_name_record(&m, "a.test", DNS_CNAME, 10, "b.test");
	dns_name_record(&m, "b.test", DNS_CNAME, 10, "a.test");
	expect_code(&m, ERR_NOT_FOUND);
	dns_addr_record(&m, "b.test", 10, "192.0.2.1");
	expect(&m, "a.test", "192.0.2.1/10");
	/* a DNAME that grows the name ends where no longer name is possible */
	dns_begin(&m, "x.a.test", DNS_A);
	dns_name_record(&m, "a.test", DNS_DNAME, 10, "0123456789.0123456789.0123456789.a.test");
	expect_code(&m, ERR_NOT_FOUND);
}

static void test_poison(void **state)
{
	struct dns_message m;
	uint8_t counts;

	(void)state;
	dns_begin(&m, "www.evil.test", DNS_A);
	dns_addr_record(&m, "@12", 10, "192.0.2.1");
	dns_addr_record(&m, "www.bank.test", 10, "192.0.2.2"); /* not on the chain */
	dns_name_record(&m, "www.bank.test", DNS_CNAME, 10, "www.evil.test");
	expect(&m, "www.evil.test", "192.0.2.1/10");
	/* the same record as glue: another section is not looked at */
	counts = m.bytes[7];
	m.bytes[7] = 0;
	m.bytes[11] = counts;
	expect_code(&m, ERR_NOT_FOUND);
}

static void test_what_is_no_answer(void **state)
{
	struct dns_message m, good;
	static const struct {
		unsigned offset, byte;
		int code;
	} table[] = {
		{ 2, 0x01, ERR_NOT_FOUND }, /* a question */
		{ 2, 0x89, ERR_NOT_FOUND }, /* another opcode */
		{ 3, 0x83, ERR_NOT_FOUND }, /* no such domain */
		{ 3, 0x82, ERR_NOT_FOUND }, /* server failure */
		{ 5, 0, ERR_NOT_FOUND }, /* nothing asked */
		{ 5, 2, ERR_NOT_FOUND }, /* two questions */
		{ 7, 0, ERR_NOT_FOUND }, /* no answers */
		{ 7, 2, ERR_MALFORMED }, /* an answer that is not there */
		{ 23, 3, ERR_NOT_FOUND }, /* class CHAOS */
	};

	(void)state;
	dns_begin(&good, "a.test", DNS_A);
	dns_addr_record(&good, "@12", 10, "192.0.2.1");
	assert_int_equal(good.bytes[23], 1); /* the low byte of the class */
	expect(&good, "a.test", "192.0.2.1/10");
	for (size_t i = 0; i < array_len(table); i++) {
		m = good;
		m.bytes[table[i].offset] = (uint8_t)table[i].byte;
		expect_code(&m, table[i].code);
	}
	dns_begin(&m, "", DNS_A); /* the root has no host's name */
	dns_addr_record(&m, "@12", 10, "192.0.2.1");
	expect_code(&m, ERR_NOT_FOUND);
	/* TC: what is there counts, also when the last record is cut */
	m = good;
	m.bytes[2] |= 0x02;
	m.bytes[7] = 2;
	m.bytes[m.len++] = 0xc0;
	expect(&m, "a.test", "192.0.2.1/10");
	/* EDNS stands in the additional section; one in the answers does no harm either */
	m = good;
	dns_put_name(&m, "");
	dns_put16(&m, DNS_OPT);
	dns_put16(&m, 4096);
	dns_put32(&m, 0);
	dns_put16(&m, 0);
	m.bytes[11] = 1;
	expect(&m, "a.test", "192.0.2.1/10");
	m.bytes[11] = 0;
	m.bytes[7] = 2;
	expect(&m, "a.test", "192.0.2.1/10");
}

/* The question that stands in an answer, good or bad; a copy of exactly this size, so that a read past the end is seen. */
static int parse_response(const struct dns_message *m, struct dns_question *ret)
{
	_cleanup_free_ uint8_t *copy = malloc(m->len ? m->len : 1);

	assert_non_null(copy);
	memcpy(copy, m->bytes, m->len);
	return dns_parse_response(copy, m->len, ret);
}

static void test_question_of_a_response(void **state)
{
	struct dns_message m;
	struct dns_question q;
	char text[LIMIT_HOST + 1];
	size_t whole;

	(void)state;
	dns_begin(&m, "WWW.Example.com", DNS_A);
	m.bytes[3] |= 3; /* no such domain */
	assert_int_equal(parse_response(&m, &q), 0);
	assert_int_equal(q.id, 0x1234);
	assert_int_equal(q.flags, 0x8183);
	assert_int_equal(q.type, DNS_A);
	dns_name_text(&q.name, text, sizeof(text));
	assert_string_equal(text, "www.example.com");
	dns_name_text(&q.spelled, text, sizeof(text));
	assert_string_equal(text, "WWW.Example.com");
	for (whole = m.len; m.len > 0;) {
		m.len--;
		assert_int_equal(parse_response(&m, &q), ERR_MALFORMED);
	}
	m.len = whole;
	m.bytes[5] = 2;
	assert_int_equal(parse_response(&m, &q), ERR_NOT_FOUND);
	m.bytes[5] = 1;
	m.bytes[2] &= 0x7f; /* a query */
	assert_int_equal(parse_response(&m, &q), ERR_NOT_FOUND);
	m.bytes[2] |= 0x88; /* another operation */
	assert_int_equal(parse_response(&m, &q), ERR_NOT_FOUND);
}

static void test_service_hints(void **state)
{
	static const uint8_t hints[] = { 0, 1, 0, 3, 2, 'h', '2', /* alpn */
		0, 4, 0, 8, 192, 0, 2, 1, 192, 0, 2, 2, /* ipv4hint */
		0, 6, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7 };
	struct dns_message m;
	size_t data;

	(void)state;
	dns_begin(&m, "_8443._https.example.com", DNS_HTTPS);
	data = dns_begin_record(&m, "@12", DNS_HTTPS, 30);
	dns_put16(&m, 1);
	dns_put_name(&m, "");
	dns_put(&m, hints, sizeof(hints));
	dns_end_record(&m, data);
	expect(&m, "example.com", "192.0.2.1/30/hint 192.0.2.2/30/hint 2001:db8::7/30/hint");
	/* what an address record says too is more than a hint */
	dns_addr_record(&m, "@12", 40, "192.0.2.2");
	expect(&m, "example.com", "192.0.2.1/30/hint 192.0.2.2/30 2001:db8::7/30/hint");
	/* those of another name; an alias has none, whatever it says */
	dns_begin(&m, "example.com", DNS_HTTPS);
	data = dns_begin_record(&m, "svc.example.com", DNS_HTTPS, 30);
	dns_put16(&m, 1);
	dns_put_name(&m, "");
	dns_put(&m, hints, sizeof(hints));
	dns_end_record(&m, data);
	expect_code(&m, ERR_NOT_FOUND);
	dns_begin(&m, "example.com", DNS_HTTPS);
	data = dns_begin_record(&m, "@12", DNS_HTTPS, 30);
	dns_put16(&m, 0);
	dns_put_name(&m, "svc.example.com");
	dns_put(&m, hints, sizeof(hints));
	dns_end_record(&m, data);
	expect_code(&m, ERR_NOT_FOUND);
	/* addresses and a half */
	dns_begin(&m, "example.com", DNS_HTTPS);
	data = dns_begin_record(&m, "@12", DNS_HTTPS, 30);
	dns_put16(&m, 1);
	dns_put_name(&m, "");
	dns_put(&m, "\0\4\0\6\300\0\2\1\300\0", 10);
	dns_end_record(&m, data);
	expect_code(&m, ERR_NOT_FOUND);
	/* cut at any place inside: never past the record's end */
	for (size_t cut = 0; cut < sizeof(hints); cut++) {
		struct dns_answer a;

		dns_begin(&m, "example.com", DNS_HTTPS);
		data = dns_begin_record(&m, "@12", DNS_HTTPS, 30);
		dns_put16(&m, 1);
		dns_put_name(&m, "");
		dns_put(&m, hints, cut);
		dns_end_record(&m, data);
		assert_int_equal(parse(&m, &a), cut < 19 ? ERR_NOT_FOUND : 0);
	}
	/* the target's name must not be compressed */
	dns_begin(&m, "example.com", DNS_HTTPS);
	data = dns_begin_record(&m, "@12", DNS_HTTPS, 30);
	dns_put16(&m, 1);
	dns_put_name(&m, "@12");
	dns_put(&m, hints, sizeof(hints));
	dns_end_record(&m, data);
	expect_code(&m, ERR_NOT_FOUND);
}

static void test_names_as_text(void **state)
{
	struct dns_message m;
	char label[64], name[300];

	(void)state;
	dns_begin(&m, "a b\\c\"\x07\xc3\xa4-_.test", DNS_A);
	dns_addr_record(&m, "@12", 10, "192.0.2.1");
	expect(&m, "a\\032b\\092c\"\\007\\195\\164-_.test", "192.0.2.1/10");
	/* a dot inside a label must not look like one between labels */
	dns_begin(&m, "evilXbank.test", DNS_A);
	m.bytes[12 + 5] = '.';
	dns_addr_record(&m, "@12", 10, "192.0.2.1");
	expect(&m, "evil\\046bank.test", "192.0.2.1/10");
	/* 253 octets of text are the most there can be; */
	memset(label, 'a', 63);
	label[63] = '\0';
	snprintf(name, sizeof(name), "%s.%s.%s.%.61s", label, label, label, label);
	dns_begin(&m, name, DNS_A);
	dns_addr_record(&m, "@12", 10, "192.0.2.1");
	expect(&m, name, "192.0.2.1/10");
	snprintf(name, sizeof(name), "%s.%s.%s.%.62s", label, label, label, label);
	dns_begin(&m, name, DNS_A);
	dns_addr_record(&m, "@12", 10, "192.0.2.1");
	expect_code(&m, ERR_MALFORMED);
	/* escapes that do not fit make a name that nobody could match */
	memset(label, ' ', 63);
	snprintf(name, sizeof(name), "%s.%s", label, label);
	dns_begin(&m, name, DNS_A);
	dns_addr_record(&m, "@12", 10, "192.0.2.1");
	expect_code(&m, ERR_NOT_FOUND);
}

static void test_compression_cannot_loop(void **state)
{
	struct dns_message m;
	char self[8];

	(void)state;
	dns_begin(&m, "@12", DNS_A); /* the question points at itself */
	dns_addr_record(&m, "@12", 10, "192.0.2.1");
	expect_code(&m, ERR_MALFORMED);
	dns_begin(&m, "a@12", DNS_A); /* and round a label */
	dns_addr_record(&m, "@12", 10, "192.0.2.1");
	expect_code(&m, ERR_MALFORMED);
	dns_begin(&m, "@4", DNS_A); /* into the header */
	dns_addr_record(&m, "@12", 10, "192.0.2.1");
	expect_code(&m, ERR_MALFORMED);
	dns_begin(&m, "a.test", DNS_A);
	snprintf(self, sizeof(self), "@%zu", m.len); /* the owner points at itself */
	dns_addr_record(&m, self, 10, "192.0.2.1");
	expect_code(&m, ERR_MALFORMED);
	dns_begin(&m, "a.test", DNS_A);
	dns_addr_record(&m, "@60", 10, "192.0.2.1"); /* forwards */
	expect_code(&m, ERR_MALFORMED);
	dns_begin(&m, "a.test", DNS_A);
	m.bytes[12] = 0x41; /* a label type that does not exist */
	dns_addr_record(&m, "@14", 10, "192.0.2.1");
	expect_code(&m, ERR_MALFORMED);
	/* a target that does not end where its data ends is not followed */
	dns_begin(&m, "a.test", DNS_A);
	dns_name_record(&m, "@12", DNS_CNAME, 10, "b.test");
	m.bytes[m.len++] = 0;
	m.bytes[m.len - 10]++;
	dns_addr_record(&m, "b.test", 10, "192.0.2.1");
	expect_code(&m, ERR_NOT_FOUND);
}

/* ---- random answers: glibc reads the records, a walk over its text finds the addresses */

enum { MAX_RECORDS = 12, N_LABELS = 4, NAME_LEN = NS_MAXDNAME };

static void random_name(struct random_state *r, char *buf)
{
	static const char *const labels[N_LABELS] = { "a", "B", "cc", "test" };
	unsigned n = 1 + random_below(r, 3);

	buf[0] = '\0';
	for (unsigned i = 0; i < n; i++) {
		if (i)
			strcat(buf, ".");
		strcat(buf, labels[random_below(r, N_LABELS)]);
	}
}

static void random_answer(struct random_state *r, struct dns_message *m)
{
	char owner[64], target[64];
	unsigned n = 1 + random_below(r, MAX_RECORDS - 1);

	random_name(r, owner);
	dns_begin(m, owner, DNS_A);
	for (unsigned i = 0; i < n; i++) {
		if (random_below(r, 3) == 0)
			strcpy(owner, "@12");
		else
			random_name(r, owner);
		random_name(r, target);
		switch (random_below(r, 4)) {
		case 0:
			dns_name_record(m, owner, DNS_CNAME, random_below(r, 100), target);
			break;
		case 1:
			dns_name_record(m, owner, DNS_CNAME, random_below(r, 100), "@12");
			break;
		default:
			snprintf(target, sizeof(target),
				random_below(r, 2) ? "192.0.2.%u" : "2001:db8::%u",
				1 + random_below(r, 9));
			dns_addr_record(m, owner, random_below(r, 100), target);
		}
	}
}

struct oracle_record {
	char owner[NAME_LEN], target[NAME_LEN];
	int type;
	uint32_t ttl;
};

/* The records as glibc understands them; -1 when it refuses the message. */
static int glibc_records(const struct dns_message *m, char *question, struct oracle_record *records)
{
	ns_msg msg;
	ns_rr rr;
	int n;

	if (ns_initparse(m->bytes, (int)m->len, &msg) < 0 || ns_parserr(&msg, ns_s_qd, 0, &rr) < 0)
		return -1;
	snprintf(question, NAME_LEN, "%s", ns_rr_name(rr));
	n = ns_msg_count(msg, ns_s_an);
	for (int i = 0; i < n; i++) {
		struct oracle_record *r = &records[i];

		if (ns_parserr(&msg, ns_s_an, i, &rr) < 0)
			return -1;
		snprintf(r->owner, sizeof(r->owner), "%s", ns_rr_name(rr));
		r->type = ns_rr_type(rr);
		r->ttl = ns_rr_ttl(rr);
		if (r->type == ns_t_cname)
			ns_name_uncompress(ns_msg_base(msg), ns_msg_end(msg), ns_rr_rdata(rr),
				r->target, sizeof(r->target));
		else
			inet_ntop(r->type == ns_t_a ? AF_INET : AF_INET6, ns_rr_rdata(rr),
				r->target, sizeof(r->target));
	}
	return n;
}

/* Follows the chain over texts; writes "addr/ttl ..." as describe() does. */
static void oracle_walk(
	const char *question, const struct oracle_record *records, int n, char *out, size_t size)
{
	char name[NAME_LEN];
	uint32_t ttl = INT32_MAX;

	snprintf(name, sizeof(name), "%s", question);
	out[0] = '\0';
	for (int hop = 0; hop <= 16; hop++) {
		int next = -1;

		for (int i = 0; i < n; i++) {
			char key[NAME_LEN + 8];
			size_t used = strlen(out);

			if (strcasecmp(records[i].owner, name) != 0)
				continue;
			if (records[i].type == ns_t_cname) {
				next = next < 0 ? i : next;
				continue;
			}
			snprintf(key, sizeof(key), "%s/", records[i].target);
			if (!strstr(out, key))
				snprintf(out + used, size - used, "%s%s%u", used ? " " : "", key,
					records[i].ttl < ttl ? records[i].ttl : ttl);
		}
		if (next < 0)
			return;
		snprintf(name, sizeof(name), "%s", records[next].target);
		ttl = records[next].ttl < ttl ? records[next].ttl : ttl;
	}
}

static void test_agrees_with_glibc(void **state)
{
	struct random_state random = { 53 };
	static struct oracle_record records[MAX_RECORDS];
	unsigned found = 0;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		struct dns_message m;
		struct dns_answer a;
		char question[NAME_LEN], want[8192];
		int n, r;

		random_answer(&random, &m);
		n = glibc_records(&m, question, records);
		assert_true(n > 0);
		oracle_walk(question, records, n, want, sizeof(want));
		r = parse(&m, &a);
		assert_int_equal(r, want[0] ? 0 : ERR_NOT_FOUND);
		if (r == 0) {
			assert_string_equal(describe(&a), want);
			assert_int_equal(strcasecmp(a.host, question), 0);
			found++;
		}
	}
	assert_true(found > 5000);
}

/* Any bytes at all: an answer or an error, but nothing past the end (the sanitizers watch). */
static void test_hostile_bytes(void **state)
{
	struct random_state random = { 35 };

	(void)state;
	for (unsigned round = 0; round < 30000; round++) {
		struct dns_message m;
		struct dns_answer a;
		unsigned n_changes = 1 + random_below(&random, 4);

		random_answer(&random, &m);
		for (unsigned i = 0; i < n_changes; i++)
			m.bytes[random_below(&random, (unsigned)m.len)] =
				(uint8_t)random_next(&random);
		if (random_below(&random, 3) == 0)
			m.len = random_below(&random, (unsigned)m.len);
		if (parse(&m, &a) == 0) {
			assert_in_range(a.n, 1, LIMIT_DNS_RECORDS);
			assert_in_range(a.host_len, 1, LIMIT_HOST);
			assert_int_equal(strlen(a.host), a.host_len);
		}
	}
}

static void test_many_records(void **state)
{
	struct dns_message m;
	struct dns_answer a;
	char addr[32];

	(void)state;
	dns_begin(&m, "a.test", DNS_A);
	for (unsigned i = 0; i < LIMIT_DNS_RECORDS + 50; i++) {
		snprintf(addr, sizeof(addr), "10.0.%u.%u", i / 256, i % 256);
		dns_addr_record(&m, "@12", 10, addr);
	}
	assert_int_equal(parse(&m, &a), 0);
	assert_int_equal(a.n, LIMIT_DNS_RECORDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_chain_is_bounded),
		cmocka_unit_test(test_poison),
		cmocka_unit_test(test_what_is_no_answer),
		cmocka_unit_test(test_question_of_a_response),
		cmocka_unit_test(test_service_hints),
		cmocka_unit_test(test_names_as_text),
		cmocka_unit_test(test_compression_cannot_loop),
		cmocka_unit_test(test_many_records),
		cmocka_unit_test(test_agrees_with_glibc),
		cmocka_unit_test(test_hostile_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
