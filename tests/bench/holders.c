/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Other programs of the machine: N processes that do nothing but hold sockets, some in each of the network
 * namespaces given. Attribution that searches /proc or dumps socket tables pays for them. Prints
 * "ready" when all stand; they end with this program's standard input.
 */
#include "config.h"

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS 2 /* of each process in each namespace: one TCP, one UDP */
#define NETNS_MAX 16

/* In the child: opens sockets and waits for the parent's end. */
static void hold(const int *netns, int n_netns, int ready)
{
	static const int types[SOCKETS] = { SOCK_STREAM, SOCK_DGRAM };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < n_netns; i++) {
		struct sockaddr_in any = { .sin_family = AF_INET };

		if (setns(netns[i], CLONE_NEWNET))
			err(1, "setns");
		for (int k = 0; k < SOCKETS; k++) {
			int fd = socket(AF_INET, types[k], 0);

			if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)))
				err(1, "socket");
		}
	}
	if (write(ready, "", 1) != 1)
		err(1, "write");
	close(ready);
	while (true)
		pause();
}

int main(int argc, char **argv)
{
	int netns[NETNS_MAX], n_netns = argc - 2, ready[2];
	int n = argc > 1 ? atoi(argv[1]) : 0;
	char byte;

	if (n < 0 || n > 100000 || n_netns < 1 || n_netns > NETNS_MAX)
		errx(2, "usage: holders N NETNS-FILE...");
	for (int i = 0; i < n_netns; i++) {
		netns[i] = open(argv[2 + i], O_RDONLY | O_CLOEXEC);
		if (netns[i] < 0)
			err(1, "%s", argv[2 + i]);
	}
	if (pipe2(ready, O_CLOEXEC))
		err(1, "pipe");
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (pid == 0)
			hold(netns, n_netns, ready[1]);
	}
	close(ready[1]);
	for (int i = 0; i < n; i++)
		if (read(ready[0], &byte, 1) != 1)
			errx(1, "a process failed");
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0; /* the children get SIGKILL */
}
