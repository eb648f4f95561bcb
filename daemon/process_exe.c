/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The link's text is a path as seen from our root, with " (deleted)" behind it when the file is gone from there. Both are
 * ambiguous: a file may be named so, and in a mount namespace of its own (which every user can make) a process
 * may run anything as /usr/bin/curl. The file's device and inode decide.
 */
#include "config.h"
#include "daemon/process_exe.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "daemon/process_read.h"
#include "lib/cleanup.h"

#define DELETED " (deleted)"
#define OTHER_ROOT PROCESS_EXE_OTHER_ROOT
#define MEMFD "/memfd:"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/* Of linux/openat2.h, which not every system has. */
struct open_how_wire {
	uint64_t flags, mode, resolve;
};
#define LOOKUP_TRIES 8
#define RESOLVE_ONLY_CACHED 0x20 /* RESOLVE_CACHED, Linux 5.12: never waits for a file system */

struct file_id {
	uint32_t dev_major, dev_minor;
	uint64_t inode;
};

static bool file_id(int dir, const char *path, int flags, struct file_id *ret)
{
	struct statx st;

	if (statx(dir, path, flags | AT_STATX_DONT_SYNC, STATX_INO, &st) < 0)
		return false;
	ret->dev_major = st.stx_dev_major;
	ret->dev_minor = st.stx_dev_minor;
	ret->inode = st.stx_ino;
	return true;
}

/* What stands at `path` in our root, of what the kernel has in memory: a descriptor of the name alone, or -1. */
static int open_name(const char *path)
{
	struct open_how_wire how = { O_PATH | O_CLOEXEC, 0, RESOLVE_ONLY_CACHED };
	int fd = -1;

	/* A rename anywhere may disturb the look-up: try again. */
	for (int tries = 0; fd < 0 && tries < LOOKUP_TRIES; tries++) {
		fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
		if (fd < 0 && (errno == EINVAL || errno == ENOSYS))
			fd = open(path, O_PATH | O_CLOEXEC);
		if (fd < 0 && errno != EAGAIN)
			break;
	}
	return fd;
}

enum sameness {
	SAME_FILE,
	OTHER_FILE,
	TASK_GONE, /* it ended between two looks at it: nothing can be said */
};

/*
 * Whether `path` in our root is the very file that the task runs. Only what the kernel has in memory is asked: the names of a
 * running file are always there, so what is not cannot be it.
 */
static enum sameness compare_file(int dir, const char *path)
{
	struct file_id running, named;
	_cleanup_close_ int fd = -1;

	if (!file_id(dir, "exe", 0, &running))
		return TASK_GONE;
	fd = open_name(path);
	return fd >= 0 && file_id(fd, "", AT_EMPTY_PATH, &named) &&
			       running.dev_major == named.dev_major &&
			       running.dev_minor == named.dev_minor && running.inode == named.inode
		       ? SAME_FILE
		       : OTHER_FILE;
}

bool process_exe_read(int dir, uint64_t host_mnt, char *ret, size_t *ret_len)
{
	size_t prefix_len = strlen(OTHER_ROOT), deleted_len = strlen(DELETED), len;
	char *path = ret + prefix_len; /* room for the prefix */
	enum sameness sameness = SAME_FILE;
	bool is_deleted = false;
	uint64_t mnt;
	ssize_t n = readlinkat(dir, "exe", path, PROCESS_EXE_LEN - prefix_len - 1);

	if (n <= 0)
		return false;
	len = (size_t)n;
	path[len] = '\0';
	if (len > deleted_len && strcmp(path + len - deleted_len, DELETED) == 0) {
		sameness = compare_file(dir, path);
		is_deleted = sameness == OTHER_FILE;
	}
	if (is_deleted) {
		len -= deleted_len;
		path[len] = '\0';
	}
	*ret_len = len;
	if (is_deleted && strncmp(path, MEMFD, strlen(MEMFD)) == 0) {
		*ret_len = len - 1;
		memmove(ret, path + 1, len - 1);
		return true;
	}
	mnt = host_mnt ? process_read_ns(dir, "mnt") : 0;
	/* A task that has just ended has no namespace any more, and must not pass for one of another. */
	if (mnt != host_mnt && sameness != TASK_GONE)
		sameness = compare_file(dir, path);
	if (sameness == TASK_GONE)
		return false;
	if (mnt != host_mnt && (is_deleted || sameness == OTHER_FILE)) {
		/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a prefix of the path */
		memcpy(ret, OTHER_ROOT, prefix_len);
		*ret_len = prefix_len + len;
		return true;
	}
	memmove(ret, path, len);
	return true;
}

/* File systems that cannot be asked for what is in memory only, and that no process serves. */
static bool is_local(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == TMPFS_MAGIC || fs.f_type == OVERLAYFS_SUPER_MAGIC);
}

enum file_kind {
	NATIVE_PROGRAM, /* for this very kind of machine: what executes it executes the file itself, and no interpreter of it */
	OTHER_KIND,
	NOT_READ, /* no file, or not in memory */
};

/* `fd` is of the name alone, and what it is of is not opened unless it is a file: of a device that might do something. */
static enum file_kind kind_of(int fd)
{
	Elf64_Ehdr h = { 0 }; /* the 32-bit one is the same up to the machine */
	struct iovec iov = { &h, sizeof(h) };
	_cleanup_close_ int file = -1;
	char link[32];
	struct statx st;
	ssize_t n;

#if defined(__x86_64__)
	const Elf64_Half machine = EM_X86_64;
#elif defined(__aarch64__)
	const Elf64_Half machine = EM_AARCH64;
#else
	const Elf64_Half machine = EM_NONE;
#endif
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0 ||
		!S_ISREG(st.stx_mode))
		return NOT_READ;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	file = open(link, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (file < 0)
		return NOT_READ;
	/* Only from memory: the file may lie on a file system that the very process serves. */
	n = preadv2(file, &iov, 1, 0, RWF_NOWAIT);
	if (n < 0 && errno == EOPNOTSUPP && is_local(file))
		n = pread(file, &h, sizeof(h), 0);
	if (n < 0)
		return NOT_READ;
	return n == (ssize_t)sizeof(h) && memcmp(h.e_ident, ELFMAG, SELFMAG) == 0 &&
			       h.e_machine == machine
		       ? NATIVE_PROGRAM
		       : OTHER_KIND;
}

/* What stands at `path` in our root: a descriptor of the name alone, or -1. *ret: whether that is this file. */
static int open_and_compare(const char *path, uint64_t dev, uint64_t inode, bool *ret_is_it)
{
	int fd = open_name(path);
	struct file_id named;

	*ret_is_it = fd >= 0 && file_id(fd, "", AT_EMPTY_PATH, &named) && named.inode == inode &&
		     makedev(named.dev_major, named.dev_minor) == dev;
	return fd;
}

static bool is_plain(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && file_identity_is_plain_on((uint64_t)fs.f_type);
}

bool process_exe_is_elsewhere(const char *path, const struct file_identity *executed)
{
	bool is_it;
	_cleanup_close_ int fd = open_and_compare(path, executed->dev, executed->inode, &is_it);

	/* Of two such file systems nothing is known. */
	if (fd >= 0 && !executed->inode && !is_plain(fd))
		return false;
	return !is_it && (fd < 0 || kind_of(fd) != OTHER_KIND);
}

bool process_exe_is_plain(int dir)
{
	_cleanup_close_ int fd = openat(dir, "exe", O_PATH | O_CLOEXEC);

	return fd >= 0 && is_plain(fd);
}

bool process_exe_from_cwd(int dir, const char *given, uint64_t dev, uint64_t inode, char *ret)
{
	ssize_t n = readlinkat(dir, "cwd", ret, PROCESS_EXE_LEN - 1);
	_cleanup_close_ int fd = -1;
	size_t len = strlen(given);
	bool is_it;

	if (n <= 0 || ret[0] != '/')
		return false;
	if (len > 2 && memcmp(given, "./", 2) == 0) {
		given += 2;
		len -= 2;
	}
	if ((size_t)n + len + 2 > PROCESS_EXE_LEN)
		return false;
	if (n > 1)
		ret[n++] = '/';
	memcpy(ret + n, given, len + 1);
	fd = open_and_compare(ret, dev, inode, &is_it);
	return fd >= 0 && is_it;
}

bool process_exe_is_forged(
	int dir, uint64_t host_mnt, const struct file_identity *said, const char *given)
{
	_cleanup_close_ int fd = -1;
	char link[PATH_MAX];
	bool is_it;
	ssize_t n = readlinkat(dir, "root", link, sizeof(link));

	if (!said->inode || n != 1 || link[0] != '/' ||
		(host_mnt && process_read_ns(dir, "mnt") != host_mnt))
		return false;
	n = readlinkat(dir, "exe", link, sizeof(link));
	if (n <= 0 || (n > (ssize_t)strlen(DELETED) &&
			      memcmp(link + n - strlen(DELETED), DELETED, strlen(DELETED)) == 0))
		return false;
	fd = open_and_compare(given, said->dev, said->inode, &is_it);
	return fd >= 0 && !is_it && kind_of(fd) == NATIVE_PROGRAM;
}
