/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists from a URL: the table, the schedule, and the one fetch that runs. */
#include "config.h"

#include "api/subscriptions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/fetch.h"
#include "api/loop.h"
#include "api/subscription_file.h"
#include "daemon/ipc.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"

#define RETRY_US UINT64_C(60000000)
#define RETRY_DOUBLINGS 12
#define LOOK_MS_MAX (10 * 60000) /* the clock that people read may be set */

struct subscriptions {
	struct loop *loop;
	struct store *store;
	char *root_path;
	int root;
	int fetcher; /* -1: it is not there, or not any more */
	struct watch *watch;
	struct timer *due;
	struct subscription *items[LIMIT_SUBSCRIPTIONS]; /* by name */
	size_t n;
	/* the fetch that runs */
	uint64_t job; /* its number; 0: none */
	uint64_t last_job;
	struct subscription_row job_row; /* as it was when it began */
	bool job_is_stale; /* its list is another now, or gone */
};

static void kick(struct subscriptions *s)
{
	loop_timer_set(s->due, 0);
}

static struct subscription *find(const struct subscriptions *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->items[i]->row.name, name) == 0)
			return s->items[i];
	return NULL;
}

/* ---- when */

uint64_t subscription_due_us(const struct subscription *sub, uint64_t now_us)
{
	const struct subscription_row *row = &sub->row;
	uint64_t wait = sub->interval_ms * 1000, retry;
	uint32_t doublings;

	if (sub->is_wanted)
		return now_us;
	if (!row->enabled)
		return 0;
	/* Never, or in a time to come: the clock was set back. */
	if (!row->checked_us || row->checked_us > now_us)
		return now_us;
	if (row->failures) {
		doublings = row->failures - 1;
		retry = RETRY_US << (doublings < RETRY_DOUBLINGS ? doublings : RETRY_DOUBLINGS);
		wait = retry < wait ? retry : wait;
	}
	return row->checked_us + wait;
}

static void note_failure(struct subscriptions *s, struct subscription *sub, const char *why)
{
	struct subscription_row *row = &sub->row;

	row->failures++;
	row->checked_us = clock_real_us();
	snprintf(row->error, sizeof(row->error), "%s", why);
	log_warning("the list '%s' cannot be fetched: %s", row->name, why);
	(void)subscriptions_put(s->store, row, false, NULL);
}

/* ---- what came */

/* A copy is in its place, this one or the one before. */
static void note_success(struct subscriptions *s, struct subscription *sub,
	const struct fetch_result *result, const struct subscription_counts *counts)
{
	struct subscription_row *row = &sub->row;

	row->checked_us = clock_real_us();
	row->failures = 0;
	row->error[0] = '\0';
	if (counts) {
		row->bytes = counts->bytes;
		row->entries = counts->entries;
		row->bad_lines = counts->bad_lines;
		row->updated_us = row->checked_us;
		memcpy(row->etag, result->etag, sizeof(row->etag));
		memcpy(row->last_modified, result->last_modified, sizeof(row->last_modified));
		if (!counts->is_same)
			log_notice("the list '%s' has a new copy: %llu entries", row->name,
				(unsigned long long)row->entries);
	}
	(void)subscriptions_put(s->store, row, false, NULL);
}

static void install(
	struct subscriptions *s, struct subscription *sub, const struct fetch_result *result)
{
	_cleanup_free_ char *folder = subscriptions_folder(s, sub);
	struct subscription_counts counts;
	struct error err = { 0 };
	int r = ERR_NOMEM;

	if (folder)
		r = subscription_file_install(
			s->root, &sub->row, sub->operand, folder, &counts, &err);
	if (r < 0)
		note_failure(s, sub, err.message[0] ? err.message : err_str(r));
	else
		note_success(s, sub, result, &counts);
}

static void end_job(struct subscriptions *s, const struct fetch_result *result)
{
	struct subscription *sub = find(s, s->job_row.name);

	s->job = 0;
	if (sub)
		sub->is_running = false;
	if (!sub || s->job_is_stale)
		subscription_file_drop(s->root, &s->job_row);
	else if (result->end == FETCH_DONE)
		install(s, sub, result);
	else if (result->end == FETCH_UNCHANGED)
		note_success(s, sub, result, NULL);
	else
		note_failure(s, sub, result->message);
	if (result->end != FETCH_DONE)
		subscription_file_drop(s->root, &s->job_row);
	kick(s);
}

static void lose_fetcher(struct subscriptions *s)
{
	struct fetch_result result = { 0 };

	loop_unwatch(s->loop, s->watch);
	s->watch = NULL;
	close(steal_fd(&s->fetcher));
	fetch_fail(&result, "the process that fetches lists has ended; it starts with the console");
	log_error("%s", result.message);
	if (s->job)
		end_job(s, &result);
}

static void on_result(void *ctx, uint32_t events)
{
	struct subscriptions *s = ctx;
	struct fetch_result result;
	ssize_t n;

	(void)events;
	do
		n = recv(s->fetcher, &result, sizeof(result), MSG_DONTWAIT | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		lose_fetcher(s);
	else if (fetch_check_result(&result, (size_t)n) == 0 && s->job && result.id == s->job)
		end_job(s, &result);
}

/* ---- the next one */

static void begin_job(struct subscriptions *s, struct subscription *sub)
{
	struct fetch_request request = {
		.id = ++s->last_job,
		.max_bytes = LIMIT_FETCH_BYTES,
		.timeout_ms = LIMIT_FETCH_MS,
		.log_format = log_format(),
	};
	_cleanup_close_ int fd = -1;
	struct error err = { 0 };
	uint64_t size;
	int r;

	sub->is_wanted = false;
	memcpy(request.url, sub->row.url, sizeof(request.url));
	/* Only a copy that is there as it came can be said to be good still. */
	if (subscription_file_size(s->root, &sub->row, &size) && size == sub->row.bytes) {
		memcpy(request.etag, sub->row.etag, sizeof(request.etag));
		memcpy(request.last_modified, sub->row.last_modified,
			sizeof(request.last_modified));
	}
	r = fd = subscription_file_begin(s->root, &sub->row, &err);
	if (r >= 0)
		r = s->fetcher < 0 ? ERR_CLOSED
				   : ipc_send(s->fetcher, &request, sizeof(request), fd);
	if (r < 0) {
		subscription_file_drop(s->root, &sub->row);
		note_failure(s, sub,
			err.message[0] ? err.message
				       : "the process that fetches lists is not there");
		return;
	}
	s->job = request.id;
	s->job_row = sub->row;
	s->job_is_stale = false;
	sub->is_running = true;
}

static struct subscription *next_due(const struct subscriptions *s, uint64_t now, uint64_t *ret_us)
{
	struct subscription *next = NULL;

	for (size_t i = 0; i < s->n; i++) {
		uint64_t due = subscription_due_us(s->items[i], now);

		if (due && (!next || due < *ret_us)) {
			next = s->items[i];
			*ret_us = due;
		}
	}
	return next;
}

static void on_due(void *ctx)
{
	struct subscriptions *s = ctx;
	struct subscription *next = NULL;
	uint64_t now, due = 0, wait;

	/* One that cannot even begin has failed, and is due later. */
	while (!s->job) {
		now = clock_real_us();
		next = next_due(s, now, &due);
		if (!next || due > now)
			break;
		begin_job(s, next);
	}
	if (s->job || !next)
		return;
	wait = (due - now) / 1000 + 1;
	loop_timer_set(s->due, wait < LOOK_MS_MAX ? wait : LOOK_MS_MAX);
}

/* ---- the table */

/* What follows from the row. */
static bool set_up(struct subscription *sub)
{
	const char *extra;

	return operand_parse(sub->row.operand, &sub->operand, &extra) &&
	       clock_parse_duration(sub->row.interval, &sub->interval_ms) == 0;
}

static void insert(struct subscriptions *s, struct subscription *sub)
{
	size_t i = s->n++;

	while (i > 0 && strcmp(s->items[i - 1]->row.name, sub->row.name) > 0) {
		s->items[i] = s->items[i - 1];
		i--;
	}
	s->items[i] = sub;
}

static int load_one(void *ctx, const struct subscription_row *row)
{
	struct subscriptions *s = ctx;
	struct subscription *sub;

	if (s->n == LIMIT_SUBSCRIPTIONS)
		return 0;
	sub = calloc(1, sizeof(*sub));
	if (!sub)
		return ERR_NOMEM;
	sub->row = *row;
	if (!set_up(sub)) {
		log_warning("the list '%s' in the database is not one that this version knows",
			row->name);
		free(sub);
		return 0;
	}
	subscription_file_drop(s->root, row);
	/* Its file is gone: fetched now, and whole. */
	if (row->updated_us && !subscription_file_size(s->root, row, &(uint64_t) { 0 })) {
		sub->row.updated_us = sub->row.bytes = sub->row.entries = sub->row.bad_lines = 0;
		sub->is_wanted = row->enabled;
	}
	insert(s, sub);
	return 0;
}

int subscriptions_open(
	const struct subscriptions_options *options, struct subscriptions **ret, struct error *err)
{
	struct subscriptions *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s) {
		if (options->fetcher >= 0)
			close(options->fetcher);
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	}
	s->loop = options->loop;
	s->store = options->store;
	s->fetcher = options->fetcher;
	s->root = subscription_files_open(options->state_fd, err);
	s->due = loop_timer_new(s->loop, on_due, s);
	if (s->fetcher >= 0)
		s->watch = loop_watch(s->loop, s->fetcher, EPOLLIN, on_result, s);
	if (s->root < 0)
		r = s->root;
	else if (asprintf(&s->root_path, "%s/" SUBSCRIPTION_ROOT, options->state_path) < 0)
		s->root_path = NULL;
	if (r == 0)
		r = subscriptions_each(s->store, load_one, s);
	if (r == 0 && (!s->root_path || !s->due || (s->fetcher >= 0 && !s->watch)))
		r = ERR_NOMEM;
	if (r < 0) {
		subscriptions_close(s);
		return err->message[0] ? r : error_set(err, r, NULL, "%s", err_str(r));
	}
	kick(s);
	*ret = s;
	return 0;
}

void subscriptions_close(struct subscriptions *s)
{
	if (!s)
		return;
	if (s->watch)
		loop_unwatch(s->loop, s->watch);
	if (s->due)
		loop_timer_free(s->loop, s->due);
	if (s->fetcher >= 0)
		close(s->fetcher);
	if (s->root >= 0)
		close(s->root);
	for (size_t i = 0; i < s->n; i++)
		free(s->items[i]);
	free(s->root_path);
	free(s);
}

size_t subscriptions_count(const struct subscriptions *s)
{
	return s->n;
}

const struct subscription *subscriptions_at(const struct subscriptions *s, size_t i)
{
	return i < s->n ? s->items[i] : NULL;
}

const struct subscription *subscriptions_find(const struct subscriptions *s, const char *name)
{
	return find(s, name);
}

char *subscriptions_folder(const struct subscriptions *s, const struct subscription *sub)
{
	char *path;

	return asprintf(&path, "%s/%s", s->root_path, sub->row.folder) < 0 ? NULL : path;
}

/* ---- what people do */

/* A folder is compiled for one operand: the other would read lines that are not meant for it. */
static int check_folder(
	const struct subscriptions *s, const struct subscription_row *wish, struct error *err)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct subscription_row *row = &s->items[i]->row;

		if (strcmp(row->name, wish->name) != 0 && strcmp(row->folder, wish->folder) == 0 &&
			strcmp(row->operand, wish->operand) != 0)
			return error_set(err, ERR_INVALID, "group",
				"holds lists for %s (%s) already", row->operand, row->name);
	}
	return 0;
}

int subscriptions_create(struct subscriptions *s, const struct subscription_row *wish,
	const struct subscription **ret, struct error *err)
{
	_cleanup_free_ struct subscription *sub = NULL;
	int r = check_folder(s, wish, err);

	if (r < 0)
		return r;
	if (find(s, wish->name))
		return error_set(err, ERR_EXISTS, "name", "there is a list of this name already");
	if (s->n == LIMIT_SUBSCRIPTIONS)
		return error_set(err, ERR_CONFLICT, NULL,
			"there are %d lists from a URL already: remove one", LIMIT_SUBSCRIPTIONS);
	sub = calloc(1, sizeof(*sub));
	if (!sub)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	sub->row = *wish;
	if (!set_up(sub))
		return error_set(err, ERR_INVALID, "interval", "cannot be read");
	sub->row.created_us = clock_real_us();
	r = subscriptions_put(s->store, &sub->row, true, err);
	if (r < 0)
		return r;
	*ret = sub;
	insert(s, steal_ptr(sub));
	kick(s);
	return 0;
}

/* What becomes of the old state where something of it is another now. */
static void carry_over(const struct subscription_row *old, struct subscription *sub)
{
	struct subscription_row *row = &sub->row;
	bool other_kind = strcmp(old->operand, row->operand) != 0;

	if (strcmp(old->url, row->url) != 0 || other_kind) {
		row->etag[0] = row->last_modified[0] = row->error[0] = '\0';
		row->failures = 0;
		sub->is_wanted = row->enabled;
	}
	if (other_kind)
		row->updated_us = row->bytes = row->entries = row->bad_lines = 0;
}

static bool is_other_list(const struct subscription_row *a, const struct subscription_row *b)
{
	return strcmp(a->url, b->url) != 0 || strcmp(a->operand, b->operand) != 0 ||
	       strcmp(a->folder, b->folder) != 0 || a->enabled != b->enabled;
}

int subscriptions_change(struct subscriptions *s, const struct subscription_row *wish,
	const struct subscription **ret, struct error *err)
{
	struct subscription *sub = find(s, wish->name), changed;
	int r;

	if (!sub)
		return ERR_NOT_FOUND;
	r = check_folder(s, wish, err);
	if (r < 0)
		return r;
	changed = *sub;
	memcpy(changed.row.url, wish->url, sizeof(wish->url));
	memcpy(changed.row.operand, wish->operand, sizeof(wish->operand));
	memcpy(changed.row.folder, wish->folder, sizeof(wish->folder));
	memcpy(changed.row.interval, wish->interval, sizeof(wish->interval));
	changed.row.enabled = wish->enabled;
	carry_over(&sub->row, &changed);
	if (!set_up(&changed))
		return error_set(err, ERR_INVALID, "interval", "cannot be read");
	r = subscriptions_put(s->store, &changed.row, true, err);
	if (r < 0)
		return r;
	if (strcmp(sub->row.operand, changed.row.operand) != 0)
		subscription_file_remove(s->root, &sub->row);
	else
		subscription_file_move(s->root, &sub->row, &changed.row);
	if (sub->is_running && is_other_list(&sub->row, &changed.row)) {
		s->job_is_stale = true;
		changed.is_wanted = changed.row.enabled;
	}
	*sub = changed;
	*ret = sub;
	kick(s);
	return 0;
}

int subscriptions_remove(struct subscriptions *s, const char *name, struct error *err)
{
	struct subscription *sub = find(s, name);
	size_t i = 0;
	int r;

	if (!sub)
		return ERR_NOT_FOUND;
	r = subscriptions_delete(s->store, name, err);
	if (r < 0)
		return r;
	if (sub->is_running)
		s->job_is_stale = true;
	subscription_file_remove(s->root, &sub->row);
	while (s->items[i] != sub)
		i++;
	memmove(&s->items[i], &s->items[i + 1], (--s->n - i) * sizeof(struct subscription *));
	free(sub);
	return 0;
}

void subscriptions_refresh(struct subscriptions *s, const char *name)
{
	struct subscription *sub = find(s, name);

	if (!sub || sub->is_running)
		return;
	sub->is_wanted = true;
	kick(s);
}
