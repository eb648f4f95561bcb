/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands*.c files share. */
#ifndef CLI_COMMANDS_INTERNAL_H
#define CLI_COMMANDS_INTERNAL_H

#include <jansson.h>

#include "cli/commands.h"
#include "cli/table.h"

#define PROGRAM "opensnitch-ruleman"

/* One call whose refusal is told; *ret is then empty. `subject` (may be NULL) is what it is about. */
enum outcome command_call(struct client *c, const struct streams *io, const char *subject,
	const char *method, const char *path, const json_t *body, struct response *ret);

enum outcome command_no_memory(const struct streams *io);
enum outcome command_print_json(const json_t *value, const struct streams *io);

/* A list as a table. */
struct command_table {
	const struct table_column *columns;
	size_t n_columns;
	int (*add)(
		struct table *t, const json_t *item, size_t i); /* the row of one; 0 or ERR_NOMEM */
	bool has_head_alone; /* its head is printed without rows, too */
};

enum outcome command_print_items(
	const struct command_table *table, const json_t *items, const struct streams *io);

/* Adds a rule, and prints its name (or, with --json, all of it). `subject` as of command_call(). */
enum outcome command_add_rule(const struct options *o, struct client *c, const struct streams *io,
	const char *subject, const json_t *rule);

/* A text member, "" where there is none. Borrowed. */
const char *command_member(const json_t *object, const char *key);

/* "name        value" on a line, unless the value is empty. */
void command_print_field(const struct streams *io, const char *label, const char *value);

/* The JSON of a file ("-": io->in), a new reference; or NULL and *ret, which has been told. */
json_t *command_read_json(const char *name, const struct streams *io, enum outcome *ret);

/* "/api/v1/rules/NAME/WHAT". Returns owned, or NULL. */
char *command_rule_path(const char *name, const char *what);

/* All items of the list at `path` (without a query), appended to `items`, page by page. `what` (may be NULL) is for messages. */
enum outcome command_fetch_items(struct client *c, const struct streams *io, const char *what,
	const char *path, json_t *items);

/* All rules, appended to `rules`. */
enum outcome command_fetch_rules(struct client *c, const struct streams *io, json_t *rules);

/* ---- commands_learn.c */
enum outcome command_learn(const struct options *o, struct client *c, const struct streams *io);
enum outcome command_suggest(const struct options *o, struct client *c, const struct streams *io);

/* ---- commands_ask.c */
enum outcome command_explain(const struct options *o, struct client *c, const struct streams *io);
enum outcome command_test(const struct options *o, struct client *c, const struct streams *io);
enum outcome command_report(const struct options *o, struct client *c, const struct streams *io);
enum outcome command_history(const struct options *o, struct client *c, const struct streams *io);
enum outcome command_revert(const struct options *o, struct client *c, const struct streams *io);

/* ---- commands_transfer.c */
enum outcome command_export(const struct options *o, struct client *c, const struct streams *io);
enum outcome command_import(const struct options *o, struct client *c, const struct streams *io);
enum outcome command_edit(const struct options *o, struct client *c, const struct streams *io);

/* Without a daemon: the rule files of a folder, by the code that would load them. */
enum outcome command_check(const struct options *o, const struct streams *io);

#endif
