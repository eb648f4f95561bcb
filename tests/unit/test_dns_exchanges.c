/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Debian's DNS servers said, byte by byte (tests/fuzz/capture_dns.py recorded it), and which names are learnt of it: as datagrams,
 * and as streams in pieces of every size. The zone file says what is meant, not this parser. Multicast alike
 * (tests/fuzz/capture_multicast.py).
 */
#include "config.h"

#include <dirent.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/dns_watch.h"
#include "lib/cleanup.h"

#define SECOND 1000000000ull
#define PORT_DNS 53
#define PORT_MDNS 5353
#define PORT_LLMNR 5355
#define NOW (100 * SECOND)
#define SYN 0x02
#define ACK 0x10
#define FILE_MAX 65536
#define FACTS_MAX 512

/* A folder of exchanges, and what they mean. */
struct recording {
	const char *expectations, *folder;
	unsigned least; /* files */
};

/* "HOST ADDRESS", once each. */
struct facts {
	unsigned n;
	bool is_cut; /* the answer said so: some may be missing */
	char text[FACTS_MAX][LIMIT_HOST + IP_ADDR_TEXT_LEN + 2];
};

struct exchange {
	uint8_t bytes[FILE_MAX];
	size_t len;
};

static const char *top(void)
{
	const char *dir = getenv("TOP_SRCDIR");

	return dir ? dir : ".";
}

static size_t read_file(const char *path, void *buf, size_t size)
{
	FILE *f = fopen(path, "rb");
	size_t len;

	if (!f)
		fail_msg("cannot open %s", path);
	len = fread(buf, 1, size, f);
	assert_true(len < size);
	fclose(f);
	return len;
}

static void add_fact(struct facts *f, const char *host, const char *addr)
{
	char text[sizeof(f->text[0])];

	snprintf(text, sizeof(text), "%s %s", host, addr);
	for (unsigned i = 0; i < f->n; i++)
		if (strcmp(f->text[i], text) == 0)
			return;
	assert_true(f->n < FACTS_MAX);
	strcpy(f->text[f->n++], text);
}

static bool has_fact(const struct facts *f, const char *text)
{
	for (unsigned i = 0; i < f->n; i++)
		if (strcmp(f->text[i], text) == 0)
			return true;
	return false;
}

/* What the expectations say of this file. */
static void read_expected(const char *all, const char *file, struct facts *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (const char *at = all; *at;) {
		const char *end = strchr(at, '\n');
		char *line = strndup(at, (size_t)(end - at)), *save = NULL, *host, *addr;

		at = end + 1;
		if (strcmp(strtok_r(line, " ", &save), file) == 0) {
			host = strtok_r(NULL, " ", &save);
			ret->is_cut |= *host == '~';
			while ((addr = strtok_r(NULL, " ", &save)))
				add_fact(ret, host + (*host == '~'), addr);
		}
		free(line);
	}
}

/* What was learnt, and all of it from where the exchange went. */
struct noting {
	struct facts *facts;
	enum host_source source;
};

static void note(void *ctx, const struct name_view *view)
{
	const struct noting *n = ctx;
	char addr[IP_ADDR_TEXT_LEN], host[LIMIT_HOST + 1];

	snprintf(host, sizeof(host), "%.*s", (int)view->host_len, view->host);
	assert_int_equal(view->source, n->source);
	add_fact(n->facts, host, ip_addr_format(&view->addr, addr));
}

static void compare(
	const char *file, const char *how, const struct facts *learnt, const struct facts *expected)
{
	for (unsigned i = 0; i < learnt->n; i++)
		if (!has_fact(expected, learnt->text[i]))
			fail_msg("%s as %s: learnt %s, which nobody said", file, how,
				learnt->text[i]);
	for (unsigned i = 0; i < expected->n && !expected->is_cut; i++)
		if (!has_fact(learnt, expected->text[i]))
			fail_msg("%s as %s: did not learn %s", file, how, expected->text[i]);
	if (expected->is_cut)
		assert_true(learnt->n <= expected->n);
}

/* ---- playing an exchange */

struct player {
	struct names *names;
	struct dns_watch *watch;
	struct flow out, back;
	enum host_source source;
	uint32_t seq[2]; /* by direction: 1 is outgoing */
};

static void player_open(struct player *p, uint8_t proto, uint16_t port)
{
	p->names = names_new();
	p->watch = dns_watch_new(p->names, NULL, NULL);
	flow_init(&p->out);
	p->out.proto = proto;
	ip_addr_parse("10.0.0.2", &p->out.src);
	ip_addr_parse("10.0.0.53", &p->out.dst);
	p->out.src_port = 40000;
	p->out.dst_port = port;
	p->back = p->out;
	p->back.src = p->out.dst;
	p->back.dst = p->out.src;
	p->back.src_port = port;
	p->back.dst_port = 40000;
	/* Who answers is not whom the question was sent to. */
	if (port != PORT_DNS && proto == IPPROTO_UDP)
		ip_addr_parse("224.0.0.251", &p->out.dst);
	p->source = port == PORT_DNS ? HOST_DNS : HOST_MDNS;
	p->seq[0] = 7;
	p->seq[1] = UINT32_MAX - 20; /* runs over */
}

static void player_close(struct player *p, struct facts *ret)
{
	struct noting n = { ret, p->source };

	memset(ret, 0, sizeof(*ret));
	names_list(p->names, NULL, NULL, UINT32_MAX, NOW, note, &n);
	dns_watch_free(p->watch);
	names_free(p->names);
}

static void put(struct player *p, bool is_outgoing, uint8_t flags, const uint8_t *bytes, size_t len)
{
	_cleanup_free_ uint8_t *copy = malloc(len ? len : 1);
	struct packet packet = {
		.flow = is_outgoing ? p->out : p->back,
		.tcp_seq = p->seq[is_outgoing],
		.tcp_flags = flags,
		.payload = copy,
		.payload_len = len,
	};

	memcpy(copy, bytes, len);
	dns_watch_packet(p->watch, &packet, is_outgoing ? DNS_SENT : DNS_FROM_LINK, NOW);
	p->seq[is_outgoing] += (uint32_t)len + (flags & SYN ? 1 : 0);
}

/* Calls for each message: questions are those that are no responses. */
static void each_message(const char *file, const struct exchange *x,
	void (*fn)(struct player *p, bool is_query, const uint8_t *framed, size_t len),
	struct player *p)
{
	for (size_t at = 0, len; at < x->len; at += len) {
		len = 2u + ((size_t)x->bytes[at] << 8 | x->bytes[at + 1]);
		if (len < 14 || len > x->len - at)
			fail_msg("%s is no exchange", file);
		fn(p, !(x->bytes[at + 4] & 0x80), x->bytes + at, len);
	}
}

static void as_datagram(struct player *p, bool is_query, const uint8_t *framed, size_t len)
{
	put(p, is_query, 0, framed + 2, len - 2);
}

static void as_segment(struct player *p, bool is_query, const uint8_t *framed, size_t len)
{
	put(p, is_query, ACK, framed, len);
}

static void as_bytes(struct player *p, bool is_query, const uint8_t *framed, size_t len)
{
	for (size_t at = 0, n; at < len; at += n) {
		n = at % 5 + 1 < len - at ? at % 5 + 1 : len - at;
		put(p, is_query, ACK, framed + at, n);
	}
}

static uint16_t port_of(const char *file)
{
	return strstr(file, "-mdns") ? PORT_MDNS : strstr(file, "-llmnr") ? PORT_LLMNR : PORT_DNS;
}

static void play(
	const char *file, const struct exchange *x, const struct facts *expected, const char *how)
{
	static struct facts learnt;
	struct player p;
	bool udp = strcmp(how, "datagrams") == 0;

	player_open(&p, udp ? IPPROTO_UDP : IPPROTO_TCP, port_of(file));
	if (!udp) {
		put(&p, true, SYN, (const uint8_t *)"", 0);
		put(&p, false, SYN | ACK, (const uint8_t *)"", 0);
	}
	each_message(file, x,
		udp				   ? as_datagram
		: strcmp(how, "small pieces") == 0 ? as_bytes
						   : as_segment,
		&p);
	player_close(&p, &learnt);
	compare(file, how, &learnt, expected);
}

/* The answers alone: nobody asked, so nothing is learnt. */
static void play_unasked(const char *file, const struct exchange *x)
{
	static const struct facts none;
	static struct exchange answers;
	static struct facts learnt;
	struct player p;

	answers.len = 0;
	for (size_t at = 0, len; at < x->len; at += len) {
		len = 2u + ((size_t)x->bytes[at] << 8 | x->bytes[at + 1]);
		if (!(x->bytes[at + 4] & 0x80))
			continue;
		memcpy(answers.bytes + answers.len, x->bytes + at, len);
		answers.len += len;
	}
	player_open(&p, IPPROTO_UDP, port_of(file));
	each_message(file, &answers, as_datagram, &p);
	player_close(&p, &learnt);
	compare(file, "unasked answers", &learnt, &none);
}

static void play_file(const char *file, const struct exchange *x, const struct facts *expected)
{
	play(file, x, expected, "datagrams");
	play_unasked(file, x);
	if (port_of(file) == PORT_MDNS)
		return;
	play(file, x, expected, "segments");
	play(file, x, expected, "small pieces");
}

static void play_recording(const struct recording *r)
{
	static char expectations[FILE_MAX];
	static struct facts expected;
	static struct exchange x;
	char folder[2048], path[4096];
	struct dirent **entries;
	unsigned played = 0, facts = 0;
	int n;

	snprintf(path, sizeof(path), "%s/tests/unit/%s", top(), r->expectations);
	expectations[read_file(path, expectations, sizeof(expectations))] = '\0';
	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", top(), r->folder);
	n = scandir(folder, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		const char *file = entries[i]->d_name;

		if (file[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", folder, file);
			x.len = read_file(path, x.bytes, sizeof(x.bytes));
			read_expected(expectations, file, &expected);
			facts += expected.n;
			play_file(file, &x, &expected);
			played++;
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	print_message("%u exchanges, %u facts\n", played, facts);
	assert_true(played >= r->least && facts > played);
}

static void test_servers(void **state)
{
	(void)state;
	play_recording(&(struct recording) { "dns_exchanges.txt", "dns_stream", 100 });
}

static void test_multicast(void **state)
{
	(void)state;
	play_recording(&(struct recording) { "multicast_exchanges.txt", "dns_multicast", 30 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_multicast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
