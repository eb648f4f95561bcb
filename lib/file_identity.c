/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One statx() of what is cached. */
#include "config.h"
#include "lib/file_identity.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int64_t ns_of(struct statx_timestamp t)
{
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

bool file_identity_read(int dir, const char *path, struct file_identity *ret)
{
	struct statx st;

	memset(ret, 0, sizeof(*ret));
	if (statx(dir, path, AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st) < 0 ||
		!S_ISREG(st.stx_mode))
		return false;
	*ret = (struct file_identity) {
		.dev = makedev(st.stx_dev_major, st.stx_dev_minor),
		.inode = st.stx_ino,
		.size = st.stx_size,
		.mtime_ns = ns_of(st.stx_mtime),
		.ctime_ns = ns_of(st.stx_ctime),
	};
	return true;
}

bool file_identity_equal(const struct file_identity *a, const struct file_identity *b)
{
	return a->dev == b->dev && a->inode == b->inode && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}
