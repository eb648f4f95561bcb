/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID/fd of every process, once; or of one. */
#include "config.h"

#include "daemon/socket_holders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/err.h"

struct search {
	const uint32_t *inodes;
	size_t n;
	void (*fn)(void *ctx, uint32_t inode, int32_t pid);
	void *ctx;
};

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void look_at(const struct search *s, int dir, const char *fd, int32_t pid)
{
	char target[64];
	ssize_t len = readlinkat(dir, fd, target, sizeof(target) - 1);
	uint32_t inode;

	if (len <= 0)
		return;
	target[len] = '\0';
	if (strncmp(target, "socket:[", 8) != 0)
		return;
	inode = (uint32_t)strtoul(target + 8, NULL, 10);
	if (bsearch(&inode, s->inodes, s->n, sizeof(inode), compare))
		s->fn(s->ctx, inode, pid);
}

static void look_through(const struct search *s, const char *proc_root, int32_t pid)
{
	char path[64];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%d/fd", proc_root, pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((d = readdir(dir)))
		look_at(s, dirfd(dir), d->d_name, pid);
	closedir(dir);
}

enum socket_holding socket_holders_has(
	const char *proc_root, int32_t pid, uint32_t inode, unsigned max)
{
	char path[256], name[32], link[64];
	enum socket_holding ret = SOCKET_NOT_HELD;
	struct dirent *d;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%d/fd", proc_root, pid);
	snprintf(name, sizeof(name), "socket:[%u]", inode);
	dir = opendir(path);
	while (dir && ret == SOCKET_NOT_HELD && (d = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), d->d_name, link, sizeof(link) - 1);

		if (len > 0) {
			link[len] = '\0';
			if (strcmp(link, name) == 0)
				ret = SOCKET_HELD;
			else if (max && ++n == max)
				ret = SOCKET_HELD_PERHAPS;
		}
	}
	if (dir)
		closedir(dir);
	return ret;
}

int socket_holders_find(const char *proc_root, const uint32_t *inodes, size_t n, unsigned max_ms,
	void (*fn)(void *ctx, uint32_t inode, int32_t pid), void *ctx)
{
	struct search s = { inodes, n, fn, ctx };
	uint64_t until = clock_mono_ns() + max_ms * UINT64_C(1000000);
	struct dirent *d;
	DIR *proc;

	if (n == 0)
		return 0;
	proc = opendir(proc_root);
	if (!proc)
		return err_from_errno(errno);
	while ((d = readdir(proc)) && clock_mono_ns() < until) {
		int32_t pid = (int32_t)strtol(d->d_name, NULL, 10);

		if (pid > 0)
			look_through(&s, proc_root, pid);
	}
	closedir(proc);
	return 0;
}
