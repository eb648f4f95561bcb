/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One statx() of what is cached. */
#include "config.h"
#include "lib/file_identity.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define XFS_MAGIC 0x58465342 /* not in <linux/magic.h> */

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

bool file_identity_is_plain_on(uint64_t type)
{
	return type == EXT4_SUPER_MAGIC || type == XFS_MAGIC || type == TMPFS_MAGIC ||
	       type == F2FS_SUPER_MAGIC || type == SQUASHFS_MAGIC;
}

bool file_identity_equal(const struct file_identity *a, const struct file_identity *b)
{
	return a->dev == b->dev && a->inode == b->inode && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

bool file_identity_is_unchanged(const struct file_identity *then, const struct file_identity *now)
{
	return then->size == now->size && then->mtime_ns == now->mtime_ns &&
	       then->ctime_ns == now->ctime_ns;
}

char *file_identity_format(const struct file_identity *f, char buf[static FILE_IDENTITY_TEXT_LEN])
{
	snprintf(buf, FILE_IDENTITY_TEXT_LEN,
		"%" PRIu64 " %" PRId64 " %" PRId64 " %" PRIu64 " %" PRIu64, f->size, f->mtime_ns,
		f->ctime_ns, f->dev, f->inode);
	return buf;
}

bool file_identity_parse(const char *text, struct file_identity *ret)
{
	struct file_identity f;

	memset(ret, 0, sizeof(*ret));
	/* NOLINTNEXTLINE(cert-err34-c): our own words; what overflows is another file, which is what it then is taken for */
	if (sscanf(text, "%" SCNu64 " %" SCNd64 " %" SCNd64 " %" SCNu64 " %" SCNu64, &f.size,
		    &f.mtime_ns, &f.ctime_ns, &f.dev, &f.inode) != 5)
		return false;
	*ret = f;
	return true;
}
