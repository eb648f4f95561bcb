/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the measured connections go to. The kernel answers the SYN by itself; this program only empties the
 * accept queues, every few milliseconds and not for each connection, so that it takes no processor from
 * what is measured. Prints "ready" when it listens; ends with its standard input.
 */
#include "config.h"

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS_MAX 64
#define BACKLOG 4096
#define DRAIN_MS 5

static int listen_on(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int) { 1 }, sizeof(int)) ||
		bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, BACKLOG))
		err(1, "listen on port %u", port);
	return fd;
}

static void drain(int fd)
{
	int peer;

	while ((peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(peer);
}

int main(int argc, char **argv)
{
	struct pollfd input = { .fd = STDIN_FILENO };
	int fds[PORTS_MAX];
	int first, n;

	if (argc != 3)
		errx(2, "usage: listener FIRST-PORT N");
	first = atoi(argv[1]);
	n = atoi(argv[2]);
	if (n < 1 || n > PORTS_MAX || first < 1 || first + n > UINT16_MAX)
		errx(2, "ports out of range");
	for (int i = 0; i < n; i++)
		fds[i] = listen_on((uint16_t)(first + i));
	puts("ready");
	fflush(stdout);
	/* no events asked for: wakes by the clock, or when the other end of stdin is closed */
	while (poll(&input, 1, DRAIN_MS) == 0)
		for (int i = 0; i < n; i++)
			drain(fds[i]);
	return 0;
}
