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

/* Packets that went out through a device of this network namespace. */
static unsigned long sent_by(const char *device)
{
	FILE *f = fopen("/proc/self/net/dev", "re");
	char line[512], name[32];
	unsigned long n, sent = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " %31[^:]: %*u %*u %*u %*u %*u %*u %*u %*u %*u %lu", name, &n) ==
				2 &&
			strcmp(name, device) == 0)
			sent = n;
	if (f)
		fclose(f);
	return sent;
}

/* A neighbour behind a tunnel; what carries datagrams to it is made in the sender's own context, route look-up and all. */
struct tunnel {
	union address outer, inner;
	char device[32];
};

static void open_tunnel(const struct run *r, struct tunnel *t, int port)
{
	char text[INET6_ADDRSTRLEN];

	t->outer = target4(r, 0);
	t->inner = (union address) { .v4 = { .sin_family = AF_INET, .sin_port = htons(PORT) } };
	t->inner.v4.sin_addr.s_addr = htonl(0x0aff0002);
	snprintf(t->device, sizeof(t->device), "vx%u", r->try % 100000);
	address_text(&t->outer, text);
	if (!shell("ip link add %s type vxlan id %u remote %s dstport %d 2>/dev/null", t->device,
		    r->try + 1, text, port))
		skip("no vxlan here");
	must(shell("ip link set %s addrgenmode none up && ip addr add 10.255.0.1/24 dev %s",
		     t->device, t->device)
			? 0
			: -1,
		"ip link set up");
}

static void know_neighbour(const struct tunnel *t)
{
	must(shell("ip neigh add 10.255.0.2 lladdr 02:00:00:00:00:02 dev %s", t->device) ? 0 : -1,
		"ip neigh add");
}

/* Packets of this network namespace that wait for a verdict. */
static unsigned n_waiting(void)
{
	FILE *f = fopen("/proc/self/net/netfilter/nfnetlink_queue", "re");
	unsigned waiting, n = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*u %*u %u", &waiting) == 1)
			n += waiting;
	if (f)
		fclose(f);
	return n;
}

/* Not before all is judged: what a tunnel sent is nobody's when the tunnel is gone. */
static void close_tunnel(const struct tunnel *t)
{
	for (int tries = 0; tries < 10000 && n_waiting(); tries++)
		poll(NULL, 0, 2);
	shell("ip link del %s", t->device);
}

static int open_inner(void)
{
	return must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
}

static void send_inner(int fd, const struct tunnel *t)
{
	sendto(fd, "x", 1, 0, &t->inner.any, sizeof(t->inner.v4));
}

/* A new device takes packets a moment after it is up. */
static void send_until_sent(const struct tunnel *t)
{
	for (int tries = 0; tries < 1000 && !sent_by(t->device); tries++) {
		pid_t pid = spawn();

		if (pid == 0) {
			send_inner(open_inner(), t);
			_exit(0);
		}
		reap(pid);
		poll(NULL, 0, sent_by(t->device) ? 0 : 20);
	}
}

/* The kernel asks for the neighbour's address first: that is no packet of the process's. */
static void tunnel(struct run *r)
{
	struct tunnel t;

	open_tunnel(r, &t, PORT);
	send_until_sent(&t);
	expect(r, "udp", &t.outer, 0, 0, "[kernel]", "flag=kernel");
	close_tunnel(&t);
}

/* What carries the process's own datagram belongs to its socket still. */
static void tunnel_data(struct run *r)
{
	struct tunnel t;

	open_tunnel(r, &t, PORT);
	know_neighbour(&t);
	send_until_sent(&t);
	expect(r, "udp", &t.outer, 0, 0, "[kernel]", "flag=kernel");
	close_tunnel(&t);
}

/* The datagram is of a flow that was decided before, so nothing stops it on its way into the tunnel, whose far end is another now. */
static void tunnel_later(struct run *r)
{
	union address other = target4(r, 1);
	char text[INET6_ADDRSTRLEN];
	unsigned long before;
	struct tunnel t;
	int fd = open_inner();

	open_tunnel(r, &t, PORT);
	know_neighbour(&t);
	for (int tries = 0; tries < 1000 && !sent_by(t.device); tries++) {
		send_inner(fd, &t);
		poll(NULL, 0, 20);
	}
	expect(r, "udp", &t.outer, 0, 0, "[kernel]", "flag=kernel");
	address_text(&other, text);
	must(shell("bridge fdb replace 02:00:00:00:00:02 dev %s dst %s", t.device, text) ? 0 : -1,
		"bridge fdb replace");
	before = sent_by(t.device);
	for (int tries = 0; tries < 1000 && sent_by(t.device) == before; tries++) {
		send_inner(fd, &t);
		poll(NULL, 0, 20);
	}
	expect(r, "udp", &other, 0, 0, "[kernel]", "flag=kernel");
	close_tunnel(&t);
	close(fd);
}

/* A process's own datagram to the port of a tunnel, by a socket that lives until it is judged. */
static void tunnel_port(struct run *r)
{
	union address to = target4(r, 1);
	struct tunnel t;
	int fd = open_inner();

	open_tunnel(r, &t, ECHO_PORT);
	set_port(&to, ECHO_PORT);
	sendto(fd, "x", 1, 0, &to.any, sizeof(to.v4));
	expect(r, "udp", &to, source_port(fd), getpid(), NULL, NULL);
	wait_answer(fd);
	close_tunnel(&t);
	close(fd);
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
	{ "kernel-tunnel-data", tunnel_data, "it carries what the process sends" },
	{ "kernel-tunnel-later", tunnel_later, "nothing stops it on its way into the tunnel" },
	{ "tunnel-port", tunnel_port, "a process sends to where a tunnel does" },
	{ "refused", refused, "the kernel answers with a reset" },
	{ 0 },
};
