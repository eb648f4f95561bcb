/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small files of /proc, each read whole into a buffer and parsed with no trust in its text. */
#include "config.h"
#include "daemon/process_read.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/process_exe.h"
#include "daemon/process_marks.h"
#include "lib/cgroup.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/fd_read.h"
#include "lib/utf8.h"

#define KERNEL_THREAD 0x00200000 /* PF_KTHREAD of include/linux/sched.h */

int process_dir_open(int proc_fd, int32_t tid)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "%d", tid);
	fd = openat(proc_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_from_errno(errno) : fd;
}

/* The whole file, at most `size` - 1 bytes, NUL-terminated: its length, or -1. */
static ssize_t read_file(int dir, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -1;
	len = fd_read(fd, buf, size - 1);
	if (len < 0)
		return -1;
	buf[len] = '\0';
	return len;
}

/* Fields of /proc/PID/stat are counted from 1; the second, in parentheses, may hold anything. */
int process_read_life(int dir, struct process_life *ret)
{
	char text[2048], *p, *end;
	uint64_t fields[53] = { 0 };

	if (read_file(dir, "stat", text, sizeof(text)) < 0)
		return ERR_NOT_FOUND;
	p = strrchr(text, ')');
	if (!p || p[1] != ' ' || !p[2])
		return ERR_MALFORMED;
	ret->is_over = p[2] == 'Z' || p[2] == 'X';
	p += 3; /* behind the state, the third */
	for (int i = 4; i < (int)array_len(fields); i++) {
		fields[i] = strtoull(p, &end, 10);
		if (end == p)
			break;
		p = end;
	}
	if (!fields[22])
		return ERR_MALFORMED;
	ret->is_kernel = fields[9] & KERNEL_THREAD;
	ret->start_time = fields[22];
	ret->stack = fields[28];
	ret->args = fields[48];
	return 0;
}

/* The number behind "\nKEY:" in /proc/PID/status, and the one behind that where it is asked for. */
static bool status_numbers(
	const char *text, const char *key, unsigned long *ret, unsigned long *ret_second)
{
	const char *at = strstr(text, key);
	char *end;

	if (!at)
		return false;
	at += strlen(key);
	*ret = strtoul(at, &end, 10);
	if (end == at || !ret_second)
		return end != at;
	at = end;
	*ret_second = strtoul(at, &end, 10);
	return end != at;
}

static bool status_number(const char *text, const char *key, unsigned long *ret)
{
	return status_numbers(text, key, ret, NULL);
}

int process_read_ids(int dir, struct process_ids *ret)
{
	unsigned long tgid, ppid, uid, euid = 0, tracer = 0;
	char text[4096];

	if (read_file(dir, "status", text, sizeof(text)) < 0)
		return ERR_NOT_FOUND;
	/* The name comes first, but its newlines are escaped. */
	if (!status_number(text, "\nTgid:", &tgid) || !status_number(text, "\nPPid:", &ppid) ||
		!status_numbers(text, "\nUid:", &uid, &euid) || !tgid || tgid > INT32_MAX ||
		ppid > INT32_MAX)
		return ERR_MALFORMED;
	ret->tgid = (int32_t)tgid;
	ret->ppid = (int32_t)ppid;
	ret->uid = (uint32_t)uid;
	ret->euid = (uint32_t)euid;
	status_number(text, "\nTracerPid:", &tracer);
	ret->tracer = tracer <= INT32_MAX ? (int32_t)tracer : 0;
	return 0;
}

uint64_t process_read_ns(int dir, const char *name)
{
	char file[16], link[64];
	unsigned long long inode;
	ssize_t n;

	snprintf(file, sizeof(file), "ns/%s", name);
	n = readlinkat(dir, file, link, sizeof(link) - 1);
	if (n <= 0)
		return 0;
	link[n] = '\0';
	return sscanf(link, "%*[a-z_]:[%llu]", &inode) == 1 ? inode : 0;
}

/* Sanitized copy of at most `len` bytes, in at most `size`. */
static char *text_dup(const char *s, size_t len, size_t size)
{
	char *out = malloc(size);
	char *fit;

	if (!out)
		return NULL;
	fit = realloc(out, utf8_sanitize(s, len, out, size) + 1);
	return fit ? fit : out;
}

bool process_read_path(int dir, uint64_t host_mnt, char *ret)
{
	char exe[PROCESS_EXE_LEN];
	size_t len;

	if (!process_exe_read(dir, host_mnt, exe, &len))
		return false;
	utf8_sanitize(exe, len, ret, LIMIT_PATH + 1);
	return true;
}

/* Raw argv, and the same joined by blanks. */
static bool read_args(int dir, struct process *p)
{
	char *args = malloc(LIMIT_ARGS + 1);
	_cleanup_free_ char *joined = NULL;
	ssize_t n;
	size_t len;

	p->args = args;
	if (!args)
		return false;
	n = read_file(dir, "cmdline", args, LIMIT_ARGS + 1);
	p->args_len = n > 0 ? (size_t)n : 0;
	args = realloc(args, p->args_len + 1);
	if (args)
		p->args = args;
	joined = malloc(p->args_len + 1);
	if (!joined)
		return false;
	memcpy(joined, p->args, p->args_len);
	for (len = p->args_len; len && !joined[len - 1]; len--)
		;
	for (size_t i = 0; i < len; i++)
		if (!joined[i])
			joined[i] = ' ';
	p->command = text_dup(joined, len, LIMIT_ARGS + 1);
	return p->command != NULL;
}

static bool read_cwd(int dir, struct process *p)
{
	char link[LIMIT_PATH + 1];
	ssize_t n = readlinkat(dir, "cwd", link, sizeof(link));

	p->cwd = text_dup(link, n > 0 ? (size_t)n : 0, LIMIT_PATH + 1);
	return p->cwd != NULL;
}

/* The line of the unified hierarchy ("0::/path"), or systemd's own where only version 1 is mounted. */
static bool read_cgroup(int dir, struct process *p)
{
	char text[4096];
	const char *at = NULL;

	if (read_file(dir, "cgroup", text, sizeof(text)) > 0) {
		at = strncmp(text, "0::", 3) == 0 ? text + 3 : strstr(text, "\n0::");
		if (at && at != text + 3)
			at += 4;
		if (!at || strncmp(at, "/\n", 2) == 0) {
			const char *systemd = strstr(text, ":name=systemd:");

			at = systemd ? systemd + strlen(":name=systemd:") : at;
		}
	}
	p->cgroup = text_dup(at ? at : "", at ? strcspn(at, "\n") : 0, LIMIT_CGROUP + 1);
	if (!p->cgroup)
		return false;
	p->container = cgroup_container(p->cgroup);
	return true;
}

struct process *process_new(int32_t pid, const char *path)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->refs = 1;
	p->pid = pid;
	p->who.uid = p->who.euid = UINT32_MAX;
	p->path = strdup(path);
	p->args = strdup("");
	p->command = strdup("");
	p->cwd = strdup("");
	p->cgroup = strdup("");
	if (!p->path || !p->args || !p->command || !p->cwd || !p->cgroup) {
		process_unref(p);
		return NULL;
	}
	return p;
}

void process_read_name(int dir, char ret[static PROCESS_NAME_LEN])
{
	char text[64]; /* kernel threads of work queues say more */
	ssize_t n = read_file(dir, "comm", text, sizeof(text));

	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	snprintf(ret, PROCESS_NAME_LEN, "%.*s", PROCESS_NAME_LEN - 1, n > 0 ? text : "");
}

/* A kernel thread has no argv; its name says what it does. */
static bool read_kernel_name(int dir, struct process *p)
{
	char name[64], text[80];
	ssize_t n = read_file(dir, "comm", name, sizeof(name));

	if (n > 0 && name[n - 1] == '\n')
		name[n - 1] = '\0';
	snprintf(text, sizeof(text), "[%s]", n > 0 ? name : "");
	free(p->command);
	p->command = text_dup(text, strlen(text), sizeof(text) * 4);
	return p->command != NULL;
}

struct process *process_read(
	int dir, uint64_t host_mnt, const struct process_ids *ids, const struct process_life *life)
{
	char path[LIMIT_PATH + 1], again[LIMIT_PATH + 1];
	struct process *p;

	for (int tries = 0; tries < 4; tries++) {
		if (life->is_kernel)
			strcpy(path, "[kernel]");
		else if (!process_read_path(dir, host_mnt, path))
			return NULL;
		p = calloc(1, sizeof(*p));
		if (!p)
			return NULL;
		p->refs = 1;
		p->pid = ids->tgid;
		p->who.uid = ids->uid;
		p->who.euid = ids->euid;
		p->start_time = life->start_time;
		p->netns = process_read_ns(dir, "net");
		p->path = strdup(path);
		if (!p->path || !read_args(dir, p) || !read_cwd(dir, p) || !read_cgroup(dir, p) ||
			(life->is_kernel && !read_kernel_name(dir, p))) {
			process_unref(p);
			return NULL;
		}
		/* An exec in between would leave us with the old path and the new arguments. */
		if (life->is_kernel ||
			(process_read_path(dir, host_mnt, again) && strcmp(path, again) == 0)) {
			process_marks_read(dir, ids, p);
			return p;
		}
		process_unref(p);
	}
	return NULL;
}

struct process *process_ref(struct process *p)
{
	p->refs++;
	return p;
}

void process_unref(struct process *p)
{
	if (!p || --p->refs)
		return;
	for (unsigned i = 0; i < p->n_parents; i++)
		free(p->parents[i].path);
	free(p->path);
	free(p->args);
	free(p->command);
	free(p->cwd);
	free(p->cgroup);
	free(p->container);
	free(p->script);
	free(p);
}
