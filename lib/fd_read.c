/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One loop for all who read a file whole. */
#include "config.h"

#include "lib/fd_read.h"

#include <errno.h>
#include <unistd.h>

ssize_t fd_read(int fd, char *buf, size_t max)
{
	size_t len = 0;

	while (len < max) {
		ssize_t n = read(fd, buf + len, max - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}
