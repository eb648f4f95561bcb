/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No process sends: the kernel does, while some process happens to run. */
#include "config.h"

#include "tests/net/attribution/corpus.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whether a command of the shell worked; it says nothing. */
__attribute__((format(printf, 1, 2))) static bool shell(const char *format, ...)
{
	char command[512];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	/* NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): a test, of one thread, as root already */
	status = system(command);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Whether a packet went out through a device of this network namespace. */
static bool has_sent(const char *device)
{
	FILE *f = fopen("/proc/self/net/dev", "re");
	char line[512], name[32];
	unsigned long sent = 0;

	while (f && !sent && fgets(line, sizeof(line), f))
		if (sscanf(line, " %31[^:]: %*u %*u %*u %*u %*u %*u %*u %*u %*u %lu", name,
			    &sent) != 2 ||
			strcmp(name, device) != 0)
			sent = 0;
	if (f)
		fclose(f);
	return sent > 0;
}

/*
 * A datagram to a neighbour behind a tunnel. The kernel asks for the neighbour's address first, and what carries that question
 * through the tunnel is made in the sender's own context, route look-up and all, but is no packet of its.
 */
static void tunnel(struct run *r)
{
	union address to = target4(r, 0);
	union address inner = { .v4 = { .sin_family = AF_INET, .sin_port = htons(PORT) } };
	char text[INET6_ADDRSTRLEN], device[32];
	pid_t pid;

	snprintf(device, sizeof(device), "vx%u", r->try % 100000);
	address_text(&to, text);
	if (!shell("ip link add %s type vxlan id %u remote %s dstport %d 2>/dev/null", device,
		    r->try + 1, text, PORT))
		skip("no vxlan here");
	must(shell("ip link set %s addrgenmode none up && ip addr add 10.255.0.1/24 dev %s", device,
		     device)
			? 0
			: -1,
		"ip link set up");
	inner.v4.sin_addr.s_addr = htonl(0x0aff0002);
	/* A new device takes packets a moment after it is up. */
	for (int tries = 0; tries < 1000 && !has_sent(device); tries++) {
		pid = spawn();
		if (pid == 0) {
			int fd = must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");

			sendto(fd, "x", 1, 0, &inner.any, sizeof(inner.v4));
			_exit(0);
		}
		reap(pid);
		poll(NULL, 0, has_sent(device) ? 0 : 20);
	}
	expect(r, "udp", &to, 0, 0, "[kernel]", "flag=kernel");
	shell("ip link del %s", device);
}

/* A refused connection: the reset and its like make no event of their own, and the connection stays its maker's. */
static void refused(struct run *r)
{
	union address to = { .v4 = { .sin_family = AF_INET } };
	int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	to.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + r->number);
	set_port(&to, (uint16_t)(20000 + r->try % 10000));
	(void)connect(fd, &to.any, sizeof(to.v4));
	expect(r, "tcp", &to, 0, getpid(), NULL, NULL);
	close(fd);
}

const struct corpus_case kernel_cases[] = {
	{ "kernel-tunnel", tunnel, "made while a process sends something else" },
	{ "refused", refused, "the kernel answers with a reset" },
	{ 0 },
};
