/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exact socket look-ups on the real kernel. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "daemon/sockdiag.h"
#include "lib/cleanup.h"
#include "tests/net/netns.h"

#define MS NETNS_DEADLINE_MS
#define LO 1

static const int families[] = { AF_INET, AF_INET6 };

static int setup(void **state)
{
	struct sockdiag *sd = NULL;
	struct error err = { 0 };

	netns_assert_own();
	if (sockdiag_open(&sd, &err) < 0)
		fail_msg("sockdiag_open: %s", err.message);
	*state = sd;
	return 0;
}

static int teardown(void **state)
{
	sockdiag_close(*state);
	return 0;
}

static struct ip_addr addr_of(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(text, &a), 0);
	return a;
}

static struct flow make_flow(
	int proto, const char *src, uint16_t src_port, const char *dst, uint16_t dst_port)
{
	struct flow f;

	flow_init(&f);
	f.proto = (uint8_t)proto;
	f.src = addr_of(src);
	f.dst = addr_of(dst);
	f.src_port = src_port;
	f.dst_port = dst_port;
	return f;
}

static const char *loopback(int af)
{
	return af == AF_INET ? "127.0.0.1" : "::1";
}

static uint32_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint32_t)st.st_ino;
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
	return cookie;
}

static void assert_finds(
	struct sockdiag *sd, const struct flow *f, uint32_t ifindex, int fd, int tcp_state)
{
	struct sock_owner o = { 0 };

	assert_int_equal(sockdiag_find(sd, f, ifindex, &o), 0);
	assert_int_equal(o.inode, inode_of(fd));
	assert_int_equal(o.cookie, cookie_of(fd));
	assert_int_equal(o.state, tcp_state);
}

static void assert_none(struct sockdiag *sd, const struct flow *f)
{
	struct sock_owner o;

	assert_int_equal(sockdiag_find(sd, f, 0, &o), ERR_NOT_FOUND);
	assert_int_equal(sockdiag_find(sd, f, LO, &o), ERR_NOT_FOUND);
}

/* ---- TCP */

static void test_tcp(void **state)
{
	for (size_t i = 0; i < array_len(families); i++) {
		int af = families[i];
		_cleanup_close_ int listener = netns_listener(af);
		_cleanup_close_ int fd = netns_connect(af, SOCK_STREAM, netns_port(listener));
		_cleanup_close_ int served = -1;
		struct flow f = make_flow(IPPROTO_TCP, loopback(af), netns_port(fd), loopback(af),
			netns_port(listener));
		struct flow back =
			make_flow(IPPROTO_TCP, loopback(af), f.dst_port, loopback(af), f.src_port);

		assert_int_equal(netns_connect_result(fd, MS), 0);
		assert_finds(*state, &f, LO, fd, TCP_ESTABLISHED);
		assert_finds(*state, &f, 0, fd, TCP_ESTABLISHED);
		served = accept(listener, NULL, NULL);
		assert_true(served >= 0);
		assert_finds(*state, &back, LO, served, TCP_ESTABLISHED);
	}
}

/* The kernel answers an unknown tuple with the listener of its local port. */
static void test_listener_is_not_mistaken(void **state)
{
	for (size_t i = 0; i < array_len(families); i++) {
		int af = families[i];
		_cleanup_close_ int listener = netns_listener(af);
		struct flow f =
			make_flow(IPPROTO_TCP, loopback(af), netns_port(listener), loopback(af), 9);

		assert_none(*state, &f);
		f.dst_port = 0;
		assert_none(*state, &f);
		assert_int_equal(sockdiag_destroy(*state, &f, 0), ERR_NOT_FOUND);
	}
}

/* An IPv6 socket that speaks IPv4. */
static void test_tcp_mapped(void **state)
{
	_cleanup_close_ int listener = netns_listener(AF_INET);
	_cleanup_close_ int fd = netns_socket(AF_INET6, SOCK_STREAM);
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6 };
	struct flow f;

	sa.sin6_port = htons(netns_port(listener));
	assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &sa.sin6_addr), 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), -1);
	assert_int_equal(errno, EINPROGRESS);
	assert_int_equal(netns_connect_result(fd, MS), 0);
	f = make_flow(IPPROTO_TCP, "127.0.0.1", netns_port(fd), "127.0.0.1", netns_port(listener));
	assert_finds(*state, &f, LO, fd, TCP_ESTABLISHED);
}

static void test_tcp_none(void **state)
{
	struct flow f = make_flow(IPPROTO_TCP, "127.0.0.1", 1, "127.0.0.1", 2);

	assert_none(*state, &f);
	f = make_flow(IPPROTO_TCP, "::1", 1, "::1", 2);
	assert_none(*state, &f);
}

/* ---- UDP */

static void test_udp_connected(void **state)
{
	for (size_t i = 0; i < array_len(families); i++) {
		int af = families[i];
		_cleanup_close_ int server = netns_bound(af, SOCK_DGRAM, 0);
		_cleanup_close_ int fd = netns_connect(af, SOCK_DGRAM, netns_port(server));
		struct flow f = make_flow(IPPROTO_UDP, loopback(af), netns_port(fd), loopback(af),
			netns_port(server));
		struct flow back =
			make_flow(IPPROTO_UDP, loopback(af), f.dst_port, loopback(af), f.src_port);

		assert_finds(*state, &f, LO, fd, TCP_ESTABLISHED);
		assert_finds(*state, &back, LO, server, TCP_CLOSE);
		/* Connected elsewhere: not the sender of this one. */
		f.dst_port++;
		assert_none(*state, &f);
	}
}

static void bind_any(int fd, int af)
{
	struct sockaddr_storage sa = { .ss_family = (sa_family_t)af };

	assert_int_equal(
		bind(fd, (struct sockaddr *)&sa,
			af == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)),
		0);
}

static void test_udp_unconnected(void **state)
{
	_cleanup_close_ int four = netns_socket(AF_INET, SOCK_DGRAM);
	_cleanup_close_ int six = netns_socket(AF_INET6, SOCK_DGRAM);
	struct flow f;

	bind_any(four, AF_INET);
	bind_any(six, AF_INET6);
	f = make_flow(IPPROTO_UDP, "127.0.0.1", netns_port(four), "127.0.0.1", 9);
	assert_finds(*state, &f, LO, four, TCP_CLOSE);
	/* Far away as well: only the port is bound. */
	f = make_flow(IPPROTO_UDP, "10.1.2.3", netns_port(four), "192.0.2.1", 53);
	assert_finds(*state, &f, 0, four, TCP_CLOSE);
	f = make_flow(IPPROTO_UDP, "::1", netns_port(six), "2001:db8::1", 9);
	assert_finds(*state, &f, LO, six, TCP_CLOSE);
	/* A dual-stack socket sends IPv4 too. */
	f = make_flow(IPPROTO_UDP, "127.0.0.1", netns_port(six), "127.0.0.1", 9);
	assert_finds(*state, &f, LO, six, TCP_CLOSE);
}

static void test_udp_group(void **state)
{
	_cleanup_close_ int fd = netns_socket(AF_INET, SOCK_DGRAM);
	struct sockaddr_in sa = { .sin_family = AF_INET };
	struct flow f;

	sa.sin_addr.s_addr = inet_addr("239.1.2.3");
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	f = make_flow(IPPROTO_UDP, "127.0.0.1", netns_port(fd), "239.1.2.3", 1234);
	assert_finds(*state, &f, LO, fd, TCP_CLOSE);
}

static int open_shared(int af, uint16_t port)
{
	int fd = netns_socket(af, SOCK_DGRAM);
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int) { 1 }, sizeof(int)), 0);
	if (af == AF_INET)
		assert_int_equal(bind(fd, (struct sockaddr *)&four, sizeof(four)), 0);
	else
		assert_int_equal(bind(fd, (struct sockaddr *)&six, sizeof(six)), 0);
	return fd;
}

/* Two sockets of one port, of one family or of both; one that is connected counts for its own far end only. */
static void test_udp_twins(void **state)
{
	_cleanup_close_ int one = open_shared(AF_INET, 0), two = -1, dual = -1;
	struct sockaddr_in far = { .sin_family = AF_INET, .sin_port = htons(9) };
	uint16_t port = netns_port(one);
	struct flow f = make_flow(IPPROTO_UDP, "127.0.0.1", port, "127.0.0.1", 9);

	assert_false(sockdiag_has_twins(*state, &f));
	two = open_shared(AF_INET, port);
	assert_true(sockdiag_has_twins(*state, &f));
	far.sin_addr.s_addr = inet_addr("127.0.0.9");
	assert_int_equal(connect(two, (struct sockaddr *)&far, sizeof(far)), 0);
	assert_false(sockdiag_has_twins(*state, &f));
	far.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(two, (struct sockaddr *)&far, sizeof(far)), 0);
	assert_true(sockdiag_has_twins(*state, &f));
	cleanup_close(&two);
	two = -1;
	assert_false(sockdiag_has_twins(*state, &f));
	dual = open_shared(AF_INET6, port);
	assert_true(dual >= 0);
	assert_true(sockdiag_has_twins(*state, &f));
	/* The look-up that follows is answered all the same. */
	f.src_port = 1;
	assert_none(*state, &f);
}

static void test_udp_none(void **state)
{
	_cleanup_close_ int other = netns_bound(AF_INET, SOCK_DGRAM, 0);
	struct flow f = make_flow(IPPROTO_UDP, "127.0.0.2", netns_port(other), "127.0.0.1", 9);

	/* Bound to another address. */
	assert_none(*state, &f);
	f = make_flow(IPPROTO_UDP, "127.0.0.1", 1, "127.0.0.1", 2);
	assert_none(*state, &f);
}

static void test_udplite(void **state)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDPLITE);
	struct flow f;

	if (fd < 0) {
		print_message("# this kernel has no UDP-Lite\n");
		skip();
	}
	bind_any(fd, AF_INET);
	f = make_flow(IPPROTO_UDPLITE, "127.0.0.1", netns_port(fd), "127.0.0.1", 9);
	assert_finds(*state, &f, LO, fd, TCP_CLOSE);
	f.proto = IPPROTO_UDP;
	assert_none(*state, &f);
}

/* ---- bound to a device, owner, no look-up */

static void test_bound_to_device(void **state)
{
	for (size_t i = 0; i < array_len(families); i++) {
		int af = families[i];
		_cleanup_close_ int fd = netns_socket(af, SOCK_DGRAM);
		struct sock_owner o;
		struct flow f;

		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
		bind_any(fd, af);
		f = make_flow(IPPROTO_UDP, loopback(af), netns_port(fd), loopback(af), 9);
		assert_finds(*state, &f, LO, fd, TCP_CLOSE);
		assert_int_equal(sockdiag_find(*state, &f, LO + 1, &o), ERR_NOT_FOUND);
	}
}

static void test_uid(void **state)
{
	_cleanup_close_ int fd = -1;
	struct sock_owner o;
	struct flow f;
	int own = setfsuid(12345);

	fd = netns_socket(AF_INET, SOCK_DGRAM);
	setfsuid((uid_t)own);
	bind_any(fd, AF_INET);
	f = make_flow(IPPROTO_UDP, "127.0.0.1", netns_port(fd), "127.0.0.1", 9);
	assert_int_equal(sockdiag_find(*state, &f, 0, &o), 0);
	assert_int_equal(o.uid, 12345);
}

static void test_no_look_up(void **state)
{
	struct flow f = make_flow(IPPROTO_ICMP, "127.0.0.1", 1, "127.0.0.1", 8 << 8);
	struct sock_owner o;

	assert_int_equal(sockdiag_find(*state, &f, 0, &o), ERR_UNSUPPORTED);
	f = make_flow(IPPROTO_TCP, "127.0.0.1", 1, "::1", 2);
	assert_int_equal(sockdiag_find(*state, &f, 0, &o), ERR_INVALID);
}

/* ---- ending sockets */

static void skip_without_destroy(struct sockdiag *sd, const struct flow *f)
{
	if (sockdiag_destroy(sd, f, LO) == ERR_UNSUPPORTED) {
		print_message("# this kernel has no SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)\n");
		skip();
	}
}

static void test_destroy_tcp(void **state)
{
	for (size_t i = 0; i < array_len(families); i++) {
		int af = families[i];
		_cleanup_close_ int listener = netns_listener(af);
		_cleanup_close_ int fd = netns_connect(af, SOCK_STREAM, netns_port(listener));
		struct flow f = make_flow(IPPROTO_TCP, loopback(af), netns_port(fd), loopback(af),
			netns_port(listener));
		char c;

		assert_int_equal(netns_connect_result(fd, MS), 0);
		skip_without_destroy(*state, &f);
		assert_int_equal(recv(fd, &c, 1, 0), -1);
		assert_int_equal(errno, ECONNABORTED);
		assert_none(*state, &f);
		assert_int_equal(sockdiag_destroy(*state, &f, LO), ERR_NOT_FOUND);
	}
}

static void test_destroy_udp(void **state)
{
	_cleanup_close_ int server = netns_bound(AF_INET, SOCK_DGRAM, 0);
	_cleanup_close_ int fd = netns_connect(AF_INET, SOCK_DGRAM, netns_port(server));
	struct flow f = make_flow(
		IPPROTO_UDP, "127.0.0.1", netns_port(fd), "127.0.0.1", netns_port(server));
	struct flow back = make_flow(
		IPPROTO_UDP, "127.0.0.1", netns_port(server), "127.0.0.1", netns_port(fd));
	char c;

	/* Not connected: it serves others as well. */
	assert_int_equal(sockdiag_destroy(*state, &back, LO), ERR_NOT_FOUND);
	skip_without_destroy(*state, &f);
	assert_int_equal(recv(fd, &c, 1, 0), -1);
	assert_int_equal(errno, ECONNABORTED);
	assert_finds(*state, &back, LO, server, TCP_CLOSE);
}

#define SD_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SD_TEST(test_tcp),
		SD_TEST(test_listener_is_not_mistaken),
		SD_TEST(test_tcp_mapped),
		SD_TEST(test_tcp_none),
		SD_TEST(test_udp_connected),
		SD_TEST(test_udp_unconnected),
		SD_TEST(test_udp_group),
		SD_TEST(test_udp_twins),
		SD_TEST(test_udp_none),
		SD_TEST(test_udplite),
		SD_TEST(test_bound_to_device),
		SD_TEST(test_uid),
		SD_TEST(test_no_look_up),
		SD_TEST(test_destroy_tcp),
		SD_TEST(test_destroy_udp),
	};

	return cmocka_run_group_tests(tests, netns_group_setup, NULL);
}
