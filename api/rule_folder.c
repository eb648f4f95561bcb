/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading, atomic writing and removing of rule files. */
#include "config.h"

#include "api/rule_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/fd_read.h"
#include "lib/sha256.h"

#define TMP_PREFIX ".opensnitch-"
#define TMP_SUFFIX ".tmp"
#define FRESH_NS INT64_C(2000000000) /* coarser than the clock of any file system in use */

static bool ends_with(const char *s, const char *tail)
{
	size_t len = strlen(s), n = strlen(tail);

	return len > n && strcmp(s + len - n, tail) == 0;
}

bool rule_file_is_rule(const char *name)
{
	return name[0] != '.' && ends_with(name, ".json");
}

void rule_file_name(const char *rule, unsigned n, char ret[static RULE_FILE_NAME_MAX + 1])
{
	const size_t room = RULE_FILE_NAME_MAX - strlen("~0123456789abcdef-4294967295.json");
	char hash[2 * SHA256_LEN + 1] = "", number[16] = "";
	uint8_t digest[SHA256_LEN];
	size_t used = 0, i = 0;

	for (; rule[i] && used + 3 <= room; i++) {
		bool escape = rule[i] == '/' || rule[i] == '%' || (i == 0 && rule[i] == '.');

		used += (size_t)snprintf(
			ret + used, 4, escape ? "%%%02X" : "%c", (unsigned char)rule[i]);
	}
	if (rule[i]) {
		sha256_of(rule, strlen(rule), digest);
		hex_write(digest, 8, hash);
		/* Not in the middle of a character. */
		while (used && ((unsigned char)rule[i] & 0xc0) == 0x80) {
			used--;
			i--;
		}
	}
	if (n > 1)
		snprintf(number, sizeof(number), "-%u", n);
	snprintf(ret + used, RULE_FILE_NAME_MAX + 1 - used, "%s%s%s.json", rule[i] ? "~" : "", hash,
		number);
}

/* ---- the folder */

static DIR *open_folder(int folder)
{
	_cleanup_close_ int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d)
		steal_fd(&fd);
	return d;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void rule_folder_list_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static int add_name(char ***names, size_t *n, const char *name)
{
	char **more = *names;

	/* Room doubles: at 0, 1, 2, 4, 8 ... names. */
	if ((*n & (*n - 1)) == 0)
		more = realloc(*names, (*n ? *n * 2 : 1) * sizeof(*more));
	if (!more)
		return ERR_NOMEM;
	*names = more;
	more[*n] = strdup(name);
	if (!more[*n])
		return ERR_NOMEM;
	(*n)++;
	return 0;
}

int rule_folder_list(int folder, char ***ret, size_t *ret_n, struct error *err)
{
	DIR *d = open_folder(folder);
	char **names = NULL;
	struct dirent *e;
	size_t n = 0;
	int r = 0;

	if (!d)
		return error_set(err, err_from_errno(errno), NULL,
			"the rules folder cannot be read: %s", strerror(errno));
	errno = 0;
	while (r == 0 && (e = readdir(d)))
		if (rule_file_is_rule(e->d_name))
			r = add_name(&names, &n, e->d_name);
	if (r == 0 && errno)
		r = err_from_errno(errno);
	closedir(d);
	if (r < 0) {
		rule_folder_list_free(names, n);
		return error_set(err, r, NULL, "the rules folder cannot be read: %s", err_str(r));
	}
	if (n)
		qsort(names, n, sizeof(*names), compare_names);
	*ret = names;
	*ret_n = n;
	return 0;
}

void rule_folder_tidy(int folder)
{
	DIR *d = open_folder(folder);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)))
		if (strncmp(e->d_name, TMP_PREFIX, strlen(TMP_PREFIX)) == 0 &&
			ends_with(e->d_name, TMP_SUFFIX))
			unlinkat(folder, e->d_name, 0);
	closedir(d);
}

bool rule_folder_exists(int folder)
{
	struct stat st;

	return fstat(folder, &st) == 0 && st.st_nlink > 0;
}

/* ---- one file */

static struct rule_file_stamp stamp_of(const struct stat *st)
{
	struct rule_file_stamp s = {
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec,
	};
	int64_t age = (int64_t)clock_real_us() * 1000 - s.mtime_ns;

	s.is_fresh = age < FRESH_NS;
	return s;
}

bool rule_file_is_same(const struct rule_file_stamp *then, const struct rule_file_stamp *now)
{
	return !then->is_fresh && then->inode == now->inode && then->size == now->size &&
	       then->mtime_ns == now->mtime_ns;
}

int rule_folder_stat(int folder, const char *name, struct rule_file_stamp *ret)
{
	struct stat st;

	if (fstatat(folder, name, &st, 0) < 0)
		return err_from_errno(errno);
	*ret = stamp_of(&st);
	return 0;
}

int rule_folder_read(int folder, const char *name, char **ret, size_t *ret_len,
	struct rule_file_stamp *ret_stamp, struct error *err)
{
	/* Not to wait for the other end of a pipe. */
	_cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_free_ char *buf = NULL;
	struct stat st;
	ssize_t len;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, err_from_errno(errno), NULL, "the file cannot be read: %s",
			strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_INVALID, NULL, "it is no regular file");
	if (st.st_size > (off_t)RULE_FILE_MAX)
		return error_set(err, ERR_TOO_BIG, NULL, "the file is bigger than 1 MiB");
	buf = malloc((size_t)st.st_size + 2);
	if (!buf)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	/* One byte more, to see that it grew meanwhile. */
	len = fd_read(fd, buf, (size_t)st.st_size + 1);
	if (len < 0)
		return error_set(err, err_from_errno(errno), NULL, "the file cannot be read: %s",
			strerror(errno));
	if (len > st.st_size)
		return error_set(err, ERR_AGAIN, NULL, "the file changes while it is read");
	buf[len] = '\0';
	*ret_stamp = stamp_of(&st);
	*ret = steal_ptr(buf);
	*ret_len = (size_t)len;
	return 0;
}

static int write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

/* Moves the finished file to its name. Where the file system has no RENAME_NOREPLACE, nobody else makes just this name. */
static int move_to(int folder, const char *tmp, const char *name, bool replace)
{
	if (replace)
		return renameat(folder, tmp, folder, name);
	if (renameat2(folder, tmp, folder, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(folder, tmp, folder, name);
}

static int write_tmp(
	int folder, const char *tmp, const char *text, mode_t mode, bool sync, struct stat *st)
{
	_cleanup_close_ int fd =
		openat(folder, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || write_all(fd, text) < 0 || fchmod(fd, mode) < 0 || (sync && fsync(fd) < 0))
		return -1;
	return fstat(fd, st);
}

static int refuse_write(int folder, const char *tmp, const char *name, struct error *err)
{
	int errnum = errno;

	unlinkat(folder, tmp, 0);
	return error_set(err, err_from_errno(errnum), NULL,
		"the file '%.200s' cannot be written in the rules folder: %s", name,
		strerror(errnum));
}

static int sync_folder(int folder, struct error *err)
{
	if (fsync(folder) < 0)
		return error_set(err, err_from_errno(errno), NULL,
			"the rules folder cannot be synced: %s", strerror(errno));
	return 0;
}

int rule_folder_sync(int folder, struct error *err)
{
	if (syncfs(folder) < 0)
		return error_set(err, err_from_errno(errno), NULL,
			"the rules folder cannot be synced: %s", strerror(errno));
	return 0;
}

int rule_folder_write(int folder, const char *name, const char *text, unsigned how,
	struct rule_file_stamp *ret_stamp, struct error *err)
{
	bool replace = how & RULE_FILE_REPLACE, sync = !(how & RULE_FILE_UNSYNCED);
	char tmp[64];
	mode_t mode = 0600;
	struct stat st;
	uint64_t salt;

	if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt))
		return error_set(err, ERR_IO, NULL, "getrandom: %s", strerror(errno));
	snprintf(tmp, sizeof(tmp), TMP_PREFIX "%016llx" TMP_SUFFIX, (unsigned long long)salt);
	if (replace && fstatat(folder, name, &st, 0) == 0)
		mode = st.st_mode & 07777;
	if (write_tmp(folder, tmp, text, mode, sync, &st) < 0 ||
		move_to(folder, tmp, name, replace) < 0)
		return refuse_write(folder, tmp, name, err);
	*ret_stamp = stamp_of(&st);
	return sync ? sync_folder(folder, err) : 0;
}

int rule_folder_remove(int folder, const char *name, unsigned how, struct error *err)
{
	if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
		return error_set(err, err_from_errno(errno), NULL,
			"the file '%.200s' cannot be removed from the rules folder: %s", name,
			strerror(errno));
	return how & RULE_FILE_UNSYNCED ? 0 : sync_folder(folder, err);
}
