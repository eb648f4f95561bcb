/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's messages about queued packets: every attribute, every wrong size, and messages that lie. */
#include "config.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/queue_message.h"
#include "lib/cleanup.h"
#include "lib/err.h"

static _Alignas(NLMSG_ALIGNTO) char space[8192];

static struct nlmsghdr *begin(uint16_t queue)
{
	struct nlmsghdr *nlh;
	struct nfgenmsg *nfg;

	memset(space, 0, sizeof(space));
	nlh = mnl_nlmsg_put_header(space);
	nlh->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->res_id = htons(queue);
	return nlh;
}

static void put_id(struct nlmsghdr *nlh, uint32_t id, uint8_t hook)
{
	struct nfqnl_msg_packet_hdr h = { .packet_id = htonl(id), .hook = hook };

	mnl_attr_put(nlh, NFQA_PACKET_HDR, sizeof(h), &h);
}

static void put_all(struct nlmsghdr *nlh)
{
	struct nfqnl_msg_packet_hw hw = { .hw_addrlen = htons(6), .hw_addr = "\2macad" };
	struct nlattr *nest;

	put_id(nlh, 0xcafe, 3);
	mnl_attr_put(nlh, NFQA_HWADDR, sizeof(hw), &hw);
	mnl_attr_put_u32(nlh, NFQA_MARK, htonl(0x11));
	mnl_attr_put_u32(nlh, NFQA_IFINDEX_INDEV, htonl(2));
	mnl_attr_put_u32(nlh, NFQA_IFINDEX_OUTDEV, htonl(3));
	mnl_attr_put(nlh, NFQA_PAYLOAD, 5, "bytes");
	mnl_attr_put_u32(nlh, NFQA_CAP_LEN, htonl(1500));
	nest = mnl_attr_nest_start(nlh, NFQA_CT);
	mnl_attr_put_u32(nlh, CTA_MARK, htonl(0x10000000));
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_put_u32(nlh, NFQA_CT_INFO, htonl(2));
	mnl_attr_put_u32(nlh, NFQA_UID, htonl(1000));
}

static void test_everything_is_read(void **state)
{
	struct nlmsghdr *nlh = begin(7370);
	struct queue_packet p;

	(void)state;
	put_all(nlh);
	assert_true(queue_message_is_whole(nlh, (int)nlh->nlmsg_len));
	assert_true(queue_message_is_packet(nlh));
	assert_int_equal(queue_message_parse(nlh, &p), 0);
	assert_int_equal(p.ref.queue_num, 7370);
	assert_int_equal(p.ref.id, 0xcafe);
	assert_int_equal(p.ref.mark, 0x11);
	assert_int_equal(p.hook, 3);
	assert_int_equal(p.ifindex_in, 2);
	assert_int_equal(p.ifindex_out, 3);
	assert_int_equal(p.payload_len, 5);
	assert_memory_equal(p.payload, "bytes", 5);
	assert_int_equal(p.packet_len, 1500);
	assert_true(p.has_ct && p.has_uid && p.has_mac);
	assert_memory_equal(p.mac, "\2macad", 6);
	assert_int_equal(p.ct_mark, 0x10000000);
	assert_int_equal(p.ct_info, 2);
	assert_int_equal(p.uid, 1000);
}

static void test_what_is_absent_is_not_there(void **state)
{
	struct nlmsghdr *nlh = begin(1);
	struct queue_packet p;

	(void)state;
	put_id(nlh, 5, 1);
	memset(&p, 0xff, sizeof(p));
	assert_int_equal(queue_message_parse(nlh, &p), 0);
	assert_int_equal(p.ref.id, 5);
	assert_false(p.has_uid || p.has_ct || p.has_mac);
	assert_null(p.payload);
	assert_int_equal(p.payload_len | p.packet_len | p.ifindex_in | p.ifindex_out, 0);
	assert_int_equal(p.ref.mark | p.ct_mark, 0);
	/* Without an id there is nothing to give a verdict to. */
	nlh = begin(1);
	mnl_attr_put(nlh, NFQA_PAYLOAD, 5, "bytes");
	assert_int_equal(queue_message_parse(nlh, &p), ERR_MALFORMED);
	/* A packet that was not cut has no NFQA_CAP_LEN. */
	put_id(nlh, 6, 1);
	assert_int_equal(queue_message_parse(nlh, &p), 0);
	assert_int_equal(p.packet_len, 5);
}

/* An attribute of a wrong size is as good as none; the others count. */
static void test_wrong_sizes(void **state)
{
	static const uint16_t numbers[] = { NFQA_MARK, NFQA_IFINDEX_INDEV, NFQA_IFINDEX_OUTDEV,
		NFQA_CAP_LEN, NFQA_CT_INFO, NFQA_UID };
	static const char bytes[64];
	struct queue_packet p;

	(void)state;
	for (size_t size = 0; size < sizeof(bytes); size++) {
		struct nlmsghdr *nlh = begin(1);

		if (size == 4)
			continue;
		put_id(nlh, 9, 3);
		for (size_t i = 0; i < array_len(numbers); i++)
			mnl_attr_put(nlh, numbers[i], size, bytes);
		mnl_attr_put(nlh, 200, size, bytes);
		mnl_attr_put(nlh, NFQA_HWADDR, size, bytes); /* of no length */
		mnl_attr_put(nlh, NFQA_PAYLOAD, 3, "abc");
		assert_int_equal(queue_message_parse(nlh, &p), 0);
		assert_int_equal(p.ref.id, 9);
		assert_false(p.has_uid || p.has_ct || p.has_mac);
		assert_int_equal(p.packet_len, 3);
		assert_int_equal(p.ref.mark | p.ifindex_in | p.ifindex_out, 0);
	}
	for (size_t size = 0; size < sizeof(struct nfqnl_msg_packet_hdr); size++) {
		struct nlmsghdr *nlh = begin(1);

		mnl_attr_put(nlh, NFQA_PACKET_HDR, size, bytes);
		assert_int_equal(queue_message_parse(nlh, &p), ERR_MALFORMED);
	}
}

static void test_attributes_that_lie(void **state)
{
	struct queue_packet p;
	struct nlmsghdr *nlh;
	struct nlattr *attr;

	(void)state;
	/* A length behind the message's end, and one shorter than its own header: reading ends there. */
	for (unsigned said = 0; said < 4; said++) {
		nlh = begin(1);
		put_id(nlh, 3, 1);
		attr = mnl_nlmsg_get_payload_tail(nlh);
		mnl_attr_put(nlh, NFQA_PAYLOAD, 8, "12345678");
		attr->nla_len = (uint16_t)said;
		assert_int_equal(queue_message_parse(nlh, &p), 0);
		assert_null(p.payload);
		attr->nla_len = (uint16_t)(13 + said * 1000);
		assert_int_equal(queue_message_parse(nlh, &p), 0);
		assert_null(p.payload);
	}
	/* The same inside the nest of conntrack. */
	nlh = begin(1);
	put_id(nlh, 3, 1);
	attr = mnl_attr_nest_start(nlh, NFQA_CT);
	mnl_attr_put_u32(nlh, CTA_MARK, htonl(77));
	mnl_attr_nest_end(nlh, attr);
	((struct nlattr *)mnl_attr_get_payload(attr))->nla_len = 60000;
	assert_int_equal(queue_message_parse(nlh, &p), 0);
	assert_int_equal(p.ct_mark, 0);
}

static void test_messages_that_lie(void **state)
{
	struct nlmsghdr *nlh = begin(1);
	int len;

	(void)state;
	put_all(nlh);
	len = (int)nlh->nlmsg_len;
	for (int i = 0; i < len; i++)
		assert_false(queue_message_is_whole(nlh, i));
	assert_false(queue_message_is_whole(nlh, -1));
	for (uint32_t bad = 0; bad < sizeof(*nlh); bad++) {
		nlh->nlmsg_len = bad;
		assert_false(queue_message_is_whole(nlh, len));
	}
	nlh->nlmsg_len = (uint32_t)len + 1;
	assert_false(queue_message_is_whole(nlh, len));
	nlh->nlmsg_len = 0x80000000u;
	assert_false(queue_message_is_whole(nlh, len));
	nlh->nlmsg_len = UINT32_MAX;
	assert_false(queue_message_is_whole(nlh, len));
	/* Other types, and a packet without room for the second header. */
	nlh = begin(1);
	nlh->nlmsg_type = NLMSG_ERROR;
	assert_false(queue_message_is_packet(nlh));
	nlh->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT;
	assert_false(queue_message_is_packet(nlh));
	nlh = begin(1);
	nlh->nlmsg_len = sizeof(*nlh) + sizeof(struct nfgenmsg) - 1;
	assert_false(queue_message_is_packet(nlh));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_is_read),
		cmocka_unit_test(test_what_is_absent_is_not_there),
		cmocka_unit_test(test_wrong_sizes),
		cmocka_unit_test(test_attributes_that_lie),
		cmocka_unit_test(test_messages_that_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
