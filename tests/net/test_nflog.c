/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies of DNS packets on the real kernel: whole, both ways, before the program has the answer. */
#include "config.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "daemon/nflog.h"
#include "lib/cleanup.h"
#include "tests/net/netns.h"
#include "tests/net/rig.h"

#define MS NETNS_DEADLINE_MS
#define SEEN 64

struct seen {
	unsigned n;
	struct {
		uint8_t hook;
		bool is_from_link;
		struct packet p;
		uint8_t payload[4096];
		size_t payload_len;
	} items[SEEN];
};

static void note(void *ctx, const struct nflog_packet *copy)
{
	struct seen *s = ctx;
	struct packet p;

	assert_true(s->n < SEEN);
	assert_int_equal(packet_parse(copy->payload, copy->payload_len, &p), 0);
	s->items[s->n].hook = copy->hook;
	s->items[s->n].is_from_link = copy->is_from_link;
	s->items[s->n].p = p;
	s->items[s->n].payload_len = p.payload_len;
	memcpy(s->items[s->n].payload, p.payload,
		p.payload_len < sizeof(s->items[0].payload) ? p.payload_len
							    : sizeof(s->items[0].payload));
	s->n++;
}

static const int families[] = { AF_INET, AF_INET6 };

static void test_datagrams(void **state)
{
	static const uint16_t ports[] = { 53, 5353, 5355 };
	static struct seen s;
	struct rig *r = *state;
	struct nflog *log = NULL;
	struct error err;

	assert_int_equal(nflog_open(RIG_QUEUE, &log, &err), 0);
	rig_answer(r, QUEUE_ACCEPT, 0, 0);
	for (size_t i = 0; i < array_len(families) * array_len(ports); i++) {
		int family = families[i % 2];
		_cleanup_close_ int server = netns_bound(family, SOCK_DGRAM, ports[i / 2]);
		_cleanup_close_ int fd = netns_connect(family, SOCK_DGRAM, ports[i / 2]);
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		uint8_t answer[3000];

		s.n = 0;
		r->n_seen = 0;
		assert_int_equal(send(fd, "question", 8, 0), 8);
		/* It is there at once, while the queue still holds the packet. */
		assert_int_equal(nflog_read(log, SEEN, note, &s), 1);
		assert_int_equal(s.items[0].hook, 3);
		assert_memory_equal(s.items[0].payload, "question", 8);
		assert_true(rig_wait(r, 1, MS));
		assert_true(netns_readable(server, MS));
		assert_int_equal(recvfrom(server, answer, 8, 0, (struct sockaddr *)&sa, &len), 8);
		memset(answer, 0xa5, sizeof(answer));
		assert_int_equal(
			sendto(server, answer, sizeof(answer), 0, (struct sockaddr *)&sa, len),
			sizeof(answer));
		/* Before the program could read it. */
		assert_true(netns_readable(fd, MS));
		assert_int_equal(nflog_read(log, SEEN, note, &s), 1);
		assert_int_equal(s.items[1].hook, 1);
		assert_false(s.items[1].is_from_link); /* loopback is none */
		assert_int_equal(s.items[1].p.flow.src_port, ports[i / 2]);
		assert_int_equal(s.items[1].payload_len, sizeof(answer));
		assert_memory_equal(s.items[1].payload, answer, sizeof(answer));
		/* A second question of the decided flow does not come to the queue, but here. */
		assert_int_equal(send(fd, "question", 8, 0), 8);
		assert_int_equal(nflog_read(log, SEEN, note, &s), 1);
		rig_drain(r);
		assert_int_equal(r->n_seen, 1);
	}
	assert_int_equal(nflog_lost(log), 0);
	nflog_close(log);
}

static void test_a_group_is_taken_once(void **state)
{
	struct nflog *one = NULL, *two = NULL;
	struct error err;

	(void)state;
	assert_int_equal(nflog_open(77, &one, &err), 0);
	assert_int_equal(nflog_open(77, &two, &err), ERR_BUSY);
	assert_non_null(strstr(err.message, "77"));
	assert_int_equal(nflog_open(78, &two, &err), 0);
	nflog_close(two);
	nflog_close(one);
	nflog_close(NULL);
}

static void test_losses_are_counted(void **state)
{
	static struct seen s;
	struct rig *r = *state;
	_cleanup_close_ int server = netns_bound(AF_INET, SOCK_DGRAM, 53);
	_cleanup_close_ int fd = netns_connect(AF_INET, SOCK_DGRAM, 53);
	struct nflog *log = NULL;
	int size = 1, n = 0, got;
	struct error err;

	rig_answer(r, QUEUE_DROP, 0, 0);
	assert_int_equal(nflog_open(RIG_QUEUE, &log, &err), 0);
	assert_int_equal(setsockopt(nflog_fd(log), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(send(fd, "question", 8, 0), 8);
		rig_drain(r);
	}
	s.n = 0;
	while ((got = nflog_read(log, SEEN, note, &s)) > 0)
		n += got;
	assert_true(n < 40);
	assert_int_equal(send(fd, "question", 8, 0), 8);
	n += nflog_read(log, SEEN, note, &s);
	assert_int_equal(nflog_lost(log), 41 - n);
	nflog_close(log);
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(test_datagrams),
		LOG_TEST(test_a_group_is_taken_once),
		LOG_TEST(test_losses_are_counted),
	};

	return cmocka_run_group_tests(tests, netns_group_setup, NULL);
}
