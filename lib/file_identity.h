/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tells one state of a file from another without reading it: any change of content or place changes one of these. */
#ifndef LIB_FILE_IDENTITY_H
#define LIB_FILE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

struct file_identity {
	uint64_t dev, inode; /* 0: not known */
	uint64_t size;
	int64_t mtime_ns, ctime_ns; /* CLOCK_REALTIME */
};

/*
 * Of `path` below `dir`, as statx(2) takes them, by what the kernel has in memory (never waits for a file system). False and all
 * zero where it is no regular file or cannot be looked at.
 */
bool file_identity_read(int dir, const char *path, struct file_identity *ret);

bool file_identity_equal(const struct file_identity *a, const struct file_identity *b);

/*
 * The same without device and inode, which some file systems number anew at each mount: as good, for nobody can choose the time at
 * which an inode changes.
 */
bool file_identity_is_unchanged(const struct file_identity *then, const struct file_identity *now);

/*
 * Whether stat(2) tells the numbers that the kernel itself has (s_dev and i_ino of include/linux/fs.h) on file systems of this type
 * (f_type of statfs(2)). On btrfs, overlayfs and others it does not.
 */
bool file_identity_is_plain_on(uint64_t type);

#define FILE_IDENTITY_TEXT_LEN 112

/* "SIZE MTIME CTIME DEV INODE" into `buf`, which is returned. */
char *file_identity_format(const struct file_identity *f, char buf[static FILE_IDENTITY_TEXT_LEN]);

/* Reads it again. False (and all zero) where it is none. */
bool file_identity_parse(const char *text, struct file_identity *ret);

#endif
