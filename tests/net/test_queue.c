/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NFQUEUE and our rules on the real kernel: what happens to connections. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "tests/net/netns.h"
#include "tests/net/rig.h"

#define MS NETNS_DEADLINE_MS

static const int families[] = { AF_INET, AF_INET6 };

static void send_byte(int fd, char c)
{
	assert_int_equal(send(fd, &c, 1, 0), 1);
}

/* ---- accept, drop, reject */

static void test_tcp_accept(void **state)
{
	struct rig *r = *state;

	for (size_t i = 0; i < array_len(families); i++) {
		_cleanup_close_ int listener = netns_listener(families[i]);
		_cleanup_close_ int fd =
			netns_connect(families[i], SOCK_STREAM, netns_port(listener));
		const struct rig_packet *s = &r->seen[i];

		assert_true(rig_wait(r, i + 1, MS));
		assert_int_equal(s->parsed, 0);
		assert_int_equal(s->q.ref.queue_num, RIG_QUEUE);
		assert_int_equal(s->q.hook, 3);
		assert_int_equal(s->q.ifindex_out, 1);
		assert_int_equal(s->p.flow.proto, IPPROTO_TCP);
		assert_int_equal(s->p.flow.src.family, families[i] == AF_INET ? 4 : 6);
		assert_int_equal(s->p.flow.src_port, netns_port(fd));
		assert_int_equal(s->p.flow.dst_port, netns_port(listener));
		assert_int_equal(s->p.tcp_flags, 2);
		assert_int_equal(netns_connect_result(fd, 0), ETIMEDOUT);

		rig_verdict(r, (unsigned)i, QUEUE_ACCEPT, RIG_ALLOW, RIG_MASK);
		assert_int_equal(netns_connect_result(fd, MS), 0);
		send_byte(fd, 'x');
		assert_true(netns_readable(listener, MS));
	}
	/* One packet each: the rest of a connection never comes to the queue. */
	rig_drain(r);
	assert_int_equal(r->n_seen, 2);
}

static void test_tcp_drop(void **state)
{
	struct rig *r = *state;
	_cleanup_close_ int listener = netns_listener(AF_INET);
	_cleanup_close_ int fd = netns_connect(AF_INET, SOCK_STREAM, netns_port(listener));

	assert_true(rig_wait(r, 1, MS));
	rig_verdict(r, 0, QUEUE_DROP, 0, 0);
	/* The same SYN comes again, as a new packet. */
	assert_true(rig_wait(r, 2, MS));
	assert_int_not_equal(r->seen[0].q.ref.id, r->seen[1].q.ref.id);
	assert_true(flow_equal(&r->seen[0].p.flow, &r->seen[1].p.flow));
	assert_int_equal(r->seen[0].p.tcp_seq, r->seen[1].p.tcp_seq);
	assert_int_equal(netns_connect_result(fd, 0), ETIMEDOUT);
	assert_false(netns_readable(listener, 0));
	rig_verdict(r, 1, QUEUE_ACCEPT, RIG_ALLOW, RIG_MASK);
	assert_int_equal(netns_connect_result(fd, MS), 0);
}

static void test_tcp_reject(void **state)
{
	struct rig *r = *state;

	rig_answer(r, QUEUE_REJECT, RIG_REJECT, RIG_MASK);
	for (size_t i = 0; i < array_len(families); i++) {
		_cleanup_close_ int listener = netns_listener(families[i]);
		_cleanup_close_ int fd =
			netns_connect(families[i], SOCK_STREAM, netns_port(listener));

		assert_true(rig_wait(r, i + 1, MS));
		/* At once, and not after the next SYN (1 s). */
		assert_int_equal(netns_connect_result(fd, MS), ECONNREFUSED);
		assert_false(netns_readable(listener, 0));
	}
	rig_drain(r);
	assert_int_equal(r->n_seen, 2);
}

static void test_udp_reject(void **state)
{
	struct rig *r = *state;
	char c;

	rig_answer(r, QUEUE_REJECT, RIG_REJECT, RIG_MASK);
	for (size_t i = 0; i < array_len(families); i++) {
		_cleanup_close_ int server = netns_bound(families[i], SOCK_DGRAM, 0);
		_cleanup_close_ int fd = netns_connect(families[i], SOCK_DGRAM, netns_port(server));

		send_byte(fd, 'x');
		assert_true(rig_wait(r, i + 1, MS));
		assert_true(netns_readable(fd, MS));
		assert_int_equal(recv(fd, &c, 1, 0), -1);
		assert_int_equal(errno, ECONNREFUSED);
		assert_false(netns_readable(server, 0));
	}
}

/* ---- the conntrack mark */

static void test_udp_allowed_once(void **state)
{
	struct rig *r = *state;

	rig_answer(r, QUEUE_ACCEPT, RIG_ALLOW, RIG_MASK);
	for (size_t i = 0; i < array_len(families); i++) {
		_cleanup_close_ int server = netns_bound(families[i], SOCK_DGRAM, 0);
		_cleanup_close_ int fd = netns_connect(families[i], SOCK_DGRAM, netns_port(server));
		char buf[4];

		send_byte(fd, '1');
		assert_true(rig_wait(r, i + 1, MS));
		/* No answer came, so the flow is still NEW; the mark lets the next ones pass. */
		send_byte(fd, '2');
		send_byte(fd, '3');
		for (int n = 0; n < 3; n++) {
			assert_true(netns_readable(server, MS));
			assert_int_equal(recv(server, buf, sizeof(buf), 0), 1);
			assert_int_equal(buf[0], '1' + n);
		}
		rig_drain(r);
		assert_int_equal(r->n_seen, i + 1);
	}
}

static void test_udp_unmarked_again(void **state)
{
	struct rig *r = *state;
	_cleanup_close_ int server = netns_bound(AF_INET, SOCK_DGRAM, 0);
	_cleanup_close_ int fd = netns_connect(AF_INET, SOCK_DGRAM, netns_port(server));

	rig_answer(r, QUEUE_ACCEPT, 0, 0);
	send_byte(fd, '1');
	assert_true(rig_wait(r, 1, MS));
	send_byte(fd, '2');
	assert_true(rig_wait(r, 2, MS));
}

/* A packet mark that somebody uses for routing stays as it is. */
static void test_foreign_mark(void **state)
{
	struct rig *r = *state;
	_cleanup_close_ int server = netns_bound(AF_INET, SOCK_DGRAM, 0);
	_cleanup_close_ int fd = netns_connect(AF_INET, SOCK_DGRAM, netns_port(server));
	uint32_t mark = 0xca6c;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	rig_answer(r, QUEUE_ACCEPT, RIG_ALLOW, RIG_MASK);
	send_byte(fd, '1');
	assert_true(rig_wait(r, 1, MS));
	assert_int_equal(r->seen[0].q.ref.mark, mark);
	assert_true(netns_readable(server, MS));
	send_byte(fd, '2');
	if (queue_has_conntrack(r->queue)) {
		assert_true(netns_readable(server, MS));
		rig_drain(r);
		assert_int_equal(r->n_seen, 1);
	} else {
		assert_true(rig_wait(r, 2, MS));
		assert_int_equal(r->seen[1].q.ref.mark, mark);
	}
}

static void test_foreign_mark_reject(void **state)
{
	struct rig *r = *state;
	_cleanup_close_ int listener = netns_listener(AF_INET);
	_cleanup_close_ int fd = netns_socket(AF_INET, SOCK_STREAM);
	struct sockaddr_storage sa;
	socklen_t len = netns_loopback(AF_INET, netns_port(listener), &sa);
	uint32_t mark = 0xca6c;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	rig_answer(r, QUEUE_REJECT, RIG_REJECT, RIG_MASK);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), -1);
	assert_true(rig_wait(r, 1, MS));
	assert_int_equal(netns_connect_result(fd, MS), ECONNREFUSED);
}

/* ---- holding */

static void test_hold_then_accept(void **state)
{
	struct rig *r = *state;
	_cleanup_close_ int listener = netns_listener(AF_INET6);
	_cleanup_close_ int fd = -1;
	uint64_t skipped = netns_counter("/proc/net/netstat", "TcpExt", "TCPSpuriousRtxHostQueues");
	uint64_t deadline = clock_mono_ns() + MS * 1000000ull;

	rig_answer(r, QUEUE_HOLD, 0, 0);
	fd = netns_connect(AF_INET6, SOCK_STREAM, netns_port(listener));
	assert_true(rig_wait(r, 1, MS));
	rig_keep(r);
	assert_true(rig_wait(r, 2, MS));
	assert_int_equal(r->seen[0].q.ref.queue_num, RIG_QUEUE);
	assert_int_equal(r->seen[1].q.ref.queue_num, RIG_QUEUE + 1);
	assert_true(flow_equal(&r->seen[0].p.flow, &r->seen[1].p.flow));
	assert_int_equal(r->seen[0].p.tcp_seq, r->seen[1].p.tcp_seq);

	/* The kernel sees its SYN in the queue and does not send it again. */
	while (netns_counter("/proc/net/netstat", "TcpExt", "TCPSpuriousRtxHostQueues") ==
		skipped) {
		assert_true(clock_mono_ns() < deadline);
		rig_wait(r, 3, 50);
	}
	assert_int_equal(r->n_seen, 2);
	assert_int_equal(netns_connect_result(fd, 0), ETIMEDOUT);

	rig_verdict(r, 1, QUEUE_ACCEPT, RIG_ALLOW, RIG_MASK);
	assert_int_equal(netns_connect_result(fd, MS), 0);
}

static void test_hold_then_reject(void **state)
{
	struct rig *r = *state;
	_cleanup_close_ int listener = netns_listener(AF_INET);
	_cleanup_close_ int fd = netns_connect(AF_INET, SOCK_STREAM, netns_port(listener));

	assert_true(rig_wait(r, 1, MS));
	rig_verdict(r, 0, QUEUE_HOLD, 0, 0);
	assert_true(rig_wait(r, 2, MS));
	rig_verdict(r, 1, QUEUE_REJECT, RIG_REJECT, RIG_MASK);
	assert_int_equal(netns_connect_result(fd, MS), ECONNREFUSED);
}

/* Many held datagrams, released by one flush: all arrive, in their order. */
static void test_release_many(void **state)
{
	struct rig *r = *state;
	_cleanup_close_ int server = netns_bound(AF_INET, SOCK_DGRAM, 0);
	_cleanup_close_ int fd = netns_connect(AF_INET, SOCK_DGRAM, netns_port(server));
	char c;

	for (char i = 0; i < 100; i++)
		send_byte(fd, i);
	assert_true(rig_wait(r, 100, MS));
	for (unsigned i = 0; i < 100; i++)
		queue_verdict(r->queue, &r->seen[i].q.ref, QUEUE_ACCEPT, RIG_ALLOW, RIG_MASK);
	queue_flush(r->queue);
	for (int i = 0; i < 100; i++) {
		assert_true(netns_readable(server, MS));
		assert_int_equal(recv(server, &c, 1, 0), 1);
		assert_int_equal(c, i);
	}
}

/* ---- what the kernel tells with a packet */

static void test_uid(void **state)
{
	struct rig *r = *state;
	_cleanup_close_ int server = netns_bound(AF_INET, SOCK_DGRAM, 0);
	_cleanup_close_ int fd = -1;
	int own = setfsuid(12345);

	fd = netns_connect(AF_INET, SOCK_DGRAM, netns_port(server));
	setfsuid((uid_t)own);
	send_byte(fd, 'x');
	assert_true(rig_wait(r, 1, MS));
	assert_true(r->seen[0].q.has_uid);
	assert_int_equal(r->seen[0].q.uid, 12345);
}

/* ---- bounds and losses */

static void test_read_is_bounded(void **state)
{
	struct rig *r = *state;
	_cleanup_close_ int server = netns_bound(AF_INET, SOCK_DGRAM, 0);
	_cleanup_close_ int fd = netns_connect(AF_INET, SOCK_DGRAM, netns_port(server));

	for (char i = 0; i < 100; i++)
		send_byte(fd, i);
	rig_drain(r);
	assert_int_equal(r->n_seen, 64);
	rig_drain(r);
	assert_int_equal(r->n_seen, 100);
}

static void test_verdict_lost(void **state)
{
	struct rig *r = *state;
	_cleanup_close_ int server = netns_bound(AF_INET, SOCK_DGRAM, 0);
	_cleanup_close_ int fd = netns_connect(AF_INET, SOCK_DGRAM, netns_port(server));
	struct queue_stats stats;

	send_byte(fd, 'x');
	assert_true(rig_wait(r, 1, MS));
	rig_verdict(r, 0, QUEUE_DROP, 0, 0);
	rig_verdict(r, 0, QUEUE_DROP, 0, 0);
	rig_verdict(r, 0, QUEUE_ACCEPT, RIG_ALLOW, RIG_MASK);
	rig_drain(r);
	queue_stats(r->queue, &stats);
	assert_int_equal(stats.received, 1);
	assert_int_equal(stats.verdicts, 3);
	assert_int_equal(stats.verdict_lost, 2);
	assert_int_equal(stats.verdict_errors, 0);
	/* And the queue works on. */
	send_byte(fd, 'y');
	assert_true(rig_wait(r, 2, MS));
}

static void test_overflow_is_counted(void **state)
{
	struct rig *r = *state;
	_cleanup_close_ int server = netns_bound(AF_INET, SOCK_DGRAM, 0);
	struct queue_stats stats;
	unsigned sent = 0;

	/* A socket may have some 200 datagrams under way, then it is another's turn. */
	while (sent < 6000) {
		_cleanup_close_ int fd = netns_connect(AF_INET, SOCK_DGRAM, netns_port(server));

		while (sent < 6000 && send(fd, "x", 1, MSG_DONTWAIT) == 1)
			sent++;
	}
	queue_stats(r->queue, &stats);
	assert_true(stats.dropped + stats.user_dropped >= 6000 - 4096);
}

static void test_taken(void **state)
{
	struct queue *other = NULL;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(queue_open(RIG_QUEUE, &other, &err), ERR_BUSY);
	assert_non_null(strstr(err.message, "20000"));
	/* Its second queue is our first. */
	assert_int_equal(queue_open(RIG_QUEUE - 1, &other, &err), ERR_BUSY);
	assert_int_equal(queue_open(RIG_QUEUE + 2, &other, &err), 0);
	queue_close(other);
	assert_int_equal(queue_open(UINT16_MAX, &other, &err), ERR_INVALID);
}

/* ---- without a daemon */

static void test_bypass(void **state)
{
	struct rig *r = *state;
	_cleanup_close_ int listener = netns_listener(AF_INET);
	_cleanup_close_ int fd = -1;
	struct error err = { 0 };

	queue_close(r->queue);
	r->queue = NULL;
	fd = netns_connect(AF_INET, SOCK_STREAM, netns_port(listener));
	assert_int_equal(netns_connect_result(fd, MS), 0);
	assert_int_equal(queue_open(RIG_QUEUE, &r->queue, &err), 0);
}

static void test_fail_closed(void **state)
{
	struct rig *r = *state;
	struct firewall_config config = rig_config(r);
	_cleanup_close_ int listener = netns_listener(AF_INET);
	_cleanup_close_ int fd = -1;
	struct error err = { 0 };

	config.fail_closed = true;
	firewall_free(r->fw);
	assert_int_equal(firewall_new(&config, &r->fw), 0);
	assert_int_equal(firewall_install(r->fw, &err), 0);
	queue_close(r->queue);
	r->queue = NULL;
	fd = netns_connect(AF_INET, SOCK_STREAM, netns_port(listener));
	assert_int_equal(netns_connect_result(fd, 200), ETIMEDOUT);
	assert_false(netns_readable(listener, 0));
	/* A daemon that comes back gets the next SYN. */
	assert_int_equal(queue_open(RIG_QUEUE, &r->queue, &err), 0);
	rig_answer(r, QUEUE_ACCEPT, RIG_ALLOW, RIG_MASK);
	assert_true(rig_wait(r, 1, MS));
	assert_int_equal(netns_connect_result(fd, MS), 0);
}

/* Sends without end, until the socket is shut down. */
static void *flood(void *arg)
{
	const int *fd = arg;

	while (send(*fd, "x", 1, 0) == 1 || errno == ECONNREFUSED)
		;
	return NULL;
}

/*
 * A daemon starts while the rules of a dead one stand and traffic runs: packets come before the
 * kernel's answer to the request that binds the queue.
 */
static void test_open_under_traffic(void **state)
{
	struct rig *r = *state;
	_cleanup_close_ int server = netns_bound(AF_INET, SOCK_DGRAM, 0);
	_cleanup_close_ int fd = netns_connect(AF_INET, SOCK_DGRAM, netns_port(server));
	struct error err = { 0 };
	pthread_t thread;
	char c;

	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, flood, &fd), 0);
	rig_answer(r, QUEUE_ACCEPT, 0, 0);
	for (int i = 0; i < 200; i++) {
		queue_close(r->queue);
		r->queue = NULL;
		/* With nobody bound the rules let pass: wait until it flows. */
		while (recv(server, &c, 1, 0) == 1)
			;
		assert_true(netns_readable(server, MS));
		if (queue_open(RIG_QUEUE, &r->queue, &err) < 0)
			fail_msg("queue_open: %s", err.message);
		r->n_seen = 0;
		assert_true(rig_wait(r, 1, MS));
	}
	/* A closed queue lets the sender go on, so that it sees the end. */
	queue_close(r->queue);
	r->queue = NULL;
	shutdown(fd, SHUT_RDWR);
	pthread_join(thread, NULL);
}

#define RIG_TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_tcp_accept),
		RIG_TEST(test_tcp_drop),
		RIG_TEST(test_tcp_reject),
		RIG_TEST(test_udp_reject),
		RIG_TEST(test_udp_allowed_once),
		RIG_TEST(test_udp_unmarked_again),
		RIG_TEST(test_foreign_mark),
		RIG_TEST(test_foreign_mark_reject),
		RIG_TEST(test_hold_then_accept),
		RIG_TEST(test_hold_then_reject),
		RIG_TEST(test_release_many),
		RIG_TEST(test_uid),
		RIG_TEST(test_read_is_bounded),
		RIG_TEST(test_verdict_lost),
		RIG_TEST(test_overflow_is_counted),
		RIG_TEST(test_taken),
		RIG_TEST(test_bypass),
		RIG_TEST(test_fail_closed),
		RIG_TEST(test_open_under_traffic),
	};

	return cmocka_run_group_tests(tests, netns_group_setup, NULL);
}
