/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who makes sockets, and other programs that look at packets: seen by the programs in the real kernel. */
#include "config.h"

#include <poll.h>
#include <signal.h>
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

#include "daemon/queue.h"
#include "lib/clock.h"
#include "tests/net/witness_kit.h"

#define QUEUE 9
#define QUEUED_PORT 4001
#define QUEUED_PORT_TEXT "4001"

static void creators(void **state)
{
	const struct witness *w = *state;
	struct witness_creator made;
	int pair[2];

	if (!sees_creators(w)) {
		print_message("eBPF sees %s\n", witness_what(w));
		skip();
	}
	for (unsigned i = 0; i < 2; i++) {
		uint64_t before = clock_mono_ns();
		int fd = socket(families[i], SOCK_STREAM | SOCK_CLOEXEC, 0);

		assert_true(witness_find_creator(w, cookie_of(fd), &made));
		assert_int_equal(made.pid, getpid());
		assert_in_range(made.made_ns, before, clock_mono_ns());
		close(fd);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_false(witness_find_creator(w, cookie_of(pair[0]), &made));
	assert_false(witness_find_creator(w, 0, &made));
	close(pair[0]);
	close(pair[1]);
}

/* Made in a process that has ended, never used there, and handed over. */
static void creators_that_only_pass_on(void **state)
{
	const struct witness *w = *state;
	char byte = 'x', room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec data = { &byte, 1 };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = room,
		.msg_controllen = sizeof(room) };
	struct witness_creator made;
	struct cmsghdr *got;
	int pair[2], fd;
	pid_t pid;

	if (!sees_creators(w))
		skip();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);

		fd = socket(AF_INET, SOCK_DGRAM, 0);
		assert_non_null(c);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
		_exit(sendmsg(pair[1], &m, 0) == 1 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(recvmsg(pair[0], &m, 0), 1);
	got = CMSG_FIRSTHDR(&m);
	fd = -1;
	if (got)
		memcpy(&fd, CMSG_DATA(got), sizeof(fd));
	assert_true(witness_find_creator(w, cookie_of(fd), &made));
	assert_int_equal(made.pid, pid);
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

static void accept_packet(void *ctx, const struct queue_packet *p)
{
	queue_verdict(ctx, &p->ref, QUEUE_ACCEPT, 0, 0);
}

/* Another program that looks at packets, and lets all of them go. */
static pid_t be_another_queue(void)
{
	pid_t pid;
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct queue *q = NULL;
		struct error err;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (queue_open(QUEUE, &q, &err) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;) {
			struct pollfd p = { .fd = queue_fd(q), .events = POLLIN };

			if (poll(&p, 1, -1) < 0 || queue_read(q, accept_packet, q) < 0)
				_exit(1);
		}
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

/* What another program lets go is not sent by it, though it runs then. */
static void other_queues(void **state)
{
	static const char *const words[] = { "iptables-legacy", "-t", "raw", "-A", "OUTPUT", "-p",
		"udp", "--dport", QUEUED_PORT_TEXT, "-j", "NFQUEUE", "--queue-num", "9", NULL };
	const struct witness *w = *state;
	int far = netns_bound(AF_INET, SOCK_DGRAM, QUEUED_PORT),
	    fd = netns_connect(AF_INET, SOCK_DGRAM, QUEUED_PORT);
	struct flow f = flow_of(fd, IPPROTO_UDP, QUEUED_PORT);
	struct witness_sender s;
	pid_t other;

	need_senders(w);
	if (!add_rule(words))
		skip();
	other = be_another_queue();
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_true(netns_readable(far, MS));
	kill(other, SIGKILL);
	assert_int_equal(waitpid(other, NULL, 0), other);
	assert_false(witness_find_sender(w, &f, &s));
	close(fd);
	close(far);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(creators, setup, teardown),
		cmocka_unit_test_setup_teardown(creators_that_only_pass_on, setup, teardown),
		cmocka_unit_test_setup_teardown(other_queues, setup, teardown),
	};

	return cmocka_run_group_tests(tests, netns_group_setup, NULL);
}
