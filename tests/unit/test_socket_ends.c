/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel tells of ended sockets, whole and in pieces. tests/net/test_socket_ends.py has it from a real one. */
#include "config.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/socket_ends.h"

#define LEN NLMSG_LENGTH(sizeof(struct inet_diag_msg))

struct told {
	unsigned n;
	struct socket_end last;
};

static void tell(void *ctx, const struct socket_end *end)
{
	struct told *t = ctx;

	t->n++;
	t->last = *end;
}

/* A message at `buf`: its padded length. */
static size_t put(char *buf, uint8_t family, const char *addr, uint16_t port)
{
	struct nlmsghdr header = { .nlmsg_len = LEN, .nlmsg_type = SOCK_DIAG_BY_FAMILY };
	struct inet_diag_msg m = { .idiag_family = family,
		.id = { .idiag_sport = htons(port), .idiag_cookie = { 7, 1 } } };

	assert_int_equal(inet_pton(family, addr, m.id.idiag_src), 1);
	memcpy(buf, &header, sizeof(header));
	memcpy(buf + NLMSG_HDRLEN, &m, sizeof(m));
	return NLMSG_ALIGN(LEN);
}

static void test_ends(void **state)
{
	_Alignas(NLMSG_ALIGNTO) char buf[512] = { 0 };
	const struct ip_addr v4 = ip_addr_v4((const uint8_t[]) { 192, 0, 2, 1 });
	struct told t = { 0 };
	size_t len;

	(void)state;
	len = put(buf, AF_INET, "192.0.2.1", 4000);
	socket_ends_parse(buf, len, tell, &t);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.last.port, 4000);
	assert_true(t.last.cookie == (UINT64_C(1) << 32 | 7));
	assert_true(ip_addr_equal(&t.last.addr, &v4));
	/* One that was never bound has no port, and is nobody's flow; then another one, of a mapped address. */
	len += put(buf + len, AF_INET6, "::", 0);
	len += put(buf + len, AF_INET6, "::ffff:192.0.2.1", 4001);
	socket_ends_parse(buf, len, tell, &t);
	assert_int_equal(t.n, 3);
	assert_int_equal(t.last.port, 4001);
	assert_true(ip_addr_equal(&t.last.addr, &v4));
	/* Of another family. */
	len = put(buf, AF_INET, "192.0.2.1", 4000);
	buf[NLMSG_HDRLEN] = AF_UNIX;
	socket_ends_parse(buf, len, tell, &t);
	assert_int_equal(t.n, 3);
}

/* Every shorter one: nothing is told, and no byte behind it is looked at. Then each byte changed. */
static void test_broken_messages(void **state)
{
	_Alignas(NLMSG_ALIGNTO) char whole[NLMSG_ALIGN(LEN)];
	struct told t = { 0 };

	(void)state;
	put(whole, AF_INET, "192.0.2.1", 4000);
	for (size_t n = 0; n < LEN; n++) {
		char *part = malloc(n ? n : 1);

		memcpy(part, whole, n);
		socket_ends_parse(part, n, tell, &t);
		if (n >= sizeof(struct nlmsghdr)) {
			((struct nlmsghdr *)(void *)part)->nlmsg_len = (uint32_t)n;
			socket_ends_parse(part, n, tell, &t);
		}
		free(part);
	}
	assert_int_equal(t.n, 0);
	for (size_t at = 0; at < LEN; at++) {
		char *copy = malloc(LEN);

		memcpy(copy, whole, LEN);
		copy[at] = (char)(copy[at] ^ 0xff);
		socket_ends_parse(copy, LEN, tell, &t);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_broken_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
