/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file counts when its writer closes it, or when it is moved to its name. */
#include "config.h"

#include "api/rule_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "lib/hash.h"
#include "lib/inotify_read.h"

#define WRITING_MAX 256 /* files; more than anybody writes at once */
#define DONE (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)

struct writing {
	struct hash_node node;
	char name[];
};

struct rule_watch {
	int fd;
	bool (*is_ours)(const char *name);
	struct hash writing;
};

struct rule_watch *rule_watch_new(int folder, bool (*is_ours)(const char *name))
{
	struct rule_watch *w = calloc(1, sizeof(*w));
	char path[40];

	if (!w)
		return NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", folder);
	w->is_ours = is_ours;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0 ||
		inotify_add_watch(w->fd, path,
			DONE | IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) < 0) {
		rule_watch_free(w);
		return NULL;
	}
	return w;
}

static void forget(struct rule_watch *w, struct writing *entry)
{
	hash_del(&w->writing, &entry->node);
	free(entry);
}

static void forget_all(struct rule_watch *w)
{
	while (w->writing.first)
		forget(w, hash_entry(w->writing.first, struct writing, node));
}

void rule_watch_free(struct rule_watch *w)
{
	if (!w)
		return;
	forget_all(w);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

int rule_watch_fd(const struct rule_watch *w)
{
	return w->fd;
}

static struct writing *find(const struct rule_watch *w, const char *name)
{
	return hash_entry(hash_find(&w->writing, name, strlen(name)), struct writing, node);
}

bool rule_watch_is_writing(const struct rule_watch *w, const char *name)
{
	return find(w, name) != NULL;
}

static void note_writing(struct rule_watch *w, const char *name)
{
	struct writing *entry;

	if (find(w, name) || hash_count(&w->writing) >= WRITING_MAX)
		return;
	entry = malloc(sizeof(*entry) + strlen(name) + 1);
	if (!entry)
		return;
	memcpy(entry->name, name, strlen(name) + 1);
	if (!hash_add(&w->writing, &entry->node, entry->name, strlen(entry->name)))
		free(entry);
}

/* True when the folder is worth a look. */
static bool take_event(void *ctx, const struct inotify_event *e)
{
	struct rule_watch *w = ctx;
	struct writing *entry;

	/* Something was missed: what is being written too. */
	if (e->mask & IN_Q_OVERFLOW)
		forget_all(w);
	if (e->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT))
		return true;
	if (!e->len || !w->is_ours(e->name))
		return false;
	if (e->mask & IN_MODIFY) {
		note_writing(w, e->name);
		return false;
	}
	entry = find(w, e->name);
	if (entry)
		forget(w, entry);
	return (e->mask & DONE) != 0;
}

bool rule_watch_read(struct rule_watch *w)
{
	return inotify_read(w->fd, take_event, w);
}
