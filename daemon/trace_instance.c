/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tracefs is a file system of switches: short texts written to and read from files below one directory. */
#include "config.h"
#include "daemon/trace_instance.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/fd_read.h"

#define TEXT_MAX 16384 /* a format file has 2 to 4 KiB */
#define FILTER_TEXT 1024
#define MUTED_TEXT 128

/* Kilobytes: over all CPUs, and of one. 1024 are some 10,000 events, while we wait for a processor. */
static const struct {
	unsigned total, max, min;
} buffer_sizes[TRACE_PART_COUNT_] = {
	[TRACE_TASKS] = { 4096, 512, 32 },
	[TRACE_ROUTES] = { 8192, 1024, 64 },
};

struct trace_instance {
	enum trace_part part;
	char *path; /* TRACEFS/instances/NAME */
	int top_fd; /* the tracefs */
	int fd; /* the instance */
	bool made;
	bool can_mute;
	bool present[TRACE_SOURCE_COUNT_];
};

static int fail(struct error *err, int errnum, const char *what, const char *file)
{
	int code = errnum == ENOENT ? ERR_NOT_FOUND : err_from_errno(errnum);

	return error_set(err, code, NULL, "%s %s: %s", what, file, strerror(errnum));
}

static int put_to(int dir, const char *file, int flags, const char *text)
{
	_cleanup_close_ int fd = openat(dir, file, O_WRONLY | O_CLOEXEC | flags);
	size_t len = strlen(text);

	if (fd < 0)
		return -errno;
	if (len && write(fd, text, len) != (ssize_t)len)
		return -(errno ? errno : EIO);
	return 0;
}

/* Writes a text to a switch, which also empties what can be emptied. 0 or -errno. */
static int put(int dir, const char *file, const char *text)
{
	return put_to(dir, file, O_TRUNC, text);
}

/* Reads a whole file: its length, or -errno. The text is NUL-terminated and cut at `size`. */
static ssize_t get(int dir, const char *file, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = fd_read(fd, buf, size - 1);
	if (len < 0)
		return -errno;
	buf[len] = '\0';
	return len;
}

static void event_file(char *buf, size_t size, enum trace_source_id source, const char *file)
{
	snprintf(buf, size, "events/%s/%s/%s", trace_sources[source].system,
		trace_sources[source].name, file);
}

static int put_event(
	struct trace_instance *in, enum trace_source_id source, const char *file, const char *text)
{
	char path[128];

	event_file(path, sizeof(path), source, file);
	return put(in->fd, path, text);
}

static void instance_free(struct trace_instance *in)
{
	if (in->fd >= 0)
		close(in->fd);
	if (in->top_fd >= 0)
		close(in->top_fd);
	free(in->path);
	free(in);
}

int trace_instance_make(const char *tracefs, const char *name, enum trace_part part,
	struct trace_instance **ret, struct error *err)
{
	struct trace_instance *in = calloc(1, sizeof(*in));
	int r = 0;

	if (!in)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	in->part = part;
	in->fd = -1;
	in->top_fd = open(tracefs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (in->top_fd < 0 || faccessat(in->top_fd, "events", F_OK, 0) < 0) {
		r = fail(err, errno, "no tracefs at", tracefs);
	} else if (asprintf(&in->path, "%s/instances/%s", tracefs, name) < 0) {
		in->path = NULL; /* asprintf leaves it undefined */
		r = error_set(err, ERR_NOMEM, NULL, "out of memory");
	} else if (mkdir(in->path, 0700) < 0 && errno != EEXIST) {
		r = fail(err, errno, "cannot make the tracing instance", in->path);
	} else {
		in->made = true;
		in->fd = open(in->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (in->fd < 0)
			r = fail(err, errno, "cannot open the tracing instance", in->path);
	}
	if (r < 0) {
		trace_instance_remove(in);
		return r;
	}
	*ret = in;
	return 0;
}

int trace_instance_remove(struct trace_instance *in)
{
	int r = 0;

	if (in->made && in->path && rmdir(in->path) < 0 && errno != ENOENT)
		r = err_from_errno(errno);
	instance_free(in);
	return r;
}

void trace_instance_stop(struct trace_instance *in)
{
	put(in->fd, "events/enable", "0");
}

/* Takes in the format of a source and sets its filter. 0, or a code with `err`. */
static int prepare_source(struct trace_instance *in, struct trace_decoder *decoder,
	enum trace_source_id source, struct error *err)
{
	_cleanup_free_ char *text = malloc(TEXT_MAX);
	char path[128];
	ssize_t n;
	int r;

	if (!text)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	event_file(path, sizeof(path), source, "format");
	n = get(in->fd, path, text, TEXT_MAX);
	if (n < 0)
		return fail(err, (int)-n, "this kernel has no event", path);
	r = trace_decoder_add(decoder, source, text, (size_t)n);
	if (r < 0)
		return error_set(err, r == ERR_NOMEM ? r : ERR_UNSUPPORTED, NULL,
			"event format not understood: %s", path);
	/* A kernel that does not take the filter only costs us records to pass over. */
	if (trace_sources[source].filter)
		put_event(in, source, "filter", trace_sources[source].filter);
	in->present[source] = true;
	return 0;
}

static int read_layout(struct trace_instance *in, struct trace_page_layout *ret, struct error *err)
{
	char text[1024];
	ssize_t n = get(in->fd, "events/header_page", text, sizeof(text));

	if (n < 0)
		n = get(in->top_fd, "events/header_page", text, sizeof(text));
	if (n < 0)
		return fail(err, (int)-n, "cannot read", "events/header_page");
	if (trace_page_layout_parse(text, (size_t)n, ret) < 0)
		return error_set(
			err, ERR_UNSUPPORTED, NULL, "events/header_page is not understood");
	return 0;
}

static void size_buffers(struct trace_instance *in)
{
	unsigned max = buffer_sizes[in->part].max, min = buffer_sizes[in->part].min;
	unsigned cpus = trace_instance_cpus(in),
		 kb = buffer_sizes[in->part].total / (cpus ? cpus : 1);
	char text[16];

	kb = kb > max ? max : kb < min ? min : kb;
	snprintf(text, sizeof(text), "%u", kb);
	put(in->fd, "buffer_size_kb", text);
}

static bool has_mono_clock(struct trace_instance *in)
{
	char text[256];

	return get(in->fd, "trace_clock", text, sizeof(text)) > 0 && strstr(text, "[mono]");
}

int trace_instance_prepare(struct trace_instance *in, struct trace_decoder *decoder,
	struct trace_page_layout *ret_layout, bool *ret_mono, struct error *err)
{
	int r;

	trace_instance_stop(in);
	put(in->fd, "set_event_pid", "");
	in->can_mute = put(in->fd, "set_event_notrace_pid", "") == 0;
	size_buffers(in);
	put(in->fd, "trace_clock", "mono");
	put(in->fd, "options/overwrite", "1");
	put(in->fd, "trace", "");
	*ret_mono = has_mono_clock(in);
	r = read_layout(in, ret_layout, err);
	for (unsigned i = 0; r == 0 && i < TRACE_SOURCE_COUNT_; i++) {
		if (trace_sources[i].part != in->part)
			continue;
		r = prepare_source(in, decoder, (enum trace_source_id)i, err);
		if (r < 0 && r != ERR_NOMEM && !trace_sources[i].required)
			r = 0;
	}
	return r;
}

int trace_instance_start(struct trace_instance *in, struct error *err)
{
	int r = put(in->fd, "tracing_on", "1");

	for (unsigned i = 0; r == 0 && i < TRACE_SOURCE_COUNT_; i++) {
		if (!in->present[i])
			continue;
		r = put_event(in, (enum trace_source_id)i, "enable", "1");
		if (r < 0)
			return fail(err, -r, "cannot trace", trace_sources[i].name);
	}
	return r < 0 ? fail(err, -r, "cannot switch on tracing in", in->path) : 0;
}

bool trace_instance_has(const struct trace_instance *in, enum trace_source_id source)
{
	return in->present[source];
}

unsigned trace_instance_cpus(const struct trace_instance *in)
{
	int fd = openat(in->fd, "per_cpu", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	unsigned n = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((d = readdir(dir))) {
		unsigned cpu;
		char end;

		if (sscanf(d->d_name, "cpu%u%c", &cpu, &end) == 1 && cpu >= n)
			n = cpu + 1;
	}
	closedir(dir);
	return n;
}

int trace_instance_open_cpu(struct trace_instance *in, unsigned cpu, struct error *err)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "per_cpu/cpu%u/trace_pipe_raw", cpu);
	fd = openat(in->fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? fail(err, errno, "cannot open", path) : fd;
}

void trace_instance_mark(struct trace_instance *in)
{
	put(in->fd, "trace_marker", "opensnitch");
}

void trace_instance_narrow(struct trace_instance *in, const char *but_if)
{
	static const enum trace_source_id sources[] = { TRACE_SOURCE_FIB, TRACE_SOURCE_FIB6 };

	for (size_t i = 0; i < array_len(sources); i++) {
		const char *all = trace_sources[sources[i]].filter;
		char text[FILTER_TEXT];

		if (!in->present[sources[i]])
			continue;
		/* The exception first: where it holds, nothing else is to be looked at. */
		if (*but_if)
			snprintf(text, sizeof(text), "%s && (%s)", but_if, all);
		else
			snprintf(text, sizeof(text), "%s", all);
		/* A kernel that does not take it only costs us records to pass over. */
		put_event(in, sources[i], "filter", text);
	}
}

bool trace_instance_can_mute(const struct trace_instance *in)
{
	return in->can_mute;
}

void trace_instance_mute(struct trace_instance *in, const int32_t *tids, unsigned n, bool anew)
{
	char text[MUTED_TEXT];
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < n && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%d\n", tids[i]);
	put_to(in->fd, "set_event_notrace_pid", anew ? O_TRUNC : 0, text);
}

void trace_instance_tell_connects(struct trace_instance *in, const int32_t *tids, unsigned n)
{
	const char *all = trace_sources[TRACE_SOURCE_STATE].filter;
	char text[FILTER_TEXT];
	size_t len;

	if (!in->present[TRACE_SOURCE_STATE])
		return;
	len = (size_t)snprintf(text, sizeof(text), "(%s)", all);
	for (unsigned i = 0; i < n && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
			" || (oldstate == 7 && newstate == 2 && common_pid == %d)", tids[i]);
	put_event(in, TRACE_SOURCE_STATE, "filter", n ? text : all);
}

static bool is_same_directory(const struct trace_instance *in)
{
	struct stat ours, there;

	return fstat(in->fd, &ours) == 0 && stat(in->path, &there) == 0 &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* True when a switch reads as `want` (its first character) already; otherwise it is set, and *mended. */
static int keep_switch(struct trace_instance *in, const char *file, char want, bool *mended)
{
	char text[16] = "", set[2] = { want, '\0' };
	ssize_t n = get(in->fd, file, text, sizeof(text));

	if (n < 0)
		return (int)n;
	if (text[0] == want)
		return 0;
	*mended = true;
	return put(in->fd, file, want ? set : "");
}

static bool is_muted(const struct trace_omissions *muted, long tid)
{
	for (unsigned i = 0; muted && i < muted->n_muted; i++)
		if (muted->muted[i] == tid)
			return true;
	return false;
}

/* Whether the list of tasks that are not traced has those, and no others. */
static bool has_muted(const char *text, const struct trace_omissions *muted)
{
	unsigned n_there = 0, n_wanted = 0;
	const char *at = text;

	for (;;) {
		char *end;
		long tid = strtol(at, &end, 10);

		if (end == at)
			break;
		if (!is_muted(muted, tid))
			return false;
		n_there++;
		at = end;
	}
	/* The same task may be named twice. */
	for (unsigned i = 0; muted && i < muted->n_muted; i++) {
		unsigned first = 0;

		while (muted->muted[first] != muted->muted[i])
			first++;
		n_wanted += first == i;
	}
	return n_there == n_wanted;
}

/* What others left out is traced again. */
static void keep_muted(
	struct trace_instance *in, const struct trace_omissions *muted, bool *mended, bool *again)
{
	char text[4 * MUTED_TEXT];

	if (!in->can_mute || get(in->fd, "set_event_notrace_pid", text, sizeof(text)) < 0 ||
		has_muted(text, muted))
		return;
	*mended = *again = true;
	put(in->fd, "set_event_notrace_pid", "");
}

static int keep_source(
	struct trace_instance *in, enum trace_source_id source, bool *mended, bool *again)
{
	char path[128], text[8];
	int r;

	event_file(path, sizeof(path), source, "enable");
	r = keep_switch(in, path, '1', mended);
	event_file(path, sizeof(path), source, "filter");
	/* Without its filter an event is only dearer: no record was missed. */
	if (r == 0 && trace_sources[source].filter && get(in->fd, path, text, sizeof(text)) > 0 &&
		strncmp(text, "none", 4) == 0) {
		*again = true;
		put(in->fd, path, trace_sources[source].filter);
	}
	return r;
}

/* An event whose module was loaded meanwhile (IPv6). */
static bool add_source(
	struct trace_instance *in, struct trace_decoder *decoder, enum trace_source_id source)
{
	if (prepare_source(in, decoder, source, NULL) < 0)
		return false;
	in->present[source] = put_event(in, source, "enable", "1") == 0;
	return in->present[source];
}

int trace_instance_check(struct trace_instance *in, struct trace_decoder *decoder,
	const struct trace_omissions *muted, bool *ret_again, struct error *err)
{
	bool mended = false;
	int r;

	if (!is_same_directory(in))
		return error_set(
			err, ERR_GONE, NULL, "the tracing instance %s was removed", in->path);
	r = keep_switch(in, "tracing_on", '1', &mended);
	if (r == 0)
		r = keep_switch(in, "set_event_pid", '\0', &mended);
	if (r == 0)
		keep_muted(in, muted, &mended, ret_again);
	if (r == 0 && !has_mono_clock(in)) {
		mended = true;
		r = put(in->fd, "trace_clock", "mono");
	}
	for (unsigned i = 0; r == 0 && i < TRACE_SOURCE_COUNT_; i++) {
		if (trace_sources[i].part != in->part)
			continue;
		if (in->present[i])
			r = keep_source(in, (enum trace_source_id)i, &mended, ret_again);
		else if (add_source(in, decoder, (enum trace_source_id)i))
			mended = *ret_again = true;
	}
	if (r < 0)
		return fail(err, -r, "cannot switch on tracing in", in->path);
	return mended;
}
