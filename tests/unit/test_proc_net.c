/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket of a flow in the lists of /proc/PID/net, as a kernel prints them and as nobody should. */
#include "config.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "daemon/proc_net.h"
#include "tests/unit/folder.h"

#define HEAD                                                                                       \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "      \
	"timeout inode\n"
#define TAIL "00000000:00000000 00:00000000 00000000"

static void write_list(const struct folder *f, const char *name, const char *text)
{
	char path[64];

	for (const char *dir = "7\0"
			       "7/net\0";
		*dir; dir += strlen(dir) + 1) {
		char whole[320];

		snprintf(whole, sizeof(whole), "%s/%s", f->path, dir);
		mkdir(whole, 0700);
	}
	snprintf(path, sizeof(path), "7/net/%s", name);
	folder_write(f, path, text);
}

static struct flow flow_of(
	int proto, const char *src, uint16_t src_port, const char *dst, uint16_t dst_port)
{
	struct flow f;

	flow_init(&f);
	f.proto = (uint8_t)proto;
	assert_int_equal(ip_addr_parse(src, &f.src), 0);
	assert_int_equal(ip_addr_parse(dst, &f.dst), 0);
	f.src_port = src_port;
	f.dst_port = dst_port;
	return f;
}

/* 0: not found. */
static uint32_t inode_of(const struct folder *f, int proto, const char *src, uint16_t sport,
	const char *dst, uint16_t dport)
{
	struct flow flow = flow_of(proto, src, sport, dst, dport);
	uint32_t inode = 0, uid = 0;

	if (!proc_net_find(f->path, 7, &flow, &inode, &uid))
		return 0;
	assert_int_equal(uid, 1000 + inode);
	return inode;
}

static void tcp_by_both_ends(void **state)
{
	const struct folder *f = *state;

	write_list(f, "tcp",
		HEAD "   0: 0100007F:1F90 00000000:0000 0A " TAIL "  1001        0 1 1 x\n"
		     "   1: 0201CC0A:9C40 0A6433C6:0050 02 " TAIL "  1002        0 2 2 x\n"
		     "   2: 0201CC0A:9C41 0A6433C6:0050 06 " TAIL "     0        0 0 2 x\n");
	write_list(f, "tcp6",
		HEAD "   0: 0000000000000000FFFF00000201CC0A:9C42 "
		     "0000000000000000FFFF00000A6433C6:0050 01 " TAIL "  1003        0 3 1 x\n"
		     "   1: 000000FD00000402000000000200000A:9C43 "
		     "B80D0120000000000000000010000000:01BB 02 " TAIL "  1004        0 4 1 x\n");
	assert_int_equal(inode_of(f, IPPROTO_TCP, "10.204.1.2", 40000, "198.51.100.10", 80), 2);
	assert_int_equal(inode_of(f, IPPROTO_TCP, "10.204.1.2", 40000, "198.51.100.10", 81), 0);
	assert_int_equal(inode_of(f, IPPROTO_TCP, "10.204.1.3", 40000, "198.51.100.10", 80), 0);
	/* A listener is nobody's connection; what has no file is nobody's either. */
	assert_int_equal(inode_of(f, IPPROTO_TCP, "127.0.0.1", 8080, "198.51.100.10", 80), 0);
	assert_int_equal(inode_of(f, IPPROTO_TCP, "10.204.1.2", 40001, "198.51.100.10", 80), 0);
	/* A socket of IPv6 that goes over IPv4. */
	assert_int_equal(inode_of(f, IPPROTO_TCP, "10.204.1.2", 40002, "198.51.100.10", 80), 3);
	assert_int_equal(
		inode_of(f, IPPROTO_TCP, "fd00:0:204::a00:2", 40003, "2001:db8::10", 443), 4);
}

static void udp_connected_or_not(void **state)
{
	const struct folder *f = *state;

	write_list(f, "udp",
		HEAD "  10: 0201CC0A:9C40 286433C6:2328 01 " TAIL "  1005        0 5 2 x\n"
		     "  11: 00000000:9C41 00000000:0000 07 " TAIL "  1006        0 6 2 x\n");
	assert_int_equal(inode_of(f, IPPROTO_UDP, "10.204.1.2", 40000, "198.51.100.40", 9000), 5);
	assert_int_equal(inode_of(f, IPPROTO_UDP, "10.204.1.2", 40000, "198.51.100.41", 9000), 0);
	assert_int_equal(inode_of(f, IPPROTO_UDP, "10.204.1.2", 40001, "198.51.100.41", 9000), 6);
}

static void ping_by_its_identifier(void **state)
{
	const struct folder *f = *state;

	write_list(f, "icmp",
		HEAD "   1: 00000000:0007 00000000:0000 07 " TAIL "  1007        0 7 2 x\n");
	assert_int_equal(inode_of(f, IPPROTO_ICMP, "10.204.1.2", 7, "198.51.100.40", 0), 7);
	assert_int_equal(inode_of(f, IPPROTO_ICMP, "10.204.1.2", 8, "198.51.100.40", 0), 0);
	assert_int_equal(inode_of(f, IPPROTO_GRE, "10.204.1.2", 7, "198.51.100.40", 0), 0);
}

static void what_is_no_list(void **state)
{
	static const char *const texts[] = { "", "\n", "   0: ", HEAD "   0: 0201CC0A:9C40",
		"   0: 0201CC:9C40 0A6433C6:0050 02 " TAIL "  1002        0 2 2 x\n",
		"   0: 0201CC0A9:9C40 0A6433C6:0050 02 " TAIL "  1002        0 2 2 x\n",
		"   0: 0201CC0A:9C40 0A6433C6:0050 02 " TAIL "  1002        0\n",
		"   0: zz01CC0A:9C40 0A6433C6:0050 02 " TAIL "  1002        0 2 2 x\n" };
	const struct folder *f = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_list(f, "tcp", texts[i]);
		assert_int_equal(
			inode_of(f, IPPROTO_TCP, "10.204.1.2", 40000, "198.51.100.10", 80), 0);
	}
}

#define FOLDER_TEST(fn) cmocka_unit_test_setup_teardown(fn, folder_setup, folder_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(tcp_by_both_ends),
		FOLDER_TEST(udp_connected_or_not),
		FOLDER_TEST(ping_by_its_identifier),
		FOLDER_TEST(what_is_no_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
