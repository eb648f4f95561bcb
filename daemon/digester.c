/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fixed table of files; an entry that is pending is in the thread's queue, or under its eyes. The thread sees copies only. */
#include "config.h"
#include "daemon/digester.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/sha1_md5.h"
#include "lib/sha256.h"
#include "lib/worker.h"

#define CHUNK 65536
#define HEX_MAX (2 * SHA256_LEN + 1)

struct file_key {
	uint64_t dev, inode, size;
	struct statx_timestamp mtime, ctime;
};

struct job {
	struct file_key key;
	int32_t pid; /* whose executable it is */
	bool ok;
	char hex[DIGEST_COUNT_][HEX_MAX];
};

struct entry {
	struct file_key key;
	enum digester_answer state;
	bool used;
	int32_t pid; /* through whom it is read */
	uint64_t asked; /* the turn of the last question */
	char hex[DIGEST_COUNT_][HEX_MAX];
};

struct digester {
	int event_fd;
	uint64_t turn;
	struct entry entries[LIMIT_DIGESTS];
	struct worker worker; /* its lock is of all below */
	struct job todo[LIMIT_DIGEST_JOBS], done[LIMIT_DIGEST_JOBS];
	unsigned n_todo, n_done, n_out; /* n_out: with the thread now */
};

static bool key_of(int fd, const char *path, int flags, struct file_key *ret)
{
	struct statx st;

	/* What the kernel has in memory is enough: the server of a file system may be the very process. */
	if (statx(fd, path, flags | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st) < 0 ||
		!S_ISREG(st.stx_mode))
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	ret->inode = st.stx_ino;
	ret->size = st.stx_size;
	ret->mtime = st.stx_mtime;
	ret->ctime = st.stx_ctime;
	return true;
}

static bool same_file(const struct file_key *a, const struct file_key *b)
{
	return a->dev == b->dev && a->inode == b->inode && a->size == b->size &&
	       a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec &&
	       a->ctime.tv_sec == b->ctime.tv_sec && a->ctime.tv_nsec == b->ctime.tv_nsec;
}

/* ---- the thread */

static void read_file(struct job *job)
{
	uint8_t sha256[SHA256_LEN], sha1[SHA1_LEN], md5[MD5_LEN];
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK);
	_cleanup_close_ int fd = -1;
	struct sha256 strong;
	struct sha1_md5 weak;
	struct file_key now;
	char path[40];
	uint64_t total = 0;
	ssize_t n = -1;

	snprintf(path, sizeof(path), "/proc/%d/exe", job->pid);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || !chunk || !key_of(fd, "", AT_EMPTY_PATH, &now) || !same_file(&now, &job->key))
		return;
	sha256_init(&strong);
	sha1_md5_init(&weak);
	while (total <= LIMIT_DIGEST_FILE && (n = read(fd, chunk, CHUNK)) > 0) {
		sha256_update(&strong, chunk, (size_t)n);
		sha1_md5_update(&weak, chunk, (size_t)n);
		total += (uint64_t)n;
	}
	if (n != 0 || !key_of(fd, "", AT_EMPTY_PATH, &now) || !same_file(&now, &job->key))
		return;
	sha256_final(&strong, sha256);
	sha1_md5_final(&weak, sha1, md5);
	hex_write(sha256, sizeof(sha256), job->hex[DIGEST_SHA256]);
	hex_write(sha1, sizeof(sha1), job->hex[DIGEST_SHA1]);
	hex_write(md5, sizeof(md5), job->hex[DIGEST_MD5]);
	job->ok = true;
}

static void *work(void *arg)
{
	struct digester *d = arg;
	const uint64_t one = 1;

	pthread_mutex_lock(&d->worker.lock);
	for (;;) {
		struct job job;

		while (!d->n_todo && !d->worker.stopping)
			pthread_cond_wait(&d->worker.more, &d->worker.lock);
		if (d->worker.stopping)
			break;
		job = d->todo[0];
		memmove(d->todo, d->todo + 1, --d->n_todo * sizeof(d->todo[0]));
		d->n_out = 1;
		pthread_mutex_unlock(&d->worker.lock);
		read_file(&job);
		pthread_mutex_lock(&d->worker.lock);
		d->n_out = 0;
		d->done[d->n_done++] = job;
		(void)!write(d->event_fd, &one, sizeof(one));
	}
	pthread_mutex_unlock(&d->worker.lock);
	return NULL;
}

/* ---- the engine's side */

int digester_open(struct digester **ret, struct error *err)
{
	struct digester *d = calloc(1, sizeof(*d));

	if (!d)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	worker_init(&d->worker);
	d->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->event_fd < 0) {
		int code = err_from_errno(errno);

		digester_close(d);
		return error_set(err, code, NULL, "eventfd: %s", strerror(errno));
	}
	*ret = d;
	return 0;
}

void digester_close(struct digester *d)
{
	if (!d)
		return;
	worker_done(&d->worker);
	if (d->event_fd >= 0)
		close(d->event_fd);
	free(d);
}

int digester_fd(const struct digester *d)
{
	return d->event_fd;
}

static struct entry *find(struct digester *d, const struct file_key *key)
{
	for (unsigned i = 0; i < LIMIT_DIGESTS; i++)
		if (d->entries[i].used && same_file(&d->entries[i].key, key))
			return &d->entries[i];
	return NULL;
}

void digester_collect(struct digester *d)
{
	uint64_t n;

	(void)!read(d->event_fd, &n, sizeof(n));
	pthread_mutex_lock(&d->worker.lock);
	for (unsigned i = 0; i < d->n_done; i++) {
		struct entry *e = find(d, &d->done[i].key);

		if (!e)
			continue;
		e->state = d->done[i].ok ? DIGESTER_KNOWN : DIGESTER_NEVER;
		memcpy(e->hex, d->done[i].hex, sizeof(e->hex));
	}
	d->n_done = 0;
	pthread_mutex_unlock(&d->worker.lock);
}

/* An unused entry, or the one that was not asked about for longest and is not being read. */
static struct entry *make_room(struct digester *d)
{
	struct entry *oldest = NULL;

	for (unsigned i = 0; i < LIMIT_DIGESTS; i++) {
		struct entry *e = &d->entries[i];

		if (!e->used)
			return e;
		if (e->state != DIGESTER_PENDING && (!oldest || e->asked < oldest->asked))
			oldest = e;
	}
	return oldest;
}

/* Queues a file; false when there is too much to do already. */
static bool enqueue(struct digester *d, const struct file_key *key, int32_t pid)
{
	bool room;

	if (worker_start(&d->worker, work, d) != 0)
		return false;
	pthread_mutex_lock(&d->worker.lock);
	room = d->n_todo + d->n_out + d->n_done < LIMIT_DIGEST_JOBS;
	if (room) {
		d->todo[d->n_todo++] = (struct job) { .key = *key, .pid = pid };
		pthread_cond_signal(&d->worker.more);
	}
	pthread_mutex_unlock(&d->worker.lock);
	return room;
}

enum digester_answer digester_get(
	struct digester *d, const struct process *p, enum digest which, struct text *ret)
{
	struct file_key key;
	struct entry *e;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/exe", p->pid);
	/* Whoever executed something else meanwhile is not judged by that. */
	if (!p->exe.inode || !key_of(AT_FDCWD, path, 0, &key) || key.inode != p->exe.inode ||
		key.dev != p->exe.dev || key.size > LIMIT_DIGEST_FILE)
		return DIGESTER_NEVER;
	e = find(d, &key);
	/* That it could not be read may be because that process ended. */
	if (!e || (e->state == DIGESTER_NEVER && e->pid != p->pid)) {
		e = e ? e : make_room(d);
		if (!e || !enqueue(d, &key, p->pid))
			return DIGESTER_NEVER;
		memset(e, 0, sizeof(*e));
		e->used = true;
		e->key = key;
		e->pid = p->pid;
		e->state = DIGESTER_PENDING;
	}
	e->asked = ++d->turn;
	if (e->state == DIGESTER_KNOWN)
		*ret = (struct text) { e->hex[which], strlen(e->hex[which]) };
	return e->state;
}
