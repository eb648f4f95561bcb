/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long it takes until the first packet of a new flow is through, for a program that has many files open; and what stands for the rest
 * of the machine. Prints a time in nanoseconds for each flow.
 *
 *     growth --to ADDRESS --port N --kind KIND [--count N] [--files N [--gap]]
 *     growth --echo --port N                 answers datagrams and takes connections, until standard input closes
 *     growth --hold N                        holds so many sockets, until standard input closes
 *
 * KIND: connected, unconnected (datagrams, to the echo of each), tcp (to the end of connect()). With --gap new files get a number
 * among the others, instead of the highest.
 */
#include "config.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORTS                                                                                      \
	16 /* of the echo, in turn: a source port that is used again makes a new flow all the same */
#define ANSWER_MS 2000

struct plan {
	struct sockaddr_storage to;
	socklen_t to_len;
	uint16_t port;
	bool echo, gap, connected, tcp;
	unsigned int count, files, hold;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void allow_files(unsigned int n)
{
	struct rlimit limit = { n + 64, n + 64 };

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		err(1, "setrlimit");
}

static void set_port(struct sockaddr_storage *to, uint16_t port)
{
	if (to->ss_family == AF_INET)
		((struct sockaddr_in *)to)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)to)->sin6_port = htons(port);
}

/* ---- what is measured */

static uint64_t time_datagram(const struct plan *plan, const struct sockaddr_storage *to)
{
	int fd = socket(to->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct sockaddr *sa = (const struct sockaddr *)to;
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	uint64_t begin, end;
	char data[16] = "";
	struct sockaddr_storage any = { .ss_family = to->ss_family };

	/* The search for a free port is no part of it, which takes longer among many sockets. */
	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, plan->to_len) < 0 ||
		(plan->connected && connect(fd, sa, plan->to_len) < 0))
		err(1, "socket");
	begin = now_ns();
	if (sendto(fd, data, sizeof(data), 0, plan->connected ? NULL : sa,
		    plan->connected ? 0 : plan->to_len) < 0)
		err(1, "sendto");
	if (poll(&answer, 1, ANSWER_MS) != 1 || recv(fd, data, sizeof(data), 0) < 0)
		errx(1, "a datagram was not answered");
	end = now_ns();
	close(fd);
	return end - begin;
}

static uint64_t time_connect(const struct plan *plan, const struct sockaddr_storage *to)
{
	int fd = socket(to->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct linger reset = { 1, 0 };
	uint64_t begin = now_ns(), end;

	if (fd < 0 || connect(fd, (const struct sockaddr *)to, plan->to_len) < 0)
		err(1, "connect");
	end = now_ns();
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	return end - begin;
}

static void open_files(const struct plan *plan)
{
	int null = -1;

	allow_files(plan->files);
	for (unsigned int i = 0; i < plan->files; i++) {
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (null < 0)
			err(1, "/dev/null");
	}
	if (plan->gap && plan->files)
		close(null - (int)plan->files / 2);
}

static void run(const struct plan *plan)
{
	struct sockaddr_storage to = plan->to;

	open_files(plan);
	for (unsigned int i = 0; i < plan->count; i++) {
		uint64_t ns;

		set_port(&to, (uint16_t)(plan->port + i % PORTS));
		ns = plan->tcp ? time_connect(plan, &to) : time_datagram(plan, &to);
		printf("%llu\n", (unsigned long long)ns);
	}
}

/* ---- the far end, and the rest of the machine */

static void answer(int fd)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char data[64];
	ssize_t n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &len);

	if (n >= 0)
		(void)!sendto(fd, data, (size_t)n, 0, (const struct sockaddr *)&from, len);
}

static int open_port(int type, uint16_t port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), yes = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
		bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 ||
		(type == SOCK_STREAM && listen(fd, 128) < 0))
		err(1, "port %u", port);
	return fd;
}

static void echo(const struct plan *plan)
{
	struct pollfd polled[2 * PORTS + 1] = { [2 * PORTS] = { .fd = 0, .events = POLLIN } };

	for (int i = 0; i < PORTS; i++) {
		uint16_t port = (uint16_t)(plan->port + i);

		polled[2 * i] =
			(struct pollfd) { .fd = open_port(SOCK_DGRAM, port), .events = POLLIN };
		polled[2 * i + 1] =
			(struct pollfd) { .fd = open_port(SOCK_STREAM, port), .events = POLLIN };
	}
	puts("ready");
	fflush(stdout);
	while (!polled[2 * PORTS].revents &&
		(poll(polled, 2 * PORTS + 1, -1) > 0 || errno == EINTR))
		for (int i = 0; i < PORTS; i++) {
			if (polled[2 * i].revents)
				answer(polled[2 * i].fd);
			if (polled[2 * i + 1].revents)
				close(accept(polled[2 * i + 1].fd, NULL, NULL));
		}
}

static void hold(unsigned int n)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };

	allow_files(n);
	for (unsigned int i = 0; i < n; i++) {
		struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
		int fd = socket(AF_INET6, (i % 2 ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);

		if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
			err(1, "socket");
	}
	puts("ready");
	fflush(stdout);
	poll(&input, 1, -1);
}

static bool set_address(struct plan *plan, const char *text)
{
	struct sockaddr_in *four = (struct sockaddr_in *)&plan->to;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&plan->to;

	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		plan->to.ss_family = AF_INET;
		plan->to_len = sizeof(*four);
		return true;
	}
	plan->to.ss_family = AF_INET6;
	plan->to_len = sizeof(*six);
	return inet_pton(AF_INET6, text, &six->sin6_addr) == 1;
}

static bool parse(struct plan *plan, int c, const char *arg)
{
	switch (c) {
	case 't':
		return set_address(plan, arg);
	case 'k':
		plan->connected = strcmp(arg, "connected") == 0;
		plan->tcp = strcmp(arg, "tcp") == 0;
		return plan->connected || plan->tcp || strcmp(arg, "unconnected") == 0;
	case 'p':
		plan->port = (uint16_t)strtoul(arg, NULL, 10);
		return plan->port != 0;
	case 'n':
		plan->count = (unsigned int)strtoul(arg, NULL, 10);
		return true;
	case 'f':
		plan->files = (unsigned int)strtoul(arg, NULL, 10);
		return true;
	case 'h':
		plan->hold = (unsigned int)strtoul(arg, NULL, 10);
		return true;
	case 'g':
		plan->gap = true;
		return true;
	case 'e':
		plan->echo = true;
		return true;
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' },
		{ "kind", required_argument, NULL, 'k' },
		{ "port", required_argument, NULL, 'p' },
		{ "count", required_argument, NULL, 'n' },
		{ "files", required_argument, NULL, 'f' },
		{ "gap", no_argument, NULL, 'g' },
		{ "hold", required_argument, NULL, 'h' },
		{ "echo", no_argument, NULL, 'e' },
		{ 0 },
	};
	struct plan plan = { .count = 100 };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
		if (!parse(&plan, c, optarg))
			errx(2, "usage: growth --to ADDRESS --port N --kind KIND [--count N] "
				"[--files N [--gap]]");
	if (plan.echo)
		echo(&plan);
	else if (plan.hold)
		hold(plan.hold);
	else
		run(&plan);
	return 0;
}
