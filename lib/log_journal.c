/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages as fields. */
#include "lib/log_journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FACILITY_DAEMON 3
#define PREFIX "opensnitch"

bool log_journal_is_stream(const char *stream, int fd)
{
	unsigned long long dev, ino;
	struct stat st;
	char beyond;

	return stream && sscanf(stream, "%llu:%llu%c", &dev, &ino, &beyond) == 2 &&
	       fstat(fd, &st) == 0 && dev == (unsigned long long)st.st_dev &&
	       ino == (unsigned long long)st.st_ino;
}

int log_journal_open(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -1;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

size_t log_journal_format(const struct log_entry *e, char *out, size_t size)
{
	bool is_full_name = strncmp(e->who, PREFIX, sizeof(PREFIX) - 1) == 0;
	int n = snprintf(out, size, "PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=%s%.40s\n",
		e->priority, FACILITY_DAEMON, is_full_name ? "" : PREFIX "-", e->who);

	if (e->n_left_out)
		n += snprintf(out + n, size - (size_t)n, "OPENSNITCH_LEFT_OUT=%u\n", e->n_left_out);
	n += snprintf(out + n, size - (size_t)n, "MESSAGE=%s\n", e->message);
	if ((size_t)n < size)
		return (size_t)n;
	out[size - 2] = '\n'; /* cut, and still whole */
	return size - 1;
}
