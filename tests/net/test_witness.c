/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who sends, seen by the programs in the real kernel. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "tests/net/witness_kit.h"

#define PORT 4000

static void send_to(int fd, int af, uint16_t port)
{
	struct sockaddr_storage to;
	socklen_t len = netns_loopback(af, port, &to);

	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, len), 1);
}

/* One process sends, in a child of ours: its PID. */
static pid_t send_in_child(int fd)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(send(fd, "x", 1, 0) == 1 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return pid;
}

static void assert_sender(const struct witness *w, int fd, uint8_t proto, pid_t pid)
{
	struct flow f = flow_of(fd, proto, PORT);
	struct witness_sender s;

	assert_true(witness_find_sender(w, &f, &s));
	assert_int_equal(s.pid, pid);
	assert_in_range(s.since_ns, 1, clock_mono_ns());
	/* It is counted only from when somebody asks: a creator does. */
	if (sees_creators(w))
		assert_true(s.cookie == cookie_of(fd));
}

static void datagrams(void **state)
{
	static const int protocols[] = { IPPROTO_UDP, IPPROTO_UDPLITE };
	const struct witness *w = *state;

	need_senders(w);
	for (unsigned i = 0; i < 4; i++) {
		int af = families[i / 2], protocol = protocols[i % 2];
		int far = netns_bound(af, SOCK_DGRAM, i % 2 ? 0 : PORT);
		int fd = socket(af, SOCK_DGRAM | SOCK_CLOEXEC, protocol);
		struct sockaddr_storage any;
		struct flow f;
		struct witness_sender s;

		if (fd < 0 && errno == EPROTONOSUPPORT) {
			print_message("no UDP-Lite in this kernel\n");
			close(far);
			continue;
		}
		assert_true(fd >= 0);
		assert_int_equal(bind(fd, (struct sockaddr *)&any, netns_loopback(af, 0, &any)), 0);
		f = flow_of(fd, (uint8_t)protocol, PORT);
		assert_false(witness_find_sender(w, &f, &s));
		send_to(fd, af, PORT);
		assert_sender(w, fd, (uint8_t)protocol, getpid());
		/* Another flow of the same socket has not been seen. */
		f.dst_port++;
		assert_false(witness_find_sender(w, &f, &s));
		close(fd);
		close(far);
	}
}

/* An echo request has an identifier for a port: that of its ping socket, whatever the program wrote there. */
static void pings(void **state)
{
	const struct witness *w = *state;
	FILE *range = fopen("/proc/sys/net/ipv4/ping_group_range", "we");

	need_senders(w);
	assert_non_null(range);
	assert_true(fputs("0 2147483647", range) >= 0);
	assert_int_equal(fclose(range), 0);
	for (unsigned i = 0; i < 2; i++) {
		int protocol = i ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		int fd = socket(families[i], SOCK_DGRAM | SOCK_CLOEXEC, protocol);
		uint8_t echo[8] = { i ? 128 : 8 };
		struct sockaddr_storage to;
		socklen_t len = netns_loopback(families[i], 0, &to);
		struct witness_sender s;
		struct flow f;

		assert_true(fd >= 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&to, len), 0);
		assert_int_equal(send(fd, echo, sizeof(echo), 0), sizeof(echo));
		f = flow_of(fd, (uint8_t)protocol, (uint16_t)(echo[0] << 8));
		assert_true(witness_find_sender(w, &f, &s));
		assert_int_equal(s.pid, getpid());
		close(fd);
	}
}

/* A rule that asks for the state of connections: from then on they are tracked here. */
static void track_connections(void)
{
	static const char *const words[] = { "iptables-legacy", "-t", "mangle", "-A", "OUTPUT",
		"-m", "conntrack", "--ctstate", "NEW", NULL };

	assert_true(add_rule(words));
}

/* Nothing of a flow is queued any more once an answer has come: then its packets cost next to nothing. */
static void answered_flows(void **state)
{
	const struct witness *w = *state;
	int far = netns_bound(AF_INET, SOCK_DGRAM, PORT),
	    fd = netns_connect(AF_INET, SOCK_DGRAM, PORT);
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	pid_t child;
	char byte;

	need_senders(w);
	track_connections();
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_sender(w, fd, IPPROTO_UDP, getpid());
	child = send_in_child(fd);
	assert_sender(w, fd, IPPROTO_UDP, child);
	assert_true(netns_readable(far, MS));
	assert_int_equal(recvfrom(far, &byte, 1, 0, (struct sockaddr *)&from, &len), 1);
	assert_int_equal(sendto(far, "y", 1, 0, (struct sockaddr *)&from, len), 1);
	assert_true(netns_readable(fd, MS));
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_sender(w, fd, IPPROTO_UDP, child);
	close(fd);
	close(far);
}

/* An IPv4 datagram of a socket of IPv6. */
static void mapped_addresses(void **state)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	const struct witness *w = *state;
	int far = netns_bound(AF_INET, SOCK_DGRAM, PORT), fd = netns_socket(AF_INET6, SOCK_DGRAM);

	need_senders(w);
	assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.sin6_addr), 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_sender(w, fd, IPPROTO_UDP, getpid());
	close(fd);
	close(far);
}

/* Who has connected a socket is not who sends by it; and both of those who do are told. */
static void shared_sockets(void **state)
{
	const struct witness *w = *state;

	need_senders(w);
	for (unsigned i = 0; i < 2; i++) {
		int far = netns_bound(families[i], SOCK_DGRAM, PORT);
		int fd = netns_connect(families[i], SOCK_DGRAM, PORT);
		struct flow f = flow_of(fd, IPPROTO_UDP, PORT);
		struct witness_sender s;
		pid_t child = send_in_child(fd);

		assert_sender(w, fd, IPPROTO_UDP, child);
		assert_true(witness_find_sender(w, &f, &s));
		assert_int_equal(s.former_pid, 0);
		assert_int_equal(send(fd, "x", 1, 0), 1);
		assert_true(witness_find_sender(w, &f, &s));
		assert_int_equal(s.pid, getpid());
		assert_int_equal(s.former_pid, child);
		assert_true(s.former_cookie == s.cookie);
		close(fd);
		close(far);
	}
}

static void connects(void **state)
{
	const struct witness *w = *state;

	need_senders(w);
	for (unsigned i = 0; i < 2; i++) {
		int far = netns_listener(families[i]);
		int fd = netns_connect(families[i], SOCK_STREAM, netns_port(far));
		struct flow f = flow_of(fd, IPPROTO_TCP, netns_port(far));
		struct witness_sender s;

		assert_true(witness_find_sender(w, &f, &s));
		assert_int_equal(s.pid, getpid());
		/* Data of the connection is nobody's news. */
		assert_int_equal(netns_connect_result(fd, MS), 0);
		send_in_child(fd);
		assert_true(witness_find_sender(w, &f, &s));
		assert_int_equal(s.pid, getpid());
		close(fd);
		close(far);
	}
}

/* Runs and does nothing else, until it is ended, or the test is. */
static pid_t run_in_vain(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			;
	}
	return pid;
}

/* One that is full: two have been taken in, and what comes now gets no answer. */
static int full_listener(int taken_in[2])
{
	int fd = netns_bound(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(listen(fd, 0), 0);
	taken_in[0] = netns_connect(AF_INET, SOCK_STREAM, netns_port(fd));
	assert_int_equal(netns_connect_result(taken_in[0], MS), 0);
	taken_in[1] = netns_connect(AF_INET, SOCK_STREAM, netns_port(fd));
	(void)netns_connect_result(taken_in[1], 100);
	return fd;
}

/* A SYN that comes again is sent by a timer, whoever runs then: here, on every processor, somebody else. */
static void syns_again(void **state)
{
	const struct witness *w = *state;
	uint64_t before, end = clock_mono_ns() + (uint64_t)MS * 1000000u;
	int taken_in[2], far = full_listener(taken_in), fd;
	unsigned n_busy = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	pid_t busy[16];
	struct witness_sender s;
	struct flow f;

	need_senders(w);
	n_busy = n_busy > array_len(busy) ? array_len(busy) : n_busy;
	before = netns_counter("/proc/net/netstat", "TcpExt", "TCPSynRetrans");
	fd = netns_connect(AF_INET, SOCK_STREAM, netns_port(far));
	for (unsigned i = 0; i < n_busy; i++)
		busy[i] = run_in_vain();
	while (netns_counter("/proc/net/netstat", "TcpExt", "TCPSynRetrans") < before + 2 &&
		clock_mono_ns() < end)
		poll(NULL, 0, 10);
	for (unsigned i = 0; i < n_busy; i++) {
		kill(busy[i], SIGKILL);
		waitpid(busy[i], NULL, 0);
	}
	assert_true(netns_counter("/proc/net/netstat", "TcpExt", "TCPSynRetrans") >= before + 2);
	f = flow_of(fd, IPPROTO_TCP, netns_port(far));
	assert_true(witness_find_sender(w, &f, &s));
	assert_int_equal(s.pid, getpid());
	assert_int_equal(s.former_pid, 0);
	close(fd);
	close(taken_in[0]);
	close(taken_in[1]);
	close(far);
}

/* Made by hand, from a port that is another socket's: its owner is not told for it. */
static void raw_sockets(void **state)
{
	const struct witness *w = *state;
	int far = netns_bound(AF_INET, SOCK_DGRAM, PORT), fd = netns_bound(AF_INET, SOCK_DGRAM, 0);
	int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
	struct udphdr udp = {
		.source = htons(netns_port(fd)), .dest = htons(PORT), .len = htons(sizeof(udp))
	};
	struct flow f = flow_of(fd, IPPROTO_UDP, PORT);
	struct sockaddr_storage to;
	struct witness_sender s;

	need_senders(w);
	assert_true(raw >= 0);
	netns_loopback(AF_INET, 0, &to);
	assert_int_equal(sendto(raw, &udp, sizeof(udp), 0, (struct sockaddr *)&to,
				 sizeof(struct sockaddr_in)),
		sizeof(udp));
	assert_false(witness_find_sender(w, &f, &s));
	close(raw);
	close(fd);
	close(far);
}

static void ip_options(void **state)
{
	const struct witness *w = *state;
	int far = netns_bound(AF_INET, SOCK_DGRAM, PORT), fd = netns_bound(AF_INET, SOCK_DGRAM, 0);
	struct flow f = flow_of(fd, IPPROTO_UDP, PORT);
	struct witness_sender s;

	need_senders(w);
	/* Four that do nothing (RFC 791). */
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, "\x01\x01\x01\x01", 4), 0);
	send_to(fd, AF_INET, PORT);
	assert_false(witness_find_sender(w, &f, &s));
	close(fd);
	close(far);
}

/* Several daemons guard one namespace side by side: each sees, and none disturbs the others. */
static void several_at_once(void **state)
{
	const struct witness *w = *state;
	struct witness *other = witness_open();
	int far = netns_bound(AF_INET, SOCK_DGRAM, PORT),
	    fd = netns_connect(AF_INET, SOCK_DGRAM, PORT);

	need_senders(w);
	assert_string_equal(witness_what(other), witness_what(w));
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_sender(w, fd, IPPROTO_UDP, getpid());
	assert_sender(other, fd, IPPROTO_UDP, getpid());
	witness_close(other);
	send_in_child(fd);
	close(fd);
	close(far);
}

#define MANY 40000u /* more flows than there are places */
#define WAITING 4096u /* packets that a full queue holds */
#define SPARED_NS 8000000000u

/* A datagram of a flow of its own; nobody listens there, so an error comes back now and then. */
static void send_one_of_many(int fd, unsigned i)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)(20000 + i)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	while (sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		assert_int_equal(errno, ECONNREFUSED);
}

static bool is_known(const struct witness *w, struct flow *f, unsigned i, int32_t pid)
{
	struct witness_sender s;

	f->dst_port = (uint16_t)(20000 + i);
	if (!witness_find_sender(w, f, &s))
		return false;
	assert_int_equal(s.pid, pid);
	return true;
}

/* Far more flows than there are places: each is true or not known, and of the newest hardly any is not. */
static void many_flows(void **state)
{
	const struct witness *w = *state;
	int fd = netns_bound(AF_INET, SOCK_DGRAM, 0);
	struct flow f = flow_of(fd, IPPROTO_UDP, 0);
	unsigned known = 0, known_new = 0;

	need_senders(w);
	for (unsigned i = 0; i < MANY; i++) {
		send_one_of_many(fd, i);
		/* The one just sent is always known. */
		assert_true(is_known(w, &f, i, getpid()));
	}
	for (unsigned i = 0; i < MANY; i++)
		known += is_known(w, &f, i, getpid());
	for (unsigned i = MANY - WAITING; i < MANY; i++)
		known_new += is_known(w, &f, i, getpid());
	assert_in_range(known, 27000, 32768);
	assert_in_range(known_new, WAITING - WAITING / 100, WAITING);
	close(fd);
}

/* Sends some of the many in a child: its PID. */
static pid_t send_many_in_child(int fd, unsigned from, unsigned to)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		for (unsigned i = from; i < to; i++)
			send_one_of_many(fd, i);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return pid;
}

/* What one sent stays known while another floods, and then a third, which gets its share of the places. */
static void one_flood_after_another(void **state)
{
	const struct witness *w = *state;
	int fd = netns_bound(AF_INET, SOCK_DGRAM, 0);
	struct flow f = flow_of(fd, IPPROTO_UDP, 0);
	const unsigned n = 200, n_flood = 16000, end = n + 2 * n_flood;
	uint64_t begin_ns = clock_mono_ns();
	unsigned known = 0, known_new = 0;
	pid_t quiet, last;

	need_senders(w);
	quiet = send_many_in_child(fd, 0, n);
	send_many_in_child(fd, n, n + n_flood);
	last = send_many_in_child(fd, n + n_flood, end);
	for (unsigned i = 0; i < n; i++)
		known += is_known(w, &f, i, quiet);
	for (unsigned i = end - WAITING; i < end; i++)
		known_new += is_known(w, &f, i, last);
	close(fd);
	/* What is older makes way. */
	if (clock_mono_ns() - begin_ns > SPARED_NS)
		skip();
	/* But for a set in which several of the first stand. */
	assert_in_range(known, n - n / 10, n);
	assert_in_range(known_new, WAITING - WAITING / 10, WAITING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(datagrams, setup, teardown),
		cmocka_unit_test_setup_teardown(mapped_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(pings, setup, teardown),
		cmocka_unit_test_setup_teardown(shared_sockets, setup, teardown),
		cmocka_unit_test_setup_teardown(connects, setup, teardown),
		cmocka_unit_test_setup_teardown(syns_again, setup, teardown),
		cmocka_unit_test_setup_teardown(raw_sockets, setup, teardown),
		cmocka_unit_test_setup_teardown(ip_options, setup, teardown),
		cmocka_unit_test_setup_teardown(several_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(many_flows, setup, teardown),
		cmocka_unit_test_setup_teardown(one_flood_after_another, setup, teardown),
		cmocka_unit_test_setup_teardown(answered_flows, setup, teardown),
	};

	return cmocka_run_group_tests(tests, netns_group_setup, NULL);
}
