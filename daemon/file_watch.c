/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two watches: of the folder, and of the file that has the name now. */
#include "config.h"

#include "daemon/file_watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "lib/inotify_read.h"

/* A link count that changes tells that another file got the name, where that happens in a folder which is not watched. */
#define OF_FILE (IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)
#define OF_FOLDER (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)

struct file_watch {
	int fd;
	int folder, file; /* watch descriptors; -1: there is no file */
	const char *name; /* in the path */
	char path[];
};

static void watch_file(struct file_watch *w)
{
	if (w->file >= 0)
		(void)inotify_rm_watch(w->fd, w->file);
	w->file = inotify_add_watch(w->fd, w->path, OF_FILE);
}

struct file_watch *file_watch_new(const char *path)
{
	struct file_watch *w = malloc(sizeof(*w) + strlen(path) + 1);
	char *slash;

	if (!w)
		return NULL;
	memcpy(w->path, path, strlen(path) + 1);
	slash = strrchr(w->path, '/');
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	w->file = w->folder = -1;
	if (slash && w->fd >= 0) {
		w->name = slash + 1;
		*slash = '\0';
		w->folder = inotify_add_watch(
			w->fd, slash == w->path ? "/" : w->path, OF_FOLDER | IN_ONLYDIR);
		*slash = '/';
	}
	if (w->folder < 0) {
		file_watch_free(w);
		return NULL;
	}
	watch_file(w);
	return w;
}

void file_watch_free(struct file_watch *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

int file_watch_fd(const struct file_watch *w)
{
	return w ? w->fd : -1;
}

static bool is_about_file(void *ctx, const struct inotify_event *e)
{
	const struct file_watch *w = ctx;

	if (e->mask & IN_Q_OVERFLOW)
		return true;
	if (e->wd == w->folder)
		return e->len && strcmp(e->name, w->name) == 0;
	/* Of a watch that was taken away something may still come. */
	return e->wd == w->file;
}

bool file_watch_read(struct file_watch *w)
{
	bool changed = inotify_read(w->fd, is_about_file, w);

	/* Before the caller reads it: what is written from now on is told again. */
	if (changed)
		watch_file(w);
	return changed;
}
