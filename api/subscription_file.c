/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of lists from a URL: written beside, judged, renamed. */
#include "config.h"

#include "api/subscription_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/list_parse.h"
#include "lib/cleanup.h"
#include "lib/log.h"

#define PATH_LEN (2 * LIMIT_SUBSCRIPTION_NAME + 16)

static int failed(struct error *err, const char *what)
{
	return error_set(err, err_from_errno(errno), NULL, "%s: %s", what, strerror(errno));
}

static void path_of(const struct subscription_row *row, char ret[static PATH_LEN])
{
	snprintf(ret, PATH_LEN, row->enabled ? "%s/%s.list" : "%s/.%s.off", row->folder, row->name);
}

static void part_of(const struct subscription_row *row, char ret[static PATH_LEN])
{
	snprintf(ret, PATH_LEN, "%s/.%s.part", row->folder, row->name);
}

void subscription_file_name(
	const struct subscription_row *row, char ret[static LIMIT_SUBSCRIPTION_NAME + 8])
{
	snprintf(ret, LIMIT_SUBSCRIPTION_NAME + 8, "%s.list", row->name);
}

static int open_folder(int at, const char *name, struct error *err)
{
	int fd;

	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return failed(err, "the folder for lists cannot be made");
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? failed(err, "the folder for lists cannot be opened") : fd;
}

int subscription_files_open(int state_fd, struct error *err)
{
	return open_folder(state_fd, SUBSCRIPTION_ROOT, err);
}

int subscription_file_begin(int root, const struct subscription_row *row, struct error *err)
{
	char part[PATH_LEN];
	int folder = open_folder(root, row->folder, err), fd;

	if (folder < 0)
		return folder;
	close(folder);
	part_of(row, part);
	if (unlinkat(root, part, 0) < 0 && errno != ENOENT)
		return failed(err, "the last try cannot be removed");
	fd = openat(root, part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? failed(err, "no file can be made for the list") : fd;
}

void subscription_file_drop(int root, const struct subscription_row *row)
{
	char part[PATH_LEN];

	part_of(row, part);
	unlinkat(root, part, 0);
}

/* ---- judging */

/* Parses and compiles it, as the folder it lies in will be. */
static int judge(int fd, enum operand operand, const char *folder, struct subscription_counts *ret,
	struct error *err)
{
	struct list_parse p = { .operand = operand };
	_cleanup_close_ int compiled = -1;
	int r;

	p.builder = listset_builder_new(operand, (struct text) { folder, strlen(folder) });
	if (!p.builder)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	listset_build_source(p.builder, 1);
	r = list_parse_fd(&p, fd, err);
	if (r == 0) {
		compiled = listset_build_fd(p.builder);
		if (compiled < 0)
			r = error_set(err, compiled, NULL, "it cannot be compiled: %s",
				err_str(compiled));
	}
	listset_builder_free(p.builder);
	if (r < 0)
		return r;
	if (!p.entries && !p.bad)
		return error_set(err, ERR_INVALID, NULL, "it has no entries");
	/* A page that tells of a failure, or a list of another kind. */
	if (p.bad > p.entries)
		return error_set(err, ERR_INVALID, NULL,
			"it is no list for %s: %llu of %llu lines are not understood, the first in "
			"line "
			"%llu: %s",
			operand_str(operand), (unsigned long long)p.bad,
			(unsigned long long)p.lines, (unsigned long long)p.first_bad, p.why);
	ret->entries = p.entries;
	ret->bad_lines = p.bad;
	return 0;
}

static bool is_same(int a, int b)
{
	char x[16384], y[16384];
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(a, x, sizeof(x), at), m = pread(b, y, sizeof(y), at);

		if (n < 0 || n != m || memcmp(x, y, (size_t)n) != 0)
			return false;
		if (n == 0)
			return true;
		at += n;
	}
}

static int install(int root, const struct subscription_row *row, int fd, const char *part,
	struct subscription_counts *ret, struct error *err)
{
	_cleanup_close_ int old = -1, folder = -1;
	char path[PATH_LEN];

	path_of(row, path);
	old = openat(root, path, O_RDONLY | O_CLOEXEC);
	ret->is_same = old >= 0 && is_same(old, fd);
	if (ret->is_same) {
		unlinkat(root, part, 0);
		return 0;
	}
	if (fsync(fd) < 0 || renameat(root, part, root, path) < 0)
		return failed(err, "the new copy cannot be put into its place");
	folder = openat(root, row->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0)
		fsync(folder);
	return 0;
}

int subscription_file_install(int root, const struct subscription_row *row, enum operand operand,
	const char *folder, struct subscription_counts *ret, struct error *err)
{
	_cleanup_close_ int fd = -1;
	char part[PATH_LEN];
	struct stat st;
	int r;

	memset(ret, 0, sizeof(*ret));
	part_of(row, part);
	fd = openat(root, part, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return failed(err, "the new copy cannot be read");
	ret->bytes = (uint64_t)st.st_size;
	if (st.st_size == 0)
		r = error_set(err, ERR_INVALID, NULL, "it is empty");
	else if (st.st_size > LIMIT_FETCH_BYTES)
		r = error_set(err, ERR_TOO_BIG, NULL, "it is too big");
	else
		r = judge(fd, operand, folder, ret, err);
	if (r == 0)
		r = install(root, row, fd, part, ret, err);
	if (r < 0)
		unlinkat(root, part, 0);
	return r;
}

/* ---- the good copy */

bool subscription_file_size(int root, const struct subscription_row *row, uint64_t *ret)
{
	char path[PATH_LEN];
	struct stat st;

	path_of(row, path);
	if (fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return false;
	*ret = (uint64_t)st.st_size;
	return true;
}

void subscription_file_move(
	int root, const struct subscription_row *from, const struct subscription_row *to)
{
	char old[PATH_LEN], new[PATH_LEN];
	struct error err = { 0 };
	int folder;

	path_of(from, old);
	path_of(to, new);
	if (strcmp(old, new) == 0)
		return;
	folder = open_folder(root, to->folder, &err);
	if (folder >= 0)
		close(folder);
	if (folder < 0 || (renameat(root, old, root, new) < 0 && errno != ENOENT))
		log_warning("the list %s cannot be moved: %s", from->name,
			folder < 0 ? err.message : strerror(errno));
	if (strcmp(from->folder, to->folder) != 0)
		unlinkat(root, from->folder, AT_REMOVEDIR);
}

void subscription_file_remove(int root, const struct subscription_row *row)
{
	char path[PATH_LEN];

	subscription_file_drop(root, row);
	path_of(row, path);
	unlinkat(root, path, 0);
	/* Another list may lie in it. */
	unlinkat(root, row->folder, AT_REMOVEDIR);
}
