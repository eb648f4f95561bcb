/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Table `settings`: what was changed live and outlives a restart. Names and JSON texts; it knows no meaning. */
#ifndef DB_SETTINGS_H
#define DB_SETTINGS_H

struct store;

/*
 * Calls `fn` for each stored setting, by name; a non-zero result of it ends the walk and is returned. 0,
 * ERR_IO. The strings are valid during the call.
 */
int settings_each(
	struct store *s, int (*fn)(void *ctx, const char *name, const char *json), void *ctx);

/* Stores all of these in one transaction; a NULL json deletes that name. 0, ERR_IO or ERR_FULL. */
struct setting {
	const char *name;
	const char *json;
};
int settings_set(struct store *s, const struct setting *settings, unsigned n);

#endif
