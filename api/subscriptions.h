/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists from a URL: which there are, when each is fetched next, and what came of it.
 *
 * One is fetched at a time, by the process of api/fetcher.h. A copy that came whole and is a list takes the place of the last by a
 * rename; everything else leaves the last where it is, with the error beside it, and is tried again after a minute, then two, four ... up to
 * the interval. Settings and state are in the database: a restart neither loses a list nor fetches one that is fresh.
 */
#ifndef API_SUBSCRIPTIONS_H
#define API_SUBSCRIPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/subscriptions.h"
#include "lib/err.h"
#include "lib/operand.h"

struct loop;
struct store;
struct subscriptions;

struct subscription {
	struct subscription_row row;
	enum operand operand;
	uint64_t interval_ms;
	bool is_wanted; /* somebody asked for a fetch now */
	bool is_running;
};

struct subscriptions_options {
	struct loop *loop;
	struct store *store;
	int state_fd; /* the state folder, and */
	const char *state_path; /* its path, as rules will name it */
	int fetcher; /* of fetcher_start(), or -1. Taken */
};

/* Reads the table and begins. 0 with *ret (owned), or a code with `err`; then the fetcher's descriptor is closed as well. */
int subscriptions_open(
	const struct subscriptions_options *options, struct subscriptions **ret, struct error *err);
void subscriptions_close(struct subscriptions *s); /* NULL is fine */

size_t subscriptions_count(const struct subscriptions *s);
const struct subscription *subscriptions_at(const struct subscriptions *s, size_t i); /* by name */
const struct subscription *subscriptions_find(const struct subscriptions *s, const char *name);

/* The folder that rules name for it; owned by the caller, NULL when out of memory. */
char *subscriptions_folder(const struct subscriptions *s, const struct subscription *sub);

/* When it is fetched next, CLOCK_REALTIME; 0: never (it is off). */
uint64_t subscription_due_us(const struct subscription *sub, uint64_t now_us);

/*
 * Takes what a person set (name, url, folder, enabled, interval of `wish`, and `operand`) as a new one; stored when it returns, and fetched soon.
 * 0 with *ret; ERR_EXISTS, ERR_FULL, ERR_INVALID (another operand in this folder) or of the store, with `err`.
 */
int subscriptions_create(struct subscriptions *s, const struct subscription_row *wish,
	const struct subscription **ret, struct error *err);

/* The same for the one of wish->name, ERR_NOT_FOUND where there is none. Another URL keeps the copy until a new one is there. */
int subscriptions_change(struct subscriptions *s, const struct subscription_row *wish,
	const struct subscription **ret, struct error *err);

/* Removes it with its file. 0, ERR_NOT_FOUND, or of the store with `err`. */
int subscriptions_remove(struct subscriptions *s, const char *name, struct error *err);

/* Fetches it as soon as can be, also one that is not due. */
void subscriptions_refresh(struct subscriptions *s, const char *name);

#endif
