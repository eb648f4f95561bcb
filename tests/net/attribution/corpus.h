/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections made in hard ways, for a driver that compares them with what the daemon tells.
 *
 * Every try goes to an address of its own, so that its event is found again by the destination alone; where several processes
 * share one destination, the source port tells them apart. What really happened is told on stdout, a line a
 * connection:
 *
 *     PROTOCOL ADDRESS PORT SOURCE-PORT PID PATH [FIELD=VALUE...]
 *
 * with SOURCE-PORT 0 where it does not matter, "-" for a path that is not to be compared, "!PATH" for one that it must not be.
 */
#ifndef TESTS_ATTRIBUTION_CORPUS_H
#define TESTS_ATTRIBUTION_CORPUS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PORT 4242
#define ECHO_PORT 4243 /* datagrams to here are answered, whatever their address */

struct run {
	unsigned number; /* of the case: part of its addresses */
	unsigned try;
	char self[256]; /* path of this program */
	char dir[256]; /* where a case may make files */
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct corpus_case {
	const char *name;
	void (*run)(struct run *r);
	const char *note; /* what is hard about it, or why it cannot be known */
};

extern const struct corpus_case protocol_cases[], process_cases[], shared_cases[], path_cases[],
	kernel_cases[], container_cases[];

/* The destination of this try; `more` tells several of one try apart. */
union address target4(const struct run *r, unsigned more);
union address target6(const struct run *r, unsigned more);
union address target_mapped(const struct run *r, unsigned more);
socklen_t address_len(const union address *a);
const char *address_text(const union address *a, char buf[INET6_ADDRSTRLEN]);

/* Tells what happened. `path` NULL: this program's own. `more`: further fields, may be NULL. */
void expect(const struct run *r, const char *protocol, const union address *to, int source_port,
	pid_t pid, const char *path, const char *more);

/* The case cannot be run here: says why, and ends the program. */
void skip(const char *why) __attribute__((noreturn));

/* A call that must not fail. */
int must(int result, const char *what);

int source_port(int fd);

/* A UDP socket, and a datagram of one octet by it. */
int open_udp(void);
void datagram(int fd, const union address *to);

/* Waits until the datagram that was sent is answered: then it was judged. */
void wait_answer(int fd);
void set_port(union address *a, uint16_t port);

/* fork(), which must not fail; in the child stdout stays usable. */
pid_t spawn(void);
void reap(pid_t pid);

/* Connects as a process of which /proc says that it runs `exe`, not `self`; ends it with 0, or 77 where that cannot be. */
void forge_exe(const char *self, const char *exe, const union address *to)
	__attribute__((noreturn));

/* Starts `path` so that it connects (TCP) to `to`, and gives its PID; argv[0] is `name` (NULL: the path). */
pid_t start_sender(const char *path, const char *name, const union address *to);

#endif
