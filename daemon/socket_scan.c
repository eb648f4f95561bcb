/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The likely holders first: who connected before does so again, and who has just started connects. */
#include "config.h"

#include "daemon/socket_scan.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "lib/clock.h"

#define PIDS_STEP 512u
#define FILES_MAX 4096 /* of a process: some 10 ms */

struct pids {
	int32_t *list; /* the youngest last */
	size_t n;
};

static int compare(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

/* The number that was given last: those above it are of the round before. INT32_MAX where that is not told. */
static int32_t last_pid(const char *proc_root)
{
	_cleanup_fclose_ FILE *f = NULL;
	int32_t pid = INT32_MAX;
	char path[256];

	snprintf(path, sizeof(path), "%s/loadavg", proc_root);
	f = fopen(path, "re");
	if (f && fscanf(f, "%*s %*s %*s %*s %" SCNd32, &pid) != 1)
		pid = INT32_MAX;
	return pid;
}

/* Older numbers (of the round before) before younger ones. */
static void order(struct pids *pids, int32_t last)
{
	_cleanup_free_ int32_t *copy = NULL;
	size_t n_now = 0;

	qsort(pids->list, pids->n, sizeof(*pids->list), compare);
	while (n_now < pids->n && pids->list[n_now] <= last)
		n_now++;
	copy = n_now && n_now < pids->n ? malloc(n_now * sizeof(*copy)) : NULL;
	if (!copy)
		return;
	memcpy(copy, pids->list, n_now * sizeof(*copy));
	memmove(pids->list, pids->list + n_now, (pids->n - n_now) * sizeof(*copy));
	memcpy(pids->list + (pids->n - n_now), copy, n_now * sizeof(*copy));
}

static struct pids list_pids(const char *proc_root)
{
	struct pids pids = { NULL, 0 };
	DIR *dir = opendir(proc_root);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		int32_t *grown = pids.list;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (pids.n % PIDS_STEP == 0)
			grown = reallocarray(pids.list, pids.n + PIDS_STEP, sizeof(*grown));
		if (!grown)
			break;
		pids.list = grown;
		pids.list[pids.n++] = atoi(entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (pids.n)
		order(&pids, last_pid(proc_root));
	return pids;
}

static bool is_of_user(const char *proc_root, int32_t pid, uint32_t uid)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%d", proc_root, pid);
	return stat(path, &st) == 0 && st.st_uid == uid;
}

static bool holds(struct socket_scan *s, const char *proc_root, int32_t pid, uint32_t inode)
{
	return socket_holders_has(&s->places, proc_root, pid, inode, FILES_MAX) == SOCKET_HELD;
}

/* Puts a process first; `at` is its place, or SOCKET_SCAN_KNOWN for a new one. */
static void remember(struct socket_scan *s, int32_t pid, unsigned at)
{
	unsigned from = at < SOCKET_SCAN_KNOWN ? at : SOCKET_SCAN_KNOWN - 1;

	memmove(s->known + 1, s->known, from * sizeof(*s->known));
	s->known[0] = pid;
}

static int32_t find_known(struct socket_scan *s, const char *proc_root, uint32_t inode)
{
	for (unsigned i = 0; i < SOCKET_SCAN_KNOWN && s->known[i]; i++) {
		int32_t pid = s->known[i];

		if (!holds(s, proc_root, pid, inode))
			continue;
		remember(s, pid, i);
		return pid;
	}
	return 0;
}

int32_t socket_scan_find(
	struct socket_scan *s, const char *proc_root, uint32_t inode, uint32_t uid, unsigned max_ms)
{
	uint64_t until = clock_work_ns() + max_ms * UINT64_C(1000000);
	int32_t found = find_known(s, proc_root, inode);
	_cleanup_free_ int32_t *list = NULL;
	struct pids pids;

	s->n++;
	if (found)
		return found;
	pids = list_pids(proc_root);
	list = pids.list;
	for (int of_user = 1; of_user >= 0; of_user--) {
		for (size_t i = pids.n; i-- && clock_work_ns() < until;) {
			if (is_of_user(proc_root, list[i], uid) != of_user ||
				!holds(s, proc_root, list[i], inode))
				continue;
			remember(s, list[i], SOCKET_SCAN_KNOWN);
			return list[i];
		}
	}
	return 0;
}
