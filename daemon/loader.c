/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One thread, one job, and a pile of things to free. */
#include "config.h"

#include "daemon/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/worker.h"

enum job { JOB_NONE, JOB_RULESET, JOB_LIST, JOB_DONE };

struct waste {
	struct waste *next;
	struct ruleset *ruleset;
	struct listset *list;
};

struct loader {
	struct worker worker;
	int event_fd;

	/* under the worker's lock */
	enum job job;
	int fd;
	struct listset *const *lists;
	unsigned n_lists;
	struct loader_result result;
	struct waste *waste;
};

/* ---- on the thread */

struct table {
	struct listset *const *lists;
	unsigned n;
};

static struct listset *find_list(void *ctx, enum operand operand, struct text folder)
{
	const struct table *t = ctx;

	for (unsigned i = 0; i < t->n; i++) {
		struct text own = listset_folder(t->lists[i]);

		if (listset_operand(t->lists[i]) == operand && own.len == folder.len &&
			memcmp(own.s, folder.s, own.len) == 0)
			return t->lists[i];
	}
	return NULL;
}

void loader_ruleset_now(
	int fd, struct listset *const *lists, unsigned n_lists, struct loader_result *ret)
{
	struct table table = { lists, n_lists };

	memset(ret, 0, sizeof(*ret));
	ret->code = ruleset_load_fd(
		fd, &(struct rule_lists) { find_list, &table }, &ret->ruleset, &ret->err);
}

/* What a job needs does not change while it is at hand, so it is done without the lock. */
static void run_job(struct loader *l, enum job job)
{
	struct loader_result r = { 0 };
	uint64_t one = 1;

	if (job == JOB_RULESET)
		loader_ruleset_now(l->fd, l->lists, l->n_lists, &r);
	else
		r.code = listset_load_fd(l->fd, &r.list, &r.err);
	close(l->fd);
	pthread_mutex_lock(&l->worker.lock);
	l->result = r;
	l->job = JOB_DONE;
	pthread_mutex_unlock(&l->worker.lock);
	(void)!write(l->event_fd, &one, sizeof(one));
}

static void free_waste(struct waste *w)
{
	while (w) {
		struct waste *next = w->next;

		ruleset_free(w->ruleset);
		listset_unref(w->list);
		free(w);
		w = next;
	}
}

static bool has_job(const struct loader *l)
{
	return l->job == JOB_RULESET || l->job == JOB_LIST;
}

static void *run(void *ctx)
{
	struct loader *l = ctx;
	bool stopping = false;

	while (!stopping) {
		struct waste *waste;
		enum job job;

		pthread_mutex_lock(&l->worker.lock);
		while (!has_job(l) && !l->waste && !l->worker.stopping)
			pthread_cond_wait(&l->worker.more, &l->worker.lock);
		job = has_job(l) ? l->job : JOB_NONE;
		waste = l->waste;
		l->waste = NULL;
		stopping = l->worker.stopping;
		pthread_mutex_unlock(&l->worker.lock);
		if (job != JOB_NONE)
			run_job(l, job);
		free_waste(waste);
	}
	return NULL;
}

/* ---- on the engine's */

struct loader *loader_new(struct error *err)
{
	struct loader *l = calloc(1, sizeof(*l));
	int r;

	if (!l) {
		error_set(err, ERR_NOMEM, NULL, "out of memory");
		return NULL;
	}
	worker_init(&l->worker);
	l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = l->event_fd < 0 ? errno : worker_start(&l->worker, run, l);
	if (r == 0)
		return l;
	error_set(
		err, err_from_errno(r), NULL, "cannot start the loader's thread: %s", strerror(r));
	worker_done(&l->worker);
	if (l->event_fd >= 0)
		close(l->event_fd);
	free(l);
	return NULL;
}

void loader_free(struct loader *l)
{
	if (!l)
		return;
	worker_done(&l->worker);
	ruleset_free(l->result.ruleset);
	listset_unref(l->result.list);
	free_waste(l->waste);
	close(l->event_fd);
	free(l);
}

int loader_fd(const struct loader *l)
{
	return l->event_fd;
}

static int begin(
	struct loader *l, enum job job, int fd, struct listset *const *lists, unsigned n_lists)
{
	_cleanup_close_ int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int r = ERR_BUSY;

	if (copy < 0)
		return err_from_errno(errno);
	pthread_mutex_lock(&l->worker.lock);
	if (l->job == JOB_NONE) {
		l->fd = steal_fd(&copy);
		l->lists = lists;
		l->n_lists = n_lists;
		l->job = job;
		pthread_cond_signal(&l->worker.more);
		r = 0;
	}
	pthread_mutex_unlock(&l->worker.lock);
	return r;
}

int loader_ruleset(struct loader *l, int fd, struct listset *const *lists, unsigned n_lists)
{
	return begin(l, JOB_RULESET, fd, lists, n_lists);
}

int loader_list(struct loader *l, int fd)
{
	return begin(l, JOB_LIST, fd, NULL, 0);
}

bool loader_take(struct loader *l, struct loader_result *ret)
{
	uint64_t n;
	bool done;

	(void)!read(l->event_fd, &n, sizeof(n));
	pthread_mutex_lock(&l->worker.lock);
	done = l->job == JOB_DONE;
	if (done) {
		*ret = l->result;
		memset(&l->result, 0, sizeof(l->result));
		l->job = JOB_NONE;
	}
	pthread_mutex_unlock(&l->worker.lock);
	return done;
}

static void discard(struct loader *l, struct ruleset *rs, struct listset *list)
{
	struct waste *w = malloc(sizeof(*w));

	/* Without memory for the note it is freed here: that only takes time. */
	if (!w) {
		ruleset_free(rs);
		listset_unref(list);
		return;
	}
	*w = (struct waste) { .ruleset = rs, .list = list };
	pthread_mutex_lock(&l->worker.lock);
	w->next = l->waste;
	l->waste = w;
	pthread_cond_signal(&l->worker.more);
	pthread_mutex_unlock(&l->worker.lock);
}

void loader_discard_ruleset(struct loader *l, struct ruleset *rs)
{
	if (rs)
		discard(l, rs, NULL);
}

void loader_discard_list(struct loader *l, struct listset *list)
{
	if (list)
		discard(l, NULL, list);
}
