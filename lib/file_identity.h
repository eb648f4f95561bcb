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

#endif
