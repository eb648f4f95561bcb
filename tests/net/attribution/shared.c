/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several processes have one socket, or one port: who of them sent? */
#include "config.h"

#include "tests/net/attribution/corpus.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connected by the parent, which has it still: the child's send looks up no route, so tracing does not show it. */
static void fork_child_connected(struct run *r)
{
	union address to = target4(r, 0);
	char more[64];
	int fd = open_udp();
	pid_t pid;

	must(connect(fd, &to.any, sizeof(to.v4)), "connect");
	pid = spawn();
	if (pid == 0) {
		send(fd, "x", 1, 0);
		_exit(0);
	}
	snprintf(more, sizeof(more), "sharer=%d maker=%d", getpid(), getpid());
	expect(r, "udp", &to, source_port(fd), pid, NULL, more);
	reap(pid);
	close(fd);
}

/* The child executes another program, which finds the socket open. */
static void fork_exec_connected(struct run *r)
{
	union address to = target4(r, 0);
	char command[128], more[64];
	int fd = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	pid_t pid;

	set_port(&to, ECHO_PORT);
	must(connect(fd, &to.any, sizeof(to.v4)), "connect");
	snprintf(command, sizeof(command), "echo x >&%d", fd);
	pid = spawn();
	if (pid == 0) {
		execl("/usr/bin/bash", "bash", "-c", command, (char *)NULL);
		_exit(1);
	}
	snprintf(more, sizeof(more), "sharer=%d maker=%d", getpid(), getpid());
	expect(r, "udp", &to, source_port(fd), pid, "/usr/bin/bash", more);
	wait_answer(fd);
	reap(pid);
	close(fd);
}

/* The parent sends, and its child has the socket too. */
static void fork_parent_connected(struct run *r)
{
	union address to = target4(r, 0);
	char byte;
	int fd = open_udp(), gate[2];
	pid_t pid;

	set_port(&to, ECHO_PORT);
	must(pipe2(gate, O_CLOEXEC), "pipe2");
	must(connect(fd, &to.any, sizeof(to.v4)), "connect");
	pid = spawn();
	if (pid == 0) {
		close(gate[1]);
		(void)!read(gate[0], &byte, 1);
		_exit(0);
	}
	must((int)send(fd, "x", 1, 0), "send");
	expect(r, "udp", &to, source_port(fd), getpid(), NULL, "unseen=shared_socket");
	wait_answer(fd);
	close(gate[0]);
	close(gate[1]);
	reap(pid);
	close(fd);
}

/* Two children have the socket of their parent, which has closed it. */
static void fork_two_connected(struct run *r)
{
	union address to = target4(r, 0);
	int fd = open_udp(), gate[2], port;
	char more[64], byte;
	pid_t pids[2];

	set_port(&to, ECHO_PORT);
	must(pipe2(gate, O_CLOEXEC), "pipe2");
	must(connect(fd, &to.any, sizeof(to.v4)), "connect");
	port = source_port(fd);
	for (unsigned i = 0; i < 2; i++) {
		pids[i] = spawn();
		if (pids[i] == 0) {
			close(gate[1]);
			(void)!read(gate[0], &byte, 1);
			if (i == 0)
				must((int)send(fd, "x", 1, 0), "send");
			/* Until the answer is there, which both can see. */
			wait_answer(fd);
			_exit(0);
		}
	}
	close(fd);
	snprintf(more, sizeof(more), "sharer=%d maker=%d", pids[1], getpid());
	expect(r, "udp", &to, port, pids[0], NULL, more);
	close(gate[0]);
	close(gate[1]);
	reap(pids[0]);
	reap(pids[1]);
}

/* Two processes bound to one port send to one address: one flow for both, so the first counts. */
static void reuseport_twins(struct run *r)
{
	union address from = { .v4 = { .sin_family = AF_INET } };
	int port = 30000 + (int)(r->try % 10000);

	set_port(&from, (uint16_t)port);
	for (unsigned i = 0; i < 2; i++) {
		union address to = target4(r, i);
		pid_t pid = spawn();

		if (pid == 0) {
			int fd = open_udp();

			setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int) { 1 }, sizeof(int));
			must(bind(fd, &from.any, sizeof(from.v4)), "bind");
			datagram(fd, &to);
			_exit(0);
		}
		expect(r, "udp", &to, port, pid, NULL, NULL);
		reap(pid);
	}
}

/* ... and to one address, at once: one flow of both, so each of them sends it. */
static void reuseport_one_tuple(struct run *r)
{
	union address from = { .v4 = { .sin_family = AF_INET } }, to = target4(r, 0);
	int port = 30000 + (int)(r->try % 10000), gate[2];
	char more[64], byte;
	pid_t pids[2];

	set_port(&from, (uint16_t)port);
	set_port(&to, ECHO_PORT);
	must(pipe2(gate, O_CLOEXEC), "pipe2");
	for (unsigned i = 0; i < 2; i++) {
		int fd = open_udp();

		must(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int) { 1 }, sizeof(int)),
			"SO_REUSEPORT");
		must(bind(fd, &from.any, sizeof(from.v4)), "bind");
		pids[i] = spawn();
		if (pids[i] == 0) {
			close(gate[1]);
			(void)!read(gate[0], &byte, 1);
			datagram(fd, &to);
			/* Both live until it is judged; the answers go to one of them, or to each. */
			poll(&(struct pollfd) { fd, POLLIN, 0 }, 1, 200);
			_exit(0);
		}
		close(fd);
	}
	snprintf(more, sizeof(more), "twin=%d", pids[0]);
	expect(r, "udp", &to, port, pids[1], NULL, more);
	close(gate[0]);
	close(gate[1]);
	reap(pids[0]);
	reap(pids[1]);
}

/* One has connected and says nothing; the other one sends to there from the same port. */
static void reuseport_mimic(struct run *r)
{
	union address from = { .v4 = { .sin_family = AF_INET } }, to = target4(r, 0);
	int fds[2], port = 30000 + (int)(r->try % 10000);
	int gate[2];
	char byte;
	pid_t pid;

	set_port(&from, (uint16_t)port);
	set_port(&to, ECHO_PORT);
	must(pipe2(gate, O_CLOEXEC), "pipe2");
	for (unsigned i = 0; i < 2; i++) {
		fds[i] = open_udp();
		must(setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &(int) { 1 }, sizeof(int)),
			"SO_REUSEPORT");
		must(bind(fds[i], &from.any, sizeof(from.v4)), "bind");
	}
	pid = spawn();
	if (pid == 0) {
		close(fds[0]);
		must(connect(fds[1], &to.any, sizeof(to.v4)), "connect");
		must((int)write(gate[1], "x", 1), "write");
		close(gate[1]);
		/* Has the answer, which goes to who is connected. */
		wait_answer(fds[1]);
		_exit(0);
	}
	close(fds[1]);
	must((int)read(gate[0], &byte, 1), "read");
	datagram(fds[0], &to);
	expect(r, "udp", &to, port, getpid(), NULL, "unseen=shared_socket");
	reap(pid);
	close(gate[0]);
	close(gate[1]);
	close(fds[0]);
}

const struct corpus_case shared_cases[] = {
	{ "fork-child-connected", fork_child_connected,
		"the parent made the socket and connected it" },
	{ "fork-exec-connected", fork_exec_connected, "" },
	{ "fork-two-connected", fork_two_connected, "" },
	{ "fork-parent-connected", fork_parent_connected, "its child has the socket too" },
	{ "reuseport-twins", reuseport_twins, "" },
	{ "reuseport-one-tuple", reuseport_one_tuple, "both at once: one flow" },
	{ "reuseport-mimic", reuseport_mimic, "the other one is connected, and silent" },
	{ 0 },
};
