/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a folder of lists, and looking when something changes in it. */
#include "config.h"

#include "api/list_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/list_parse.h"
#include "api/loop.h"
#include "api/rule_watch.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/limits.h"
#include "lib/log.h"

#define SETTLE_MS 200 /* from a change to a look */
#define MISSING_MS 1000 /* between two looks for a folder that is not there */

struct list_folder {
	enum operand operand;
	char *path;
	struct loop *loop;
	void (*changed)(void *ctx, struct list_folder *f);
	void *ctx;

	int fd; /* of the folder; -1: not there */
	struct rule_watch *watch;
	struct watch *loop_watch;
	struct timer *look;
	bool look_is_set;

	struct list_folder_file *files;
	size_t n_files;
	struct listset *set;
	int set_fd;
	char problem[200];
	uint64_t read_us;
};

static bool ends_with(const char *s, const char *tail)
{
	size_t len = strlen(s), n = strlen(tail);

	return len > n && strcmp(s + len - n, tail) == 0;
}

bool list_file_is_list(const char *name)
{
	static const char *const tails[] = { "~", ".tmp", ".swp", ".swx", ".part", ".bak", ".new" };

	if (name[0] == '.' || name[0] == '#' || !strchr(name, '.'))
		return false;
	for (size_t i = 0; i < array_len(tails); i++)
		if (ends_with(name, tails[i]))
			return false;
	return true;
}

/* ---- reading */

static void free_files(struct list_folder_file *files, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(files[i].name);
	free(files);
}

static int compare_files(const void *a, const void *b)
{
	return strcmp(((const struct list_folder_file *)a)->name,
		((const struct list_folder_file *)b)->name);
}

/* The names of the lists, sorted; 0 or a code. */
static int list_names(const struct list_folder *f, struct list_folder_file **ret, size_t *ret_n)
{
	int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct list_folder_file *files = NULL, *more;
	const struct dirent *e;
	size_t n = 0;
	int r = 0;

	if (!d) {
		r = err_from_errno(errno);
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (e = readdir(d))) {
		if (!list_file_is_list(e->d_name))
			continue;
		more = realloc(files, (n + 1) * sizeof(*files));
		if (more)
			files = more;
		if (!more || !(more[n].name = strdup(e->d_name)))
			r = ERR_NOMEM;
		else
			memset((char *)&more[n++] + sizeof(char *), 0,
				sizeof(*more) - sizeof(char *));
	}
	closedir(d);
	if (r < 0) {
		free_files(files, n);
		return r;
	}
	if (n)
		qsort(files, n, sizeof(*files), compare_files);
	*ret = files;
	*ret_n = n;
	return 0;
}

static void read_one(const struct list_folder *f, struct list_folder_file *file,
	struct listset_builder *b, unsigned source)
{
	_cleanup_close_ int fd =
		openat(f->fd, file->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct list_parse p = { .operand = f->operand, .builder = b };
	struct error err = { 0 };
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(file->why, sizeof(file->why), "it cannot be read: %s", strerror(errno));
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(file->why, sizeof(file->why), "it is no regular file");
		return;
	}
	listset_build_source(b, source);
	r = list_parse_fd(&p, fd, &err);
	file->is_readable = r == 0;
	file->entries = p.entries;
	file->bad = p.bad;
	file->first_bad = p.first_bad;
	snprintf(file->why, sizeof(file->why), "%.150s", r < 0 ? err.message : p.why);
}

static void set_problem(struct list_folder *f, const char *what, const char *why)
{
	snprintf(f->problem, sizeof(f->problem), "%s: %s", what, why);
}

static bool is_being_written(
	const struct list_folder *f, const struct list_folder_file *files, size_t n)
{
	for (size_t i = 0; f->watch && i < n; i++)
		if (rule_watch_is_writing(f->watch, files[i].name))
			return true;
	return false;
}

/* Compiles all files and puts the result into the place of the last. 0, ERR_AGAIN (somebody writes), or a code. */
static int compile(struct list_folder *f)
{
	struct list_folder_file *files = NULL;
	struct listset *set = NULL;
	struct listset_builder *b;
	struct error err = { 0 };
	size_t n = 0;
	int r = list_names(f, &files, &n), fd;

	if (r < 0) {
		set_problem(f, "the folder cannot be read", err_str(r));
		return r;
	}
	if (is_being_written(f, files, n)) {
		free_files(files, n);
		return ERR_AGAIN;
	}
	b = listset_builder_new(f->operand, (struct text) { f->path, strlen(f->path) });
	for (size_t i = 0; b && i < n; i++)
		read_one(f, &files[i], b, (unsigned)i + 1);
	fd = b ? listset_build_fd(b) : ERR_NOMEM;
	listset_builder_free(b);
	r = fd < 0 ? fd : listset_load_fd(fd, &set, &err);
	if (r < 0) {
		set_problem(f, "the lists cannot be compiled", err_str(r));
		free_files(files, n);
		if (fd >= 0)
			close(fd);
		return r;
	}
	free_files(f->files, f->n_files);
	listset_unref(f->set);
	if (f->set_fd >= 0)
		close(f->set_fd);
	f->files = files;
	f->n_files = n;
	f->set = set;
	f->set_fd = fd;
	f->problem[0] = '\0';
	return 0;
}

static void drop_set(struct list_folder *f)
{
	free_files(f->files, f->n_files);
	f->files = NULL;
	f->n_files = 0;
	listset_unref(f->set);
	f->set = NULL;
	if (f->set_fd >= 0)
		close(steal_fd(&f->set_fd));
}

/* ---- watching */

static void on_watch(void *ctx, uint32_t events)
{
	struct list_folder *f = ctx;

	(void)events;
	if (!rule_watch_read(f->watch) || f->look_is_set)
		return;
	f->look_is_set = true;
	loop_timer_set(f->look, SETTLE_MS);
}

static void close_folder(struct list_folder *f)
{
	if (f->loop_watch)
		loop_unwatch(f->loop, f->loop_watch);
	f->loop_watch = NULL;
	rule_watch_free(f->watch);
	f->watch = NULL;
	if (f->fd >= 0)
		close(steal_fd(&f->fd));
}

/* Whether the path still leads to the folder that is open. */
static bool is_current(const struct list_folder *f)
{
	struct stat open_one, named;

	return f->fd >= 0 && fstat(f->fd, &open_one) == 0 && stat(f->path, &named) == 0 &&
	       open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

static bool open_folder(struct list_folder *f)
{
	close_folder(f);
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	if (f->fd < 0) {
		set_problem(f, "the folder cannot be opened", strerror(errno));
		return false;
	}
	f->watch = rule_watch_new(f->fd, list_file_is_list);
	if (f->watch)
		f->loop_watch = loop_watch(f->loop, rule_watch_fd(f->watch), EPOLLIN, on_watch, f);
	return true;
}

void list_folder_reread(struct list_folder *f)
{
	bool had = f->set != NULL;
	int r = ERR_NOT_FOUND;

	f->look_is_set = false;
	if (is_current(f) || open_folder(f))
		r = compile(f);
	if (r == ERR_NOT_FOUND || f->fd < 0)
		drop_set(f);
	/* Somebody writes: closing the file is told. Not watched: looked at now and then. */
	if (f->fd < 0 || !f->watch)
		loop_timer_set(f->look, MISSING_MS);
	if (r == ERR_AGAIN)
		return;
	f->read_us = clock_real_us();
	if (r < 0 && had)
		log_warning("lists in %s: %s", f->path, f->problem);
	if ((r == 0 || had) && f->changed)
		f->changed(f->ctx, f);
}

static void on_look(void *ctx)
{
	struct list_folder *f = ctx;

	/* Nothing new of a folder that is still not there. */
	if (f->fd < 0 && access(f->path, R_OK) < 0)
		loop_timer_set(f->look, MISSING_MS);
	else
		list_folder_reread(f);
}

struct list_folder *list_folder_new(struct loop *loop, enum operand operand, struct text path,
	void (*changed)(void *ctx, struct list_folder *f), void *ctx)
{
	struct list_folder *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->operand = operand;
	f->loop = loop;
	f->fd = f->set_fd = -1;
	f->path = strndup(path.s, path.len);
	f->look = loop_timer_new(loop, on_look, f);
	if (!f->path || !f->look) {
		list_folder_free(f);
		return NULL;
	}
	list_folder_reread(f);
	f->changed = changed;
	f->ctx = ctx;
	return f;
}

void list_folder_free(struct list_folder *f)
{
	if (!f)
		return;
	close_folder(f);
	drop_set(f);
	if (f->look)
		loop_timer_free(f->loop, f->look);
	free(f->path);
	free(f);
}

/* ---- telling */

enum operand list_folder_operand(const struct list_folder *f)
{
	return f->operand;
}

const char *list_folder_path(const struct list_folder *f)
{
	return f->path;
}

struct listset *list_folder_set(const struct list_folder *f)
{
	return f->set;
}

int list_folder_fd(const struct list_folder *f)
{
	return f->set_fd;
}

const char *list_folder_problem(const struct list_folder *f)
{
	return f->problem;
}

uint64_t list_folder_read_us(const struct list_folder *f)
{
	return f->read_us;
}

size_t list_folder_n_files(const struct list_folder *f)
{
	return f->n_files;
}

const struct list_folder_file *list_folder_file(const struct list_folder *f, size_t i)
{
	return i < f->n_files ? &f->files[i] : NULL;
}
