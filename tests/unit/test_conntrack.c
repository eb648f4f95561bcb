/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages about conntrack entries: what is written is read again, and no length in them is believed. */
#include "config.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "daemon/conntrack_message.h"
#include "lib/cleanup.h"

static struct flow flow_of(uint8_t proto, const char *src, const char *dst)
{
	struct flow f;

	flow_init(&f);
	f.proto = proto;
	f.src_port = 0x1234;
	f.dst_port = 0x0800;
	assert_int_equal(ip_addr_parse(src, &f.src), 0);
	assert_int_equal(ip_addr_parse(dst, &f.dst), 0);
	return f;
}

static void test_tuples(void **state)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP };
	_Alignas(8) char buf[512];
	struct conntrack_entry entry;

	(void)state;
	for (size_t i = 0; i < array_len(protos) + 1; i++) {
		bool echo = i == array_len(protos);
		struct flow v4 = flow_of(echo ? IPPROTO_ICMP : protos[i], "10.0.0.2", "192.0.2.1");
		struct flow v6 =
			flow_of(echo ? IPPROTO_ICMPV6 : protos[i], "fd00::2", "2001:db8::1");

		assert_int_equal(
			conntrack_message_parse(
				conntrack_message_put(buf, IPCTNL_MSG_CT_NEW, 0, 1, &v4), &entry),
			0);
		assert_memory_equal(&entry.flow, &v4, sizeof(v4));
		assert_false(entry.is_end);
		assert_int_equal(conntrack_message_parse(conntrack_message_put(buf,
								 IPCTNL_MSG_CT_DELETE, 0, 1, &v6),
					 &entry),
			0);
		assert_memory_equal(&entry.flow, &v6, sizeof(v6));
		assert_true(entry.is_end);
	}
}

/* Every shorter message, and every byte changed: an answer or an error, and no byte behind it is looked at. */
static void test_broken_messages(void **state)
{
	_Alignas(8) char buf[512], copy[512];
	struct flow f = flow_of(IPPROTO_TCP, "10.0.0.2", "192.0.2.1");
	struct nlmsghdr *nlh = conntrack_message_put(buf, IPCTNL_MSG_CT_NEW, 0, 1, &f);
	uint32_t len = nlh->nlmsg_len;
	struct conntrack_entry entry;

	(void)state;
	for (uint32_t n = 0; n < len; n++) {
		memcpy(copy, buf, sizeof(copy));
		((struct nlmsghdr *)copy)->nlmsg_len = n;
		conntrack_message_parse((struct nlmsghdr *)copy, &entry);
	}
	for (uint32_t at = sizeof(*nlh); at < len; at++) {
		memcpy(copy, buf, sizeof(copy));
		copy[at] = (char)(copy[at] ^ 0xff);
		conntrack_message_parse((struct nlmsghdr *)copy, &entry);
	}
	memcpy(copy, buf, sizeof(copy));
	((struct nlmsghdr *)copy)->nlmsg_len = sizeof(*nlh);
	assert_int_equal(conntrack_message_parse((struct nlmsghdr *)copy, &entry), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tuples),
		cmocka_unit_test(test_broken_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
