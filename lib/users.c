/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sorted copy of passwd(5). */
#include "lib/users.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/limits.h"

struct user {
	uint32_t uid;
	char name[LIMIT_USER_NAME + 1];
};

struct users {
	char *path;
	struct timespec mtime;
	ino_t ino;
	uint64_t checked_ns;
	struct user *list;
	size_t n;
};

static int user_compare(const void *a, const void *b)
{
	uint32_t x = ((const struct user *)a)->uid, y = ((const struct user *)b)->uid;

	return x < y ? -1 : x > y;
}

/* Reads the whole file; on any failure the old list stays. */
static void users_read(struct users *u)
{
	_cleanup_fclose_ FILE *f = fopen(u->path, "re");
	struct user *list = NULL;
	size_t n = 0, room = 0;
	struct passwd *pw;

	if (!f)
		return;
	while ((pw = fgetpwent(f))) {
		if (n == room) {
			struct user *more = realloc(list, (room ? room * 2 : 64) * sizeof(*list));

			if (!more) {
				free(list);
				return;
			}
			list = more;
			room = room ? room * 2 : 64;
		}
		list[n].uid = pw->pw_uid;
		snprintf(list[n].name, sizeof(list[n].name), "%s", pw->pw_name);
		n++;
	}
	if (n)
		qsort(list, n, sizeof(*list), user_compare);
	free(u->list);
	u->list = list;
	u->n = n;
}

static void users_refresh(struct users *u)
{
	uint64_t now = clock_mono_ns();
	struct stat st;

	if (u->checked_ns && now - u->checked_ns < 1000000000u)
		return;
	u->checked_ns = now;
	if (stat(u->path, &st) < 0)
		return;
	if (st.st_ino == u->ino && st.st_mtim.tv_sec == u->mtime.tv_sec &&
		st.st_mtim.tv_nsec == u->mtime.tv_nsec)
		return;
	u->ino = st.st_ino;
	u->mtime = st.st_mtim;
	users_read(u);
}

struct users *users_new(const char *path)
{
	struct users *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->path = strdup(path ? path : "/etc/passwd");
	if (!u->path) {
		free(u);
		return NULL;
	}
	users_refresh(u);
	return u;
}

void users_free(struct users *u)
{
	if (!u)
		return;
	free(u->path);
	free(u->list);
	free(u);
}

const char *users_name(struct users *u, uint32_t uid)
{
	size_t lo = 0, hi;

	users_refresh(u);
	hi = u->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (u->list[mid].uid == uid)
			return u->list[mid].name;
		if (u->list[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
