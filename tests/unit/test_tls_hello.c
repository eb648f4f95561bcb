/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The name in a ClientHello: real ones in pieces of every size, odd ones made by hand. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/stream_start.h"
#include "daemon/tls_hello.h"
#include "lib/err.h"

#define SERVER_NAME 0
#define ECH 0xfe0d
#define GREASE 0x2a2a

/* A handshake message, or a stream. */
struct bytes {
	uint8_t b[16384];
	size_t len;
};

static void put8(struct bytes *m, unsigned v)
{
	m->b[m->len++] = (uint8_t)v;
}

static void put16(struct bytes *m, unsigned v)
{
	put8(m, v >> 8);
	put8(m, v);
}

static void put(struct bytes *m, const void *bytes, size_t len)
{
	memcpy(m->b + m->len, bytes, len);
	m->len += len;
}

static void begin_hello(struct bytes *m)
{
	static const uint8_t random[32] = { 1, 2, 3 };

	m->len = 0;
	put8(m, 1);
	put8(m, 0);
	put16(m, 0);
	put16(m, 0x0303);
	put(m, random, sizeof(random));
	put8(m, 4); /* session id */
	put(m, "abcd", 4);
	put16(m, 4); /* cipher suites, one of them GREASE */
	put16(m, 0x1a1a);
	put16(m, 0x1301);
	put8(m, 1); /* compression */
	put8(m, 0);
	put16(m, 0);
}

/* Where the length of all extensions stands. */
#define EXTENSIONS_AT (4 + 2 + 32 + 5 + 6 + 2)

static void extension(struct bytes *m, unsigned type, const void *data, size_t len)
{
	put16(m, type);
	put16(m, (unsigned)len);
	put(m, data, len);
}

static void server_name(struct bytes *m, const char *name)
{
	size_t len = strlen(name);

	put16(m, SERVER_NAME);
	put16(m, (unsigned)len + 5);
	put16(m, (unsigned)len + 3);
	put8(m, 0);
	put16(m, (unsigned)len);
	put(m, name, len);
}

static void end_hello(struct bytes *m)
{
	size_t all = m->len - EXTENSIONS_AT - 2, body = m->len - 4;

	m->b[EXTENSIONS_AT] = (uint8_t)(all >> 8);
	m->b[EXTENSIONS_AT + 1] = (uint8_t)all;
	m->b[2] = (uint8_t)(body >> 8);
	m->b[3] = (uint8_t)body;
}

static void hello_of(struct bytes *m, const char *name)
{
	begin_hello(m);
	extension(m, GREASE, "", 0);
	server_name(m, name);
	extension(m, 10, "\0\2\0\x1d", 4);
	end_hello(m);
}

/* Of copies of exactly this size, so that a read past the end is seen. */
static int parse(const struct bytes *m, size_t len, struct tls_hello *ret)
{
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	memcpy(copy, m->b, len);
	r = tls_hello_parse(copy, len, ret);
	free(copy);
	return r;
}

static int parse_stream(const struct bytes *m, size_t len, struct tls_hello *ret)
{
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	memcpy(copy, m->b, len);
	r = tls_stream_parse(copy, len, ret);
	free(copy);
	return r;
}

static void assert_name(const struct bytes *m, const char *want)
{
	struct tls_hello h;

	assert_int_equal(parse(m, m->len, &h), 0);
	assert_string_equal(h.host, want);
	assert_int_equal(h.host_len, strlen(want));
}

static void assert_no_name(const struct bytes *m, int code)
{
	struct tls_hello h;

	assert_int_equal(parse(m, m->len, &h), code);
	assert_int_equal(h.host_len, 0);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", ".", "a..b", ".a", "a b.test", "a\\b", "192.0.2.1",
		"a%", "x\xc3\xbc.test", "a/b", "a..",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test" };
	struct bytes m;
	char longest[LIMIT_HOST + 2];

	(void)state;
	hello_of(&m, "Www.Example.COM");
	assert_name(&m, "www.example.com");
	hello_of(&m, "xn--bcher-kva.test.");
	assert_name(&m, "xn--bcher-kva.test");
	hello_of(&m, "_dmarc.a-b.test");
	assert_name(&m, "_dmarc.a-b.test");
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 60 == 59 ? '.' : 'a';
	longest[LIMIT_HOST] = '\0';
	hello_of(&m, longest);
	assert_name(&m, longest);
	longest[LIMIT_HOST] = 'a';
	longest[LIMIT_HOST + 1] = '\0';
	hello_of(&m, longest);
	assert_no_name(&m, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		hello_of(&m, bad[i]);
		assert_no_name(&m, 0);
	}
	/* A NUL in the name ends nothing. */
	begin_hello(&m);
	extension(&m, SERVER_NAME, "\0\x0b\0\0\x08good.te\0", 13);
	end_hello(&m);
	assert_no_name(&m, 0);
}

static void test_extensions(void **state)
{
	struct tls_hello h;
	struct bytes m;

	(void)state;
	/* none at all, without and with their length */
	begin_hello(&m);
	m.len -= 2;
	m.b[3] = (uint8_t)(m.len - 4);
	assert_no_name(&m, 0);
	begin_hello(&m);
	end_hello(&m);
	assert_no_name(&m, 0);
	/* an encrypted one beside the front's */
	begin_hello(&m);
	extension(&m, ECH, "0123456789", 10);
	server_name(&m, "front.test");
	end_hello(&m);
	assert_int_equal(parse(&m, m.len, &h), 0);
	assert_string_equal(h.host, "front.test");
	assert_true(h.has_ech);
	hello_of(&m, "a.test");
	assert_int_equal(parse(&m, m.len, &h), 0);
	assert_false(h.has_ech);
	/* Who says two names says none. */
	begin_hello(&m);
	server_name(&m, "good.test");
	server_name(&m, "evil.test");
	end_hello(&m);
	assert_no_name(&m, ERR_MALFORMED);
	begin_hello(&m);
	extension(&m, SERVER_NAME, "\0\x14\0\0\7go.test\0\0\7ev.test", 22);
	end_hello(&m);
	assert_no_name(&m, ERR_MALFORMED);
	begin_hello(&m);
	extension(&m, SERVER_NAME, "\0\x0b\0\0\7go.test\0", 13);
	end_hello(&m);
	assert_no_name(&m, ERR_MALFORMED);
	/* another type of name; a list whose length lies */
	begin_hello(&m);
	extension(&m, SERVER_NAME, "\0\4\1\0\1a", 6);
	end_hello(&m);
	assert_no_name(&m, 0);
	begin_hello(&m);
	extension(&m, SERVER_NAME, "\0\5\0\0\1a", 6);
	end_hello(&m);
	assert_no_name(&m, 0);
	/* an extension longer than the message */
	hello_of(&m, "a.test");
	m.b[EXTENSIONS_AT + 2 + 2] = 0xff;
	assert_no_name(&m, ERR_MALFORMED);
	/* no ClientHello */
	m.b[0] = 2;
	assert_no_name(&m, ERR_MALFORMED);
}

static void test_pieces(void **state)
{
	struct tls_hello h;
	struct bytes m;

	(void)state;
	hello_of(&m, "whole.test");
	for (size_t len = 0; len < m.len; len++) {
		assert_int_equal(parse(&m, len, &h), ERR_AGAIN);
		/* The extension counts once it is all there. */
		assert_true(h.host_len == 0 || strcmp(h.host, "whole.test") == 0);
	}
	assert_string_equal(h.host, "whole.test");
	assert_name(&m, "whole.test");
}

/* The message in records of `size` bytes. */
static void in_records(const struct bytes *m, size_t size, struct bytes *ret)
{
	ret->len = 0;
	for (size_t at = 0; at < m->len; at += size) {
		size_t n = size < m->len - at ? size : m->len - at;

		put8(ret, 22);
		put16(ret, 0x0301);
		put16(ret, (unsigned)n);
		put(ret, m->b + at, n);
	}
}

static void test_records(void **state)
{
	struct bytes m, stream;
	struct tls_hello h;

	(void)state;
	hello_of(&m, "records.test");
	for (size_t size = 1; size <= m.len; size++) {
		in_records(&m, size, &stream);
		for (size_t len = 0; len < stream.len; len++)
			assert_int_equal(parse_stream(&stream, len, &h), ERR_AGAIN);
		assert_int_equal(parse_stream(&stream, stream.len, &h), 0);
		assert_string_equal(h.host, "records.test");
	}
	/* What follows does not count. */
	put(&stream, "\x17\3\3\0\1x", 6);
	assert_int_equal(parse_stream(&stream, stream.len, &h), 0);
	assert_string_equal(h.host, "records.test");
	/* another protocol, another kind of record, an empty one, too long a one, an old version */
	memcpy(stream.b, "GET / HTTP/1.1\r\n", 16);
	assert_int_equal(parse_stream(&stream, 16, &h), ERR_MALFORMED);
	memcpy(stream.b, "\x15\3\1\0\2\1\1", 7);
	assert_int_equal(parse_stream(&stream, 7, &h), ERR_MALFORMED);
	memcpy(stream.b, "\x16\3\1\0\0", 5);
	assert_int_equal(parse_stream(&stream, 5, &h), ERR_MALFORMED);
	memcpy(stream.b, "\x16\3\1\x40\1", 5);
	assert_int_equal(parse_stream(&stream, 5, &h), ERR_MALFORMED);
	memcpy(stream.b, "\x16\2\1\0\1", 5);
	assert_int_equal(parse_stream(&stream, 5, &h), ERR_MALFORMED);
	assert_int_equal(h.host_len, 0);
}

/* Bigger than what is looked at: what was found by then is there. */
static void test_too_big(void **state)
{
	static const uint8_t filler[LIMIT_HELLO_BYTES];
	struct bytes m, stream;
	struct tls_hello h;

	(void)state;
	begin_hello(&m);
	server_name(&m, "big.test");
	extension(&m, 21, filler, sizeof(filler));
	end_hello(&m);
	in_records(&m, 5000, &stream);
	assert_int_equal(parse_stream(&stream, stream.len, &h), ERR_AGAIN);
	assert_string_equal(h.host, "big.test");
}

static void test_real(void **state)
{
	static const char *const programs[] = { "chromium", "curl", "gnutls", "openssl",
		"openssl12", "python" };
	const char *top = getenv("TOP_SRCDIR");
	struct tls_hello h;
	struct bytes m;

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		char path[4096], want[64];
		FILE *f;

		snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/tls_hello/%s", top ? top : ".",
			programs[i]);
		snprintf(want, sizeof(want), "%s.hello.test", programs[i]);
		f = fopen(path, "rb");
		if (!f)
			fail_msg("no %s", path);
		m.len = fread(m.b, 1, sizeof(m.b), f);
		fclose(f);
		assert_int_equal(parse_stream(&m, m.len, &h), 0);
		assert_string_equal(h.host, want);
		/* Chromium sends one without meaning, so that real ones do not stand out. */
		assert_int_equal(h.has_ech, strcmp(programs[i], "chromium") == 0);
		for (size_t len = 0; len < m.len; len++)
			assert_int_equal(parse_stream(&m, len, &h), ERR_AGAIN);
	}
}

static void test_stream_start(void **state)
{
	static struct stream_start s;
	uint8_t big[600];

	(void)state;
	stream_start_init(&s);
	stream_start_add(&s, 3, "def", 3);
	assert_int_equal(s.len, 0);
	stream_start_add(&s, 0, "ab", 2);
	assert_int_equal(s.len, 2);
	/* what came first stays */
	stream_start_add(&s, 1, "XcX", 3);
	assert_int_equal(s.len, 6);
	assert_memory_equal(s.bytes, "abcdef", 6);
	memset(big, 'z', sizeof(big));
	stream_start_add(&s, LIMIT_HELLO_BYTES - 10, big, sizeof(big));
	stream_start_add(&s, UINT64_MAX - 10, big, sizeof(big));
	stream_start_add(&s, LIMIT_HELLO_BYTES, big, sizeof(big));
	assert_int_equal(s.len, 6);
	for (size_t at = 6; at < LIMIT_HELLO_BYTES; at += sizeof(big))
		stream_start_add(&s, at, big, sizeof(big));
	assert_int_equal(s.len, LIMIT_HELLO_BYTES);
	assert_memory_equal(s.bytes, "abcdefzz", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_too_big),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_stream_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
