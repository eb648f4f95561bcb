/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands: each one request a rule, and its answer told. */
#include "config.h"

#include "cli/commands_internal.h"

#include <stdlib.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/rule.h"
#include "cli/table.h"
#include "cli/text.h"
#include "lib/cleanup.h"

#define BODY_MAX (1u << 20) /* what the daemon takes */

static const struct table_column list_columns[] = {
	{ "NAME", 10, false },
	{ "ENABLED", 0, false },
	{ "ACTION", 0, false },
	{ "DURATION", 0, false },
	{ "HITS", 0, true },
	{ "MATCHES", 12, false },
};

enum outcome command_call(struct client *c, const struct streams *io, const char *subject,
	const char *method, const char *path, const json_t *body, struct response *ret)
{
	struct error e = { 0 };
	enum outcome outcome;

	*ret = (struct response) { 0 };
	if (client_call(c, method, path, body, ret, &e)) {
		outcome_error(io->err, PROGRAM, subject, &e);
		return OUTCOME_FAILED;
	}
	outcome = outcome_of_status(ret->status);
	if (outcome != OUTCOME_OK) {
		outcome_report(io->err, PROGRAM, subject, ret);
		response_done(ret);
	}
	return outcome;
}

enum outcome command_no_memory(const struct streams *io)
{
	fputs(PROGRAM ": out of memory\n", io->err);
	return OUTCOME_FAILED;
}

enum outcome command_print_json(const json_t *value, const struct streams *io)
{
	if (json_out(value, io->out)) {
		fputs(PROGRAM ": cannot write the output\n", io->err);
		return OUTCOME_FAILED;
	}
	return OUTCOME_OK;
}

enum outcome command_print_items(
	const struct command_table *table, const json_t *items, const struct streams *io)
{
	struct table *t = table_new(table->columns, table->n_columns);
	const json_t *item;
	int r = t ? 0 : ERR_NOMEM;
	size_t i;

	json_array_foreach (items, i, item) {
		if (!r)
			r = table->add(t, item, i);
	}
	if (!r && (i || table->has_head_alone))
		r = table_print(t, io->out, table_terminal_width(io->out));
	table_free(t);
	return r ? command_no_memory(io) : OUTCOME_OK;
}

enum outcome command_add_rule(const struct options *o, struct client *c, const struct streams *io,
	const char *subject, const json_t *rule)
{
	struct response r;
	enum outcome outcome = command_call(c, io, subject, "POST", "/api/v1/rules", rule, &r);

	if (outcome != OUTCOME_OK)
		return outcome;
	if (o->json) {
		outcome = command_print_json(r.body, io);
	} else {
		text_print(io->out, command_member(r.body, "name"));
		putc('\n', io->out);
	}
	response_done(&r);
	return outcome;
}

const char *command_member(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

/* ---- list */

static void report_problems(const json_t *problems, FILE *err)
{
	const json_t *item;
	size_t i;

	json_array_foreach (problems, i, item) {
		fputs(PROGRAM ": rule file ", err);
		text_print(err, command_member(item, "file"));
		fputs(": ", err);
		if (*command_member(item, "place")) {
			text_print(err, command_member(item, "place"));
			fputs(": ", err);
		}
		text_print(err, command_member(item, "message"));
		putc('\n', err);
	}
}

/* The page after `cursor` (NULL: the first), its items moved into `items`; *ret_cursor owned, NULL at the end. */
static enum outcome fetch_page(struct client *c, const struct streams *io, const char *what,
	const char *list, const char *cursor, json_t *items, char **ret_cursor)
{
	_cleanup_free_ char *path = NULL;
	struct response r;
	enum outcome outcome;
	const char *next;

	*ret_cursor = NULL;
	if (asprintf(&path, "%s?limit=1000%s%s", list, cursor ? "&cursor=" : "",
		    cursor ? cursor : "") < 0) {
		path = NULL;
		return command_no_memory(io);
	}
	outcome = command_call(c, io, what, "GET", path, NULL, &r);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (!json_is_array(json_object_get(r.body, "items"))) {
		fputs(PROGRAM ": the answer is no list: is this opensnitchd?\n", io->err);
		outcome = OUTCOME_FAILED;
	} else if (json_array_extend(items, json_object_get(r.body, "items"))) {
		outcome = command_no_memory(io);
	}
	if (!cursor)
		report_problems(json_object_get(r.body, "problems"), io->err);
	next = json_string_value(json_object_get(r.body, "next"));
	/* cursors are made of characters that need no escape; anything else is not the daemon's */
	if (next && *next &&
		next[strspn(next, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789-._~%=")] == '\0')
		*ret_cursor = strdup(next);
	response_done(&r);
	return outcome;
}

enum outcome command_fetch_items(struct client *c, const struct streams *io, const char *what,
	const char *path, json_t *items)
{
	_cleanup_free_ char *cursor = NULL;
	enum outcome outcome;

	do {
		char *next = NULL;
		size_t before = json_array_size(items);

		outcome = fetch_page(c, io, what, path, cursor, items, &next);
		free(cursor);
		cursor = next;
		if (json_array_size(items) == before)
			break; /* an empty page: nothing can follow */
	} while (outcome == OUTCOME_OK && cursor);
	return outcome;
}

enum outcome command_fetch_rules(struct client *c, const struct streams *io, json_t *rules)
{
	return command_fetch_items(c, io, NULL, "/api/v1/rules", rules);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(command_member(*(json_t *const *)a, "name"),
		command_member(*(json_t *const *)b, "name"));
}

/* The order in which the daemon matches. */
static json_t *sorted(const json_t *rules)
{
	size_t n = json_array_size(rules);
	_cleanup_free_ json_t **order = calloc(n + 1, sizeof(json_t *));
	json_t *result = json_array();

	if (!order || !result) {
		json_decref(result);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		order[i] = json_array_get(rules, i);
	qsort(order, n, sizeof(json_t *), by_name);
	for (size_t i = 0; i < n; i++) {
		if (json_array_append(result, order[i])) {
			json_decref(result);
			return NULL;
		}
	}
	return result;
}

static int add_row(struct table *t, const json_t *rule, size_t i)
{
	_cleanup_free_ char *summary = rule_summary(rule);
	const json_t *hits = json_object_get(rule, "hits");
	char hits_text[24] = "";

	(void)i;
	if (!summary)
		return ERR_NOMEM;
	if (json_is_integer(hits))
		snprintf(hits_text, sizeof(hits_text), "%lld", (long long)json_integer_value(hits));
	return table_add(t, (const char *[]) { command_member(rule, "name"),
				    json_is_true(json_object_get(rule, "enabled")) ? "yes" : "no",
				    command_member(rule, "action"),
				    command_member(rule, "duration"), hits_text, summary });
}

static const struct command_table list_table = {
	.columns = list_columns,
	.n_columns = array_len(list_columns),
	.add = add_row,
	.has_head_alone = true,
};

static enum outcome list(const struct options *o, struct client *c, const struct streams *io)
{
	json_t *rules = json_array(), *ordered = NULL;
	enum outcome outcome = rules ? command_fetch_rules(c, io, rules) : command_no_memory(io);

	if (outcome == OUTCOME_OK) {
		ordered = sorted(rules);
		outcome = !ordered  ? command_no_memory(io)
			  : o->json ? command_print_json(ordered, io)
				    : command_print_items(&list_table, ordered, io);
	}
	json_decref(ordered);
	json_decref(rules);
	return outcome;
}

/* ---- show */

void command_print_field(const struct streams *io, const char *label, const char *value)
{
	if (!*value)
		return;
	fprintf(io->out, "%-12s ", label);
	text_print(io->out, value);
	putc('\n', io->out);
}

static bool print_operators(const struct streams *io, const json_t *operator_)
{
	const json_t *list = json_object_get(operator_, "list");
	const json_t *item;
	size_t i;

	if (strcmp(command_member(operator_, "type"), "list") != 0) {
		_cleanup_free_ char *text = rule_operator_text(operator_);
		bool sensitive = json_is_true(json_object_get(operator_, "sensitive"));

		if (!text)
			return false;
		fputs("matches      ", io->out);
		text_print(io->out, text);
		fputs(sensitive ? "  (case matters)\n" : "\n", io->out);
		return true;
	}
	json_array_foreach (list, i, item) {
		/* the daemon bounds the depth of what it hands out */
		if (!print_operators(io, item))
			return false;
	}
	return true;
}

static enum outcome print_rule(const struct streams *io, const json_t *rule)
{
	static const struct {
		const char *label, *key;
	} fields[] = {
		{ "description", "description" },
		{ "action", "action" },
		{ "duration", "duration" },
		{ "expires", "expires" },
		{ "created", "created" },
		{ "updated", "updated" },
		{ "last hit", "last_hit" },
		{ "source", "source" },
		{ "file", "file" },
	};

	command_print_field(io, "name", command_member(rule, "name"));
	command_print_field(
		io, "enabled", json_is_true(json_object_get(rule, "enabled")) ? "yes" : "no");
	for (size_t i = 0; i < array_len(fields); i++)
		command_print_field(io, fields[i].label, command_member(rule, fields[i].key));
	if (json_is_true(json_object_get(rule, "precedence")))
		command_print_field(io, "precedence", "yes: decides at once");
	if (json_is_true(json_object_get(rule, "nolog")))
		command_print_field(io, "nolog", "yes: its connections are not recorded");
	if (json_is_integer(json_object_get(rule, "hits")))
		fprintf(io->out, "%-12s %lld\n", "hits",
			(long long)json_integer_value(json_object_get(rule, "hits")));
	return print_operators(io, json_object_get(rule, "operator")) ? OUTCOME_OK
								      : command_no_memory(io);
}

static enum outcome show(const struct options *o, struct client *c, const struct streams *io,
	const char *name, bool first)
{
	_cleanup_free_ char *path = client_rule_path(name);
	struct response r;
	enum outcome outcome;

	if (!path)
		return command_no_memory(io);
	outcome = command_call(c, io, name, "GET", path, NULL, &r);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (!first && !o->json)
		putc('\n', io->out);
	outcome = o->json ? command_print_json(r.body, io) : print_rule(io, r.body);
	response_done(&r);
	return outcome;
}

/* ---- delete, enable, disable */

static enum outcome delete (struct client *c, const struct streams *io, const char *name) {
	_cleanup_free_ char *path = client_rule_path(name); struct response r;
	enum outcome outcome = path ? command_call(c, io, name, "DELETE", path, NULL, &r)
				    : command_no_memory(io);

	if (outcome == OUTCOME_OK) response_done(&r);
	return outcome;
}

static enum outcome enable(const struct options *o, struct client *c, const struct streams *io,
	const char *name, bool enabled)
{
	_cleanup_free_ char *path = client_rule_path(name);
	json_t *patch = json_pack("{s:b}", "enabled", enabled);
	enum outcome outcome = OUTCOME_FAILED;
	struct response r;

	if (path && patch)
		outcome = command_call(c, io, name, "PATCH", path, patch, &r);
	else
		command_no_memory(io);
	json_decref(patch);
	if (outcome == OUTCOME_OK) {
		outcome = o->json ? command_print_json(r.body, io) : OUTCOME_OK;
		response_done(&r);
	}
	return outcome;
}

static enum outcome one(const struct options *o, struct client *c, const struct streams *io,
	const char *name, bool first)
{
	switch (o->command) {
	case COMMAND_SHOW:
		return show(o, c, io, name, first);
	case COMMAND_DELETE:
		return delete (c, io, name);
	case COMMAND_ENABLE:
		return enable(o, c, io, name, true);
	case COMMAND_DISABLE:
		return enable(o, c, io, name, false);
	case COMMAND_LIST:
	case COMMAND_ADD:
	case COMMAND_EDIT:
	case COMMAND_EXPORT:
	case COMMAND_IMPORT:
	case COMMAND_CHECK:
	case COMMAND_TEST:
	case COMMAND_EXPLAIN:
	case COMMAND_REPORT:
	case COMMAND_LEARN:
	case COMMAND_SUGGEST:
	case COMMAND_HISTORY:
	case COMMAND_REVERT:
	case COMMAND_HELP:
	case COMMAND_VERSION:
	case COMMAND_COUNT_:
		break;
	}
	return OUTCOME_USAGE;
}

static enum outcome each(const struct options *o, struct client *c, const struct streams *io)
{
	enum outcome first_failure = OUTCOME_OK;

	for (size_t i = 0; i < o->n_names; i++) {
		enum outcome outcome = one(o, c, io, o->names[i], i == 0);

		if (first_failure == OUTCOME_OK)
			first_failure = outcome;
	}
	return first_failure;
}

/* ---- add */

/* The whole of `name` ("-": io->in), at most BODY_MAX bytes. */
static int read_file(const char *name, const struct streams *io, char **ret, struct error *e)
{
	_cleanup_fclose_ FILE *opened = NULL;
	_cleanup_free_ char *text = malloc(BODY_MAX + 1);
	FILE *in = io->in;
	size_t len;

	if (!text)
		return error_set(e, ERR_NOMEM, NULL, "out of memory");
	if (strcmp(name, "-") != 0) {
		opened = fopen(name, "re");
		if (!opened)
			return error_set(e, ERR_IO, name, "cannot open: %m");
		in = opened;
	}
	len = fread(text, 1, BODY_MAX + 1, in);
	if (ferror(in))
		return error_set(e, ERR_IO, name, "cannot read: %m");
	if (len > BODY_MAX)
		return error_set(e, ERR_INVALID, name, "more than 1 MiB");
	text[len] = '\0';
	*ret = steal_ptr(text);
	return 0;
}

static int json_from_file(const char *name, const struct streams *io, json_t **ret, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	json_error_t where;
	char place[120];
	int r = read_file(name, io, &text, e);

	if (r)
		return r;
	*ret = json_loads(text, JSON_REJECT_DUPLICATES, &where);
	if (*ret)
		return 0;
	snprintf(place, sizeof(place), "%.90s:%d:%d", strcmp(name, "-") ? name : "standard input",
		where.line, where.column);
	return error_set(e, ERR_MALFORMED, place, "%s", where.text);
}

json_t *command_read_json(const char *name, const struct streams *io, enum outcome *ret)
{
	struct error e = { 0 };
	json_t *json = NULL;

	if (json_from_file(name, io, &json, &e))
		*ret = outcome_error(io->err, PROGRAM, NULL, &e);
	return json;
}

char *command_rule_path(const char *name, const char *what)
{
	_cleanup_free_ char *rule = client_rule_path(name);
	char *path = NULL;

	return rule && asprintf(&path, "%s/%s", rule, what) >= 0 ? path : NULL;
}

static int rule_from_file(const char *name, const struct streams *io, json_t **ret, struct error *e)
{
	int r = json_from_file(name, io, ret, e);

	if (r == 0 && !json_is_object(*ret)) {
		json_decref(*ret);
		return error_set(e, ERR_INVALID, name, "not a JSON object: a rule is one");
	}
	return r;
}

static enum outcome add(const struct options *o, struct client *c, const struct streams *io)
{
	struct error e = { 0 };
	enum outcome outcome;
	json_t *rule = NULL;
	int failed = o->has_spec ? rule_from_spec(&o->spec, &rule, &e)
				 : rule_from_file(o->names[0], io, &rule, &e);

	if (failed) {
		outcome = outcome_error(io->err, PROGRAM, NULL, &e);
		return o->has_spec && failed == ERR_INVALID ? OUTCOME_USAGE : outcome;
	}
	outcome = command_add_rule(o, c, io,
		*command_member(rule, "name") ? command_member(rule, "name") : NULL, rule);
	json_decref(rule);
	return outcome;
}

static enum outcome dispatch(const struct options *o, struct client *c, const struct streams *io)
{
	switch (o->command) {
	case COMMAND_LIST:
		return list(o, c, io);
	case COMMAND_ADD:
		return add(o, c, io);
	case COMMAND_EDIT:
		return command_edit(o, c, io);
	case COMMAND_EXPORT:
		return command_export(o, c, io);
	case COMMAND_IMPORT:
		return command_import(o, c, io);
	case COMMAND_CHECK:
		return command_check(o, io);
	case COMMAND_TEST:
		return command_test(o, c, io);
	case COMMAND_EXPLAIN:
		return command_explain(o, c, io);
	case COMMAND_REPORT:
		return command_report(o, c, io);
	case COMMAND_LEARN:
		return command_learn(o, c, io);
	case COMMAND_SUGGEST:
		return command_suggest(o, c, io);
	case COMMAND_HISTORY:
		return command_history(o, c, io);
	case COMMAND_REVERT:
		return command_revert(o, c, io);
	case COMMAND_SHOW:
	case COMMAND_DELETE:
	case COMMAND_ENABLE:
	case COMMAND_DISABLE:
		return each(o, c, io);
	case COMMAND_HELP:
	case COMMAND_VERSION:
	case COMMAND_COUNT_:
		break;
	}
	return OUTCOME_USAGE;
}

enum outcome command_run(const struct options *o, struct client *c, const struct streams *io)
{
	enum outcome outcome = dispatch(o, c, io);

	if (fflush(io->out) && outcome == OUTCOME_OK) {
		fputs(PROGRAM ": cannot write the output\n", io->err);
		outcome = OUTCOME_FAILED;
	}
	return outcome;
}
