/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who sends is not who made the socket, or not there any more, or one of many. */
#include "config.h"

#include "tests/net/attribution/corpus.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CROWD 200

static void exit_at_once(struct run *r)
{
	union address to = target4(r, 0);
	pid_t pid = spawn();

	if (pid == 0) {
		datagram(open_udp(), &to);
		_exit(0);
	}
	expect(r, "udp", &to, 0, pid, NULL, NULL);
	reap(pid);
}

static void exit_at_once6(struct run *r)
{
	union address to = target6(r, 0);
	pid_t pid = spawn();

	if (pid == 0) {
		datagram(must(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"), &to);
		_exit(0);
	}
	expect(r, "udp", &to, 0, pid, NULL, NULL);
	reap(pid);
}

static void exec_exit_at_once(struct run *r)
{
	union address to = target4(r, 0);
	pid_t pid = start_sender(r->self, NULL, &to);

	expect(r, "tcp", &to, 0, pid, NULL, NULL);
	reap(pid);
}

/* The parent's socket, not connected; the child sends. */
static void fork_child_sends(struct run *r)
{
	union address to = target4(r, 0);
	int fd = open_udp();
	pid_t pid = spawn();

	if (pid == 0) {
		datagram(fd, &to);
		_exit(0);
	}
	expect(r, "udp", &to, 0, pid, NULL, NULL);
	reap(pid);
	close(fd);
}

static void vfork_exec(struct run *r)
{
	union address to = target4(r, 0);
	char text[INET6_ADDRSTRLEN];
	pid_t pid;

	address_text(&to, text);
	pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): it is the case */
	if (pid == 0) {
		execl(r->self, r->self, "send", text, (char *)NULL);
		_exit(1);
	}
	expect(r, "tcp", &to, 0, pid, NULL, NULL);
	reap(pid);
}

static void *thread_main(void *arg)
{
	datagram(open_udp(), arg);
	return NULL;
}

static void thread_sends(struct run *r)
{
	union address to = target4(r, 0);
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_main, &to) != 0)
		must(-1, "pthread_create");
	expect(r, "udp", &to, 0, getpid(), NULL, NULL);
	pthread_join(thread, NULL);
}

static void dup_sends(struct run *r)
{
	union address to = target4(r, 0);
	int fd = open_udp(), copy = must(dup(fd), "dup");

	close(fd);
	datagram(copy, &to);
	expect(r, "udp", &to, source_port(copy), getpid(), NULL, NULL);
	close(copy);
}

/* Sends or receives one descriptor over a socket pair. */
static int pass_fd(int channel, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *c;

	m.msg_controllen = sizeof(control);
	if (fd < 0) {
		must((int)recvmsg(channel, &m, 0), "recvmsg");
		c = CMSG_FIRSTHDR(&m);
		if (!c)
			must(-1, "no descriptor came");
		else
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		return fd;
	}
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return must((int)sendmsg(channel, &m, 0), "sendmsg");
}

/* What becomes of a socket that a child makes and passes to us. */
struct passing {
	bool connects; /* the child, before it passes it on */
	bool closes; /* its own copy */
	bool ends;
	bool sends; /* we, with send(): the socket is connected and no address is given */
	bool is_creator_told;
	bool is_childs; /* who connected it counts where nobody sees who sends, as long as it has it too */
};

static pid_t pass_from_child(int pair[2], const struct passing *p, const union address *to)
{
	char byte = 0;
	pid_t pid = spawn();
	int fd;

	if (pid) {
		close(pair[1]);
		return pid;
	}
	close(pair[0]);
	fd = open_udp();
	if (p->connects)
		must(connect(fd, &to->any, sizeof(to->v4)), "connect");
	pass_fd(pair[1], fd);
	if (p->closes)
		close(fd);
	if (!p->ends && (write(pair[1], &byte, 1) < 0 || read(pair[1], &byte, 1) < 0))
		_exit(1);
	_exit(0);
}

static void passed(const struct run *r, const struct passing *p)
{
	union address to = target4(r, 0);
	char more[64], byte;
	int pair[2], fd;
	pid_t pid;

	set_port(&to, ECHO_PORT);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	pid = pass_from_child(pair, p, &to);
	fd = pass_fd(pair[0], -1);
	if (p->ends)
		reap(pid);
	else
		must((int)read(pair[0], &byte, 1), "read");
	if (p->sends)
		must((int)send(fd, "x", 1, 0), "send");
	else
		datagram(fd, &to);
	snprintf(more, sizeof(more), "%s=%d connector=%d", p->is_creator_told ? "creator" : "maker",
		pid, p->is_childs ? pid : 0);
	expect(r, "udp", &to, source_port(fd), getpid(), NULL, more);
	wait_answer(fd);
	close(pair[0]);
	if (!p->ends)
		reap(pid);
	close(fd);
}

static void scm_rights(struct run *r)
{
	passed(r, &(struct passing) { 0 });
}

static void scm_rights_connected(struct run *r)
{
	passed(r, &(struct passing) { .connects = true, .is_creator_told = true });
}

static void scm_rights_send(struct run *r)
{
	passed(r,
		&(struct passing) {
			.connects = true, .closes = true, .sends = true, .is_creator_told = true });
}

static void scm_rights_shared(struct run *r)
{
	passed(r, &(struct passing) { .connects = true, .sends = true, .is_childs = true });
}

static void creator_gone(struct run *r)
{
	passed(r, &(struct passing) { .ends = true });
}

static void creator_gone_send(struct run *r)
{
	passed(r, &(struct passing) {
			  .connects = true, .ends = true, .sends = true, .is_creator_told = true });
}

/* A socket that an exec left open, used by the new program. */
static void inherited(struct run *r)
{
	union address to = target4(r, 0);
	char command[128], byte;
	int fd = must(socket(AF_INET, SOCK_DGRAM, 0), "socket"), gate[2];
	pid_t pid;

	set_port(&to, ECHO_PORT);
	must(connect(fd, &to.any, sizeof(to.v4)), "connect");
	must(pipe2(gate, O_CLOEXEC), "pipe2");
	/* Alive until it is answered. */
	snprintf(command, sizeof(command), "echo x >&%d; read -n 1 -u %d", fd, fd);
	pid = spawn();
	if (pid == 0) {
		/* Not before we have closed ours: of two that have it nobody knows which one sends. */
		close(gate[1]);
		(void)!read(gate[0], &byte, 1);
		execl("/usr/bin/bash", "bash", "-c", command, (char *)NULL);
		_exit(1);
	}
	close(fd);
	close(gate[0]);
	close(gate[1]);
	expect(r, "udp", &to, 0, pid, "/usr/bin/bash", NULL);
	reap(pid);
}

static pid_t clone_as(pid_t wanted)
{
	struct clone_args args = { .exit_signal = SIGCHLD };

	fflush(NULL);
	if (wanted) {
		args.set_tid = (uint64_t)(uintptr_t)&wanted;
		args.set_tid_size = 1;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Two processes, one after the other, with one number; the second runs another program. */
static void pid_reuse(struct run *r)
{
	union address to[2] = { target4(r, 0), target4(r, 1) };
	char text[INET6_ADDRSTRLEN];
	pid_t first = clone_as(0), second;

	if (first == 0) {
		datagram(open_udp(), &to[0]);
		_exit(0);
	}
	must(first, "clone3");
	expect(r, "udp", &to[0], 0, first, NULL, NULL);
	reap(first);
	address_text(&to[1], text);
	second = clone_as(first);
	if (second == 0) {
		execl("/usr/bin/bash", "bash", "-c", "echo x >/dev/udp/$0/4242", text,
			(char *)NULL);
		_exit(1);
	}
	if (second < 0 && errno == EEXIST)
		return; /* somebody else has the number already */
	must(second, "clone3");
	expect(r, "udp", &to[1], 0, second, "/usr/bin/bash", NULL);
	reap(second);
}

/* `n` processes wait for one moment, then each connects. */
static void together(const struct run *r, union address to, unsigned n)
{
	pid_t pids[CROWD];
	int gate[2];
	char byte;

	must(pipe(gate), "pipe");
	for (unsigned i = 0; i < n; i++) {
		pids[i] = spawn();
		if (pids[i] == 0) {
			int fd = must(socket(to.any.sa_family, SOCK_STREAM, 0), "socket");

			close(gate[1]);
			(void)!read(gate[0], &byte, 1);
			must(fcntl(fd, F_SETFL, O_NONBLOCK), "fcntl");
			(void)connect(fd, &to.any, address_len(&to));
			expect(r, "tcp", &to, source_port(fd), getpid(), NULL, NULL);
			/* Alive until the far end refuses, as programs are that want an answer. */
			poll(&(struct pollfd) { fd, POLLOUT, 0 }, 1, 10000);
			_exit(0);
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (unsigned i = 0; i < n; i++)
		reap(pids[i]);
}

static void same_destination(struct run *r)
{
	together(r, target4(r, 0), 2);
}

static void same_destination6(struct run *r)
{
	together(r, target6(r, 0), 2);
}

static void crowd(struct run *r)
{
	if (r->try % 25 == 0)
		together(r, target4(r, 0), CROWD);
}

/* Many connects of one process to where another one connects. */
static void flood(struct run *r)
{
	union address to = target4(r, 0);
	pid_t flooder = spawn(), pid;

	if (flooder == 0) {
		for (;;) {
			int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");

			(void)connect(fd, &to.any, sizeof(to.v4));
			close(fd);
		}
	}
	pid = spawn();
	if (pid == 0) {
		int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");

		(void)connect(fd, &to.any, sizeof(to.v4));
		expect(r, "tcp", &to, source_port(fd), getpid(), NULL, NULL);
		/* Where the queue is full of the others, the kernel sends again in a second. */
		poll(&(struct pollfd) { fd, POLLOUT, 0 }, 1, 10000);
		_exit(0);
	}
	reap(pid);
	kill(flooder, SIGKILL);
	reap(flooder);
}

const struct corpus_case process_cases[] = {
	{ "exit-at-once", exit_at_once, "gone before its datagram is looked at" },
	{ "exit-at-once6", exit_at_once6, "" },
	{ "exec-exit", exec_exit_at_once, "" },
	{ "fork-child-sends", fork_child_sends, "the parent made the socket" },
	{ "vfork-exec", vfork_exec, "" },
	{ "thread", thread_sends, "" },
	{ "dup", dup_sends, "" },
	{ "scm-rights", scm_rights, "the sender counts" },
	{ "scm-rights-connected", scm_rights_connected, "its creator used it before" },
	{ "scm-rights-send", scm_rights_send, "connected, and its creator let it go" },
	{ "scm-rights-shared", scm_rights_shared, "... or has it still" },
	{ "creator-gone", creator_gone, "" },
	{ "creator-gone-send", creator_gone_send, "" },
	{ "inherited", inherited, "connected, and left open by an exec" },
	{ "pid-reuse", pid_reuse, "another program under the same PID" },
	{ "same-destination", same_destination, "two in one millisecond" },
	{ "same-destination6", same_destination6, "" },
	{ "crowd", crowd, "200 processes to one address at once" },
	{ "flood", flood, "one floods, another connects to the same" },
	{ 0 },
};
