/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many datagrams a program can send in a second: small ones, one after the other, from one socket to one place, as fast as it
 * goes. The first makes the flow, and is outside of the measured time. Prints datagrams a second, by the median time of a batch: what
 * interrupts a few of them has no say.
 *
 *     udp --to ADDRESS --port N [--connected] [--ms N]
 *     udp --sink --to ADDRESS --port N                   takes and forgets them, until standard input closes
 */
#include "config.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FIRST_LEN 32 /* by its length the first datagram is told from the others */
#define DATA_LEN 64
#define BATCH 64u /* sent between two looks at the clock */
#define BATCHES_MAX 1000000u
#define ECHO_MS 200 /* for the echo of the first datagram */
#define ECHO_TRIES 50
#define SINK_MS 20 /* between two looks of the sink */

struct plan {
	struct sockaddr_in to;
	bool sink, connected;
	unsigned int ms;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void send_one(int fd, const struct plan *plan, size_t len)
{
	static const char data[DATA_LEN];
	const struct sockaddr *to = plan->connected ? NULL : (const struct sockaddr *)&plan->to;
	ssize_t n;

	do
		n = sendto(fd, data, len, 0, to, to ? sizeof(plan->to) : 0);
	while (n < 0 && (errno == EINTR || errno == ENOBUFS));
	if (n < 0)
		err(1, "sendto");
}

/* The flow stands when a datagram has come back. The sink is slow, and may still be full of an earlier run. */
static void establish(int fd, const struct plan *plan)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char back[64];

	for (int i = 0; i < ECHO_TRIES; i++) {
		send_one(fd, plan, FIRST_LEN);
		if (poll(&p, 1, ECHO_MS) == 1 && recv(fd, back, sizeof(back), 0) >= 0)
			return;
	}
	errx(1, "the first datagram did not come back");
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void run(const struct plan *plan)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t until, begin, end;
	uint32_t *ns = calloc(BATCHES_MAX, sizeof(*ns));
	size_t n = 0, middle;

	if (fd < 0 || !ns)
		err(1, "socket");
	if (plan->connected &&
		connect(fd, (const struct sockaddr *)&plan->to, sizeof(plan->to)) < 0)
		err(1, "connect");
	establish(fd, plan);
	end = now_ns();
	until = end + plan->ms * UINT64_C(1000000);
	while (end < until && n < BATCHES_MAX) {
		begin = end;
		for (unsigned int i = 0; i < BATCH; i++)
			send_one(fd, plan, DATA_LEN);
		end = now_ns();
		ns[n++] = (uint32_t)(end - begin);
	}
	qsort(ns, n, sizeof(*ns), compare);
	middle = n / 2;
	printf("%.0f\n", n ? BATCH * 1e9 / ns[middle] : 0.0);
	free(ns);
	close(fd);
}

/* Empties the socket, and answers what is a sender's first datagram. */
static void drain(int fd)
{
	struct sockaddr_in from = { 0 };
	socklen_t len = sizeof(from);
	char data[DATA_LEN];
	ssize_t n;

	while ((n = recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&from,
			&len)) >= 0) {
		if (n == FIRST_LEN)
			sendto(fd, data, sizeof(data), 0, (const struct sockaddr *)&from, len);
		len = sizeof(from);
	}
}

/* Looks at a small buffer now and then; the rest is dropped there: the far end must not be what is measured. */
static void sink(const struct plan *plan)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), small = 2048;
	struct pollfd input = { .fd = 0, .events = POLLIN };

	if (fd < 0 || bind(fd, (const struct sockaddr *)&plan->to, sizeof(plan->to)) < 0)
		err(1, "bind");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	puts("ready");
	fflush(stdout);
	while (poll(&input, 1, SINK_MS) == 0)
		drain(fd);
	close(fd);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' },
		{ "port", required_argument, NULL, 'p' },
		{ "connected", no_argument, NULL, 'c' },
		{ "ms", required_argument, NULL, 'm' },
		{ "sink", no_argument, NULL, 's' },
		{ 0 },
	};
	struct plan plan = { .to.sin_family = AF_INET, .ms = 1000 };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 't' && inet_pton(AF_INET, optarg, &plan.to.sin_addr) == 1)
			continue;
		if (c == 'p')
			plan.to.sin_port = htons((uint16_t)strtoul(optarg, NULL, 10));
		else if (c == 'c')
			plan.connected = true;
		else if (c == 'm')
			plan.ms = (unsigned int)strtoul(optarg, NULL, 10);
		else if (c == 's')
			plan.sink = true;
		else
			errx(2, "usage: udp [--sink] --to ADDRESS --port N [--connected] [--ms N]");
	}
	if (plan.sink)
		sink(&plan);
	else
		run(&plan);
	return 0;
}
