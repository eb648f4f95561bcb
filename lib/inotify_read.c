/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several events come with one read. */
#include "config.h"

#include "lib/inotify_read.h"

#include <limits.h>
#include <unistd.h>

bool inotify_read(int fd, bool (*take)(void *ctx, const struct inotify_event *e), void *ctx)
{
	_Alignas(struct inotify_event) char buf[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	bool any = false;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		const char *p = buf;

		while (p < buf + n) {
			const struct inotify_event *e = (const void *)p;

			any |= take(ctx, e);
			p += sizeof(*e) + e->len;
		}
	}
	return any;
}
