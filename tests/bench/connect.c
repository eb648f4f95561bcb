/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long connect() takes, seen by the program that calls it: blocking TCP, again and again, from one process
 * or several at once. Prints every time in nanoseconds, one a line, in no order.
 *
 * Each socket is closed with a reset (SO_LINGER 0) outside the measured time, so that neither TIME_WAIT nor
 * the supply of source ports has a say; destination ports rotate.
 */
#include "config.h"

#include <arpa/inet.h>
#include <err.h>
#include <getopt.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCS_MAX 64
#define COUNT_MAX 1000000u

struct plan {
	struct sockaddr_in to; /* the first port */
	unsigned int ports, count, procs;
};

struct shared {
	atomic_uint ready; /* processes that wait for the start */
	atomic_uint started;
	atomic_uint failed; /* connects that did not succeed */
	uint32_t ns[]; /* count of each process, one after the other */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One connection; 0 when it failed. */
static uint32_t measure(const struct sockaddr_in *to)
{
	static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t before, after;
	int r;

	if (fd < 0)
		err(1, "socket");
	before = now_ns();
	r = connect(fd, (const struct sockaddr *)to, sizeof(*to));
	after = now_ns();
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	if (r)
		return 0;
	return after - before > UINT32_MAX ? UINT32_MAX : (uint32_t)(after - before);
}

static void run(const struct plan *plan, struct shared *shared, unsigned int index)
{
	uint32_t *ns = shared->ns + (size_t)index * plan->count;
	uint16_t first = ntohs(plan->to.sin_port);
	struct sockaddr_in to = plan->to;

	atomic_fetch_add(&shared->ready, 1);
	/* all start at once; what spins here does so before anything is measured */
	while (!atomic_load(&shared->started))
		;
	for (unsigned int i = 0; i < plan->count; i++) {
		to.sin_port = htons((uint16_t)(first + (i + index) % plan->ports));
		ns[i] = measure(&to);
		if (!ns[i])
			atomic_fetch_add(&shared->failed, 1);
	}
}

static unsigned int number(const char *text, unsigned int least, unsigned int most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || n < least || n > most)
		errx(2, "'%s' is no number from %u to %u", text, least, most);
	return (unsigned int)n;
}

static struct plan parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' },
		{ "port", required_argument, NULL, 'p' },
		{ "ports", required_argument, NULL, 'n' },
		{ "count", required_argument, NULL, 'c' },
		{ "procs", required_argument, NULL, 'j' },
		{ 0 },
	};
	struct plan plan = { .to.sin_family = AF_INET, .ports = 1, .count = 1000, .procs = 1 };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 't':
			if (inet_pton(AF_INET, optarg, &plan.to.sin_addr) != 1)
				errx(2, "not an IPv4 address: %s", optarg);
			break;
		case 'p':
			plan.to.sin_port = htons((uint16_t)number(optarg, 1, UINT16_MAX));
			break;
		case 'n':
			plan.ports = number(optarg, 1, 1000);
			break;
		case 'c':
			plan.count = number(optarg, 1, COUNT_MAX);
			break;
		case 'j':
			plan.procs = number(optarg, 1, PROCS_MAX);
			break;
		default:
			exit(2);
		}
	}
	if (!plan.to.sin_addr.s_addr || !plan.to.sin_port)
		errx(2, "usage: connect --to ADDRESS --port PORT [--ports N] [--count N] [--procs "
			"N]");
	return plan;
}

static void report(const struct plan *plan, const struct shared *shared)
{
	unsigned int failed = atomic_load(&shared->failed);

	for (size_t i = 0; i < (size_t)plan->procs * plan->count; i++)
		if (shared->ns[i])
			printf("%u\n", shared->ns[i]);
	if (failed)
		errx(1, "%u of %u connects failed", failed, plan->procs * plan->count);
}

int main(int argc, char **argv)
{
	const struct plan plan = parse(argc, argv);
	size_t size = sizeof(struct shared) + (size_t)plan.procs * plan.count * sizeof(uint32_t);
	struct shared *shared = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	bool ok = true;
	int status;

	if (shared == MAP_FAILED)
		err(1, "mmap");
	for (unsigned int i = 0; i < plan.procs; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (pid == 0) {
			run(&plan, shared, i);
			_exit(0);
		}
	}
	while (atomic_load(&shared->ready) < plan.procs)
		usleep(100);
	atomic_store(&shared->started, 1);
	while (wait(&status) > 0)
		ok = ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	report(&plan, shared);
	return ok ? 0 : 1;
}
