/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID/fd of every process, once; or of one. */
#include "config.h"

#include "daemon/socket_holders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* ---- one process */

#define FD_MAX (1 << 20)
#define NEAR 8 /* file descriptors looked at on each side of a likely one */

struct look {
	int dir; /* /proc/PID/fd */
	char name[32]; /* of the socket, as the links say it */
	int32_t found; /* its file descriptor; -1: not found yet */
};

/* Looks at one file: whether there is one. */
static bool is_open(struct look *l, int32_t fd)
{
	char link[64], file[16];
	ssize_t len;

	snprintf(file, sizeof(file), "%d", fd);
	len = readlinkat(l->dir, file, link, sizeof(link) - 1);
	if (len <= 0)
		return false;
	link[len] = '\0';
	if (strcmp(link, l->name) == 0)
		l->found = fd;
	return true;
}

/*
 * The end of files without a gap, or another place where an open file stands beside a free number; some looks for each doubling of
 * their number.
 */
static void look_at_end(struct look *l)
{
	int32_t taken = 0, free = 4;

	while (free < FD_MAX && is_open(l, free)) {
		taken = free;
		free *= 2;
	}
	while (l->found < 0 && free - taken > 1) {
		int32_t middle = taken + (free - taken) / 2;

		if (is_open(l, middle))
			taken = middle;
		else
			free = middle;
	}
}

/* Where one was found the last time: numbers that are closed are used again. */
static void look_around(struct look *l, int32_t last)
{
	is_open(l, last);
	for (int32_t k = 1; k <= NEAR && l->found < 0; k++) {
		is_open(l, last + k);
		if (l->found < 0 && k <= last)
			is_open(l, last - k);
	}
}

static void look_at_likely(struct look *l, int32_t last)
{
	struct stat st;

	if (last >= 0)
		look_around(l, last);
	if (l->found >= 0)
		return;
	/* Since Linux 6.2 the size is the number of open files; a few may have been opened after it. */
	if (fstat(l->dir, &st) < 0 || st.st_size <= 0 || st.st_size > FD_MAX ||
		!is_open(l, (int32_t)st.st_size - 1)) {
		look_at_end(l);
		return;
	}
	for (int32_t k = 2; k <= NEAR && k <= st.st_size && l->found < 0; k++)
		is_open(l, (int32_t)st.st_size - k);
}

/*
 * All files in turn from *from on, at most `max`; *from is where to go on then, or 0: that were the last. In /proc/PID/fd a place in
 * the listing is a number and two (proc_readfd_common() in fs/proc/fd.c).
 */
static void look_at_all(struct look *l, unsigned max, int32_t *from)
{
	const struct dirent *d;
	unsigned n = 0;
	DIR *dir;

	if (*from)
		(void)lseek(l->dir, *from + 2, SEEK_SET);
	dir = fdopendir(l->dir);
	if (!dir)
		return;
	while (l->found < 0 && (d = readdir(dir))) {
		int32_t fd;

		if (d->d_name[0] == '.')
			continue;
		fd = (int32_t)strtol(d->d_name, NULL, 10);
		if (max && n++ == max) {
			*from = fd;
			l->dir = -1;
			closedir(dir);
			return;
		}
		is_open(l, fd);
	}
	*from = 0;
	l->dir = -1;
	closedir(dir);
}

enum socket_holding socket_holders_has(struct socket_places *places, const char *proc_root,
	int32_t pid, uint32_t inode, unsigned max)
{
	struct socket_place none = { .pid = pid, .fd = -1 };
	struct socket_place *place = places ? &places->of[(unsigned)pid % SOCKET_PLACES] : &none;
	struct look l = { .found = -1 };
	int32_t from;
	char path[256];

	if (place->pid != pid)
		*place = none;
	if (!max)
		place->from = 0;
	snprintf(path, sizeof(path), "%s/%d/fd", proc_root, pid);
	snprintf(l.name, sizeof(l.name), "socket:[%u]", inode);
	l.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l.dir < 0)
		return SOCKET_NOT_HELD;
	look_at_likely(&l, place->fd);
	from = place->from;
	if (l.found < 0)
		look_at_all(&l, max, &place->from);
	cleanup_close(&l.dir);
	if (l.found < 0)
		return from || place->from ? SOCKET_HELD_PERHAPS : SOCKET_NOT_HELD;
	place->fd = l.found;
	place->from = 0;
	return SOCKET_HELD;
}

/* ---- all of them */

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
