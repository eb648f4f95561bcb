/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list folders that rules name: which there are, kept compiled and with the engine, and which file a connection was found in.
 *
 * The rules say which folders count (lists_sync); a folder that changes is compiled anew and sent before the next rule set, which the
 * owner sends when it is told. Compiling blocks the console for a moment (a million names: some 0.3 s), never the engine.
 */
#ifndef API_LISTS_H
#define API_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/list_folder.h"
#include "lib/rule.h"

struct ipc_client;
struct ipc_connection;
struct lists;
struct lists_trial;
struct loop;
struct rule_book;
struct rule_doc;

/* `changed`: some lists are others now, send the rules again. Returns owned, or NULL. */
struct lists *lists_new(struct loop *loop, void (*changed)(void *ctx), void *ctx);
void lists_free(struct lists *l); /* NULL is fine */

/* Takes the folders from the rules that decide: new ones are read now, those that no rule names any more are let go. */
void lists_sync(struct lists *l, const struct rule_book *book);

/* Sends what the engine does not have as it is. The rule set goes out behind it. 0 or a code of ipc_client_send(). */
int lists_send(struct lists *l, struct ipc_client *ipc);

/* The engine has nothing (it said hello). */
void lists_unsent(struct lists *l);

/* For compiling rules in the console with the same lists; valid until the next lists_sync(). */
struct rule_lists lists_finder(struct lists *l);

/*
 * The same for a rule on trial (NULL is fine): folders that it alone names are read now, LIMIT_TRIAL_LISTS at most. What was compiled
 * with them keeps them; the trial itself can go at once. Returns owned, or NULL when out of memory.
 */
struct lists_trial *lists_trial_new(struct lists *l, const struct rule_doc *rule);
struct rule_lists lists_trial_finder(struct lists_trial *t);
void lists_trial_free(struct lists_trial *t); /* NULL is fine */

/* A connection was decided by this rule: counts a hit for each list file of the rule that has it. */
void lists_hit(struct lists *l, const struct rule_doc *rule, const struct ipc_connection *m);

/* ---- for telling */

struct list_hits {
	uint64_t n;
	uint64_t last_us; /* CLOCK_REALTIME; 0: never */
};

size_t lists_count(const struct lists *l);
const struct list_folder *lists_at(const struct lists *l, size_t i);

/* The folder of this operand at this path, or NULL: no rule names it. */
const struct list_folder *lists_find(const struct lists *l, enum operand operand, const char *path);

/* Of a file in a folder, since the console began. */
struct list_hits lists_hits(const struct lists *l, const struct list_folder *f, const char *file);

/* Whether a rule names these lists. */
bool rule_names_list(const struct rule_doc *rule, enum operand operand, const char *path);

#endif
