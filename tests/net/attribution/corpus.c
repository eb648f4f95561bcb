/* SPDX-License-Identifier: GPL-2.0-or-later */
/* corpus list | corpus run CASE TRIES FIRST-TRY DIR | corpus send ADDRESS (what start_sender() starts) | corpus datagram ADDRESS | corpus forge ADDRESS EXE [unlink] */
#include "config.h"

#include "tests/net/attribution/corpus.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct corpus_case *const tables[] = { protocol_cases, process_cases, shared_cases,
	path_cases, kernel_cases, container_cases };

int must(int result, const char *what)
{
	if (result >= 0)
		return result;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	_exit(1);
}

void skip(const char *why)
{
	dprintf(STDOUT_FILENO, "skip %s\n", why);
	_exit(0);
}

union address target4(const struct run *r, unsigned more)
{
	union address a = { .v4 = { .sin_family = AF_INET, .sin_port = htons(PORT) } };

	a.v4.sin_addr.s_addr = htonl(0x0a400000u + (r->number << 14) + (r->try << 3) + more);
	return a;
}

union address target6(const struct run *r, unsigned more)
{
	union address a = { .v6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) } };
	uint32_t low = htonl((r->try << 3) + more);

	a.v6.sin6_addr.s6_addr[0] = 0xfd;
	a.v6.sin6_addr.s6_addr[1] = 0x99;
	a.v6.sin6_addr.s6_addr[7] = (uint8_t)(r->number + 1);
	memcpy(&a.v6.sin6_addr.s6_addr[12], &low, sizeof(low));
	return a;
}

union address target_mapped(const struct run *r, unsigned more)
{
	union address four = target4(r, more);
	union address a = { .v6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) } };

	a.v6.sin6_addr.s6_addr[10] = a.v6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&a.v6.sin6_addr.s6_addr[12], &four.v4.sin_addr, sizeof(four.v4.sin_addr));
	return a;
}

socklen_t address_len(const union address *a)
{
	return a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

const char *address_text(const union address *a, char buf[INET6_ADDRSTRLEN])
{
	if (a->any.sa_family == AF_INET)
		return inet_ntop(AF_INET, &a->v4.sin_addr, buf, INET6_ADDRSTRLEN);
	if (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
		return inet_ntop(AF_INET, &a->v6.sin6_addr.s6_addr[12], buf, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, &a->v6.sin6_addr, buf, INET6_ADDRSTRLEN);
}

int open_udp(void)
{
	return must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
}

void datagram(int fd, const union address *to)
{
	sendto(fd, "x", 1, 0, &to->any, address_len(to));
}

void wait_answer(int fd)
{
	if (poll(&(struct pollfd) { fd, POLLIN, 0 }, 1, 20000) != 1) {
		fprintf(stderr, "no answer\n");
		_exit(1);
	}
}

void set_port(union address *a, uint16_t port)
{
	if (a->any.sa_family == AF_INET)
		a->v4.sin_port = htons(port);
	else
		a->v6.sin6_port = htons(port);
}

void expect(const struct run *r, const char *protocol, const union address *to, int port, pid_t pid,
	const char *path, const char *more)
{
	char text[INET6_ADDRSTRLEN];

	dprintf(STDOUT_FILENO, "%s %s %d %d %d %s %s\n", protocol, address_text(to, text),
		strncmp(protocol, "icmp", 4) == 0 ? 0 : ntohs(to->v4.sin_port), port, pid,
		path ? path : r->self, more ? more : "");
}

int source_port(int fd)
{
	union address a = { 0 };
	socklen_t len = sizeof(a);

	return getsockname(fd, &a.any, &len) == 0 ? ntohs(a.v4.sin_port) : 0;
}

pid_t spawn(void)
{
	fflush(NULL);
	return must(fork(), "fork");
}

void reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

pid_t start_sender(const char *path, const char *name, const union address *to)
{
	char text[INET6_ADDRSTRLEN];
	pid_t pid;

	address_text(to, text);
	pid = spawn();
	if (pid == 0) {
		execl(path, name ? name : path, "send", text, (char *)NULL);
		must(-1, path);
	}
	return pid;
}

/* Blocks until the verdict is there: the far end refuses, and so does a reset of the firewall. */
static int send_to(const char *text)
{
	union address a = { .v4 = { .sin_family = AF_INET, .sin_port = htons(PORT) } };
	int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	if (inet_pton(AF_INET, text, &a.v4.sin_addr) != 1)
		return 2;
	(void)connect(fd, &a.any, sizeof(a.v4));
	close(fd);
	return 0;
}

/* Does not wait for anything. */
static int datagram_to(const char *text)
{
	union address a = { .v4 = { .sin_family = AF_INET, .sin_port = htons(PORT) } };

	if (inet_pton(AF_INET, text, &a.v4.sin_addr) != 1)
		return 2;
	datagram(open_udp(), &a);
	_exit(0);
}

static int forge(const char *text, const char *exe, bool unlinked)
{
	union address a = { .v4 = { .sin_family = AF_INET, .sin_port = htons(PORT) } };
	char self[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	if (inet_pton(AF_INET, text, &a.v4.sin_addr) != 1)
		return 2;
	if (unlinked)
		must(unlink(self), "unlink");
	forge_exe(self, exe, &a);
}

static const struct corpus_case *find(const char *name, unsigned *ret_number)
{
	unsigned number = 0;

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		for (const struct corpus_case *c = tables[t]; c->name; c++, number++) {
			if (!name)
				printf("%s\t%s\n", c->name, c->note ? c->note : "");
			else if (strcmp(c->name, name) == 0) {
				*ret_number = number;
				return c;
			}
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct corpus_case *c;
	struct run r = { 0 };
	ssize_t n;
	unsigned tries;

	if (argc == 3 && strcmp(argv[1], "send") == 0)
		return send_to(argv[2]);
	if (argc == 3 && strcmp(argv[1], "datagram") == 0)
		return datagram_to(argv[2]);
	if ((argc == 4 || argc == 5) && strcmp(argv[1], "forge") == 0)
		return forge(argv[2], argv[3], argc == 5);
	if (argc == 2 && strcmp(argv[1], "list") == 0) {
		find(NULL, &r.number);
		return 0;
	}
	c = argc == 6 && strcmp(argv[1], "run") == 0 ? find(argv[2], &r.number) : NULL;
	if (!c) {
		fprintf(stderr, "usage: %s list | run CASE TRIES FIRST DIR | send ADDRESS\n",
			argv[0]);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	n = readlink("/proc/self/exe", r.self, sizeof(r.self) - 1);
	r.self[n > 0 ? n : 0] = '\0';
	snprintf(r.dir, sizeof(r.dir), "%s", argv[5]);
	tries = (unsigned)strtoul(argv[3], NULL, 10);
	for (unsigned i = 0; i < tries; i++) {
		r.try = i + (unsigned)strtoul(argv[4], NULL, 10);
		c->run(&r);
	}
	return 0;
}
