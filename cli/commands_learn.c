/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Learning and suggestions. A learning is a rule that allows a program (or all) for a while, named as the dashboard names it
 * (web/static/js/learning.js), so that either can end what the other began; what it let through becomes suggestions.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands_internal.h"
#include "cli/rule.h"
#include "cli/table.h"
#include "cli/text.h"
#include "lib/cleanup.h"
#include "lib/utf8.h"

#define PREFIX "learning-"
#define EVERYTHING "everything"
#define NAME_TAIL 80
#define LATELY_S (7 * 86400)

static void cleanup_json(json_t **json)
{
	json_decref(*json);
}

#define _cleanup_json_ _cleanup_(cleanup_json)

/* ---- names */

/* Over UTF-16 code units, as a browser counts characters. */
static uint32_t hash_of(const char *s)
{
	uint32_t hash = 0, c;
	size_t left = strlen(s);

	while (left) {
		size_t len = utf8_char_len(s, left);
		const unsigned char *p = (const unsigned char *)s;

		c = len == 2   ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu)
		    : len == 3 ? (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu)
		    : len == 4 ? (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 |
					 (p[3] & 0x3fu)
			       : p[0];
		if (c > 0xffff) {
			hash = hash * 31 + (0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		hash = hash * 31 + c;
		len = len ? len : 1;
		s += len;
		left -= len;
	}
	return hash;
}

static void print_base36(uint32_t n, char ret[static 8])
{
	char digits[8];
	size_t len = 0;

	do
		digits[len++] = "0123456789abcdefghijklmnopqrstuvwxyz"[n % 36];
	while (n /= 36);
	for (size_t i = 0; i < len; i++)
		ret[i] = digits[len - 1 - i];
	ret[len] = '\0';
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.';
}

/* The name of the rule that learns this program; owned, or NULL. */
static char *learning_name(const char *program)
{
	_cleanup_free_ char *words = calloc(1, strlen(program) + 1);
	char hash[8], *tail, *name = NULL;
	size_t len = 0;

	if (!words)
		return NULL;
	if (strcmp(program, EVERYTHING) == 0)
		return strdup(PREFIX EVERYTHING);
	for (const char *s = program; *s; s++)
		if (is_plain(*s))
			words[len++] = *s;
		else if (len && words[len - 1] != '-')
			words[len++] = '-';
	while (len && (words[len - 1] == '-' || words[len - 1] == '.'))
		len--;
	words[len] = '\0';
	tail = words + strspn(words, "-.");
	len = strlen(tail);
	if (len > NAME_TAIL)
		tail += len - NAME_TAIL;
	print_base36(hash_of(program), hash);
	return asprintf(&name, PREFIX "%s-%s", *tail ? tail : "program", hash) < 0 ? NULL : name;
}

static bool is_learning(const char *name)
{
	return strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

/* ---- begin and end */

static json_t *learning_rule(const char *program, const char *name, const char *duration)
{
	bool is_all = strcmp(program, EVERYTHING) == 0;

	return json_pack("{s:s, s:s, s:b, s:b, s:b, s:s, s:s, s:{s:s, s:s, s:b, s:s}}", "name",
		name, "description", "Learning: allows and records, to propose rules from.",
		"enabled", 1, "precedence", 0, "nolog", 0, "action", "allow", "duration",
		duration ? duration : "1h", "operator", "type", "simple", "operand",
		is_all ? "true" : "process.path", "sensitive", !is_all, "data",
		is_all ? "" : program);
}

static enum outcome begin(const struct options *o, struct client *c, const struct streams *io,
	const char *program, const char *name)
{
	_cleanup_json_ json_t *rule = learning_rule(program, name, o->spec.duration);

	return rule ? command_add_rule(o, c, io, program, rule) : command_no_memory(io);
}

static enum outcome end(
	struct client *c, const struct streams *io, const char *program, const char *name)
{
	_cleanup_free_ char *path = client_rule_path(name);
	enum outcome outcome;
	struct response r;

	if (!path)
		return command_no_memory(io);
	outcome = command_call(c, io, program, "DELETE", path, NULL, &r);
	response_done(&r);
	return outcome;
}

/* ---- what there is */

/* {"program","name","from","until","runs"} of what a rule began; nothing for a rule that is only called so. */
static void add_learning(
	json_t *list, const json_t *doc, const char *from, const json_t *until, bool runs)
{
	const json_t *op = json_object_get(doc, "operator");
	bool has_program = strcmp(command_member(op, "operand"), "process.path") == 0;

	if (strcmp(command_member(doc, "action"), "allow") == 0 &&
		strcmp(command_member(doc, "duration"), "always") != 0)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:O?, s:b}", "program",
				      has_program ? command_member(op, "data") : EVERYTHING, "name",
				      command_member(doc, "name"), "from", from, "until", until,
				      "runs", runs));
}

/* One that is over: when it was, from the rule's history. */
static enum outcome add_ended(
	struct client *c, const struct streams *io, const char *name, json_t *list)
{
	_cleanup_free_ char *path = command_rule_path(name, "history?limit=100");
	const json_t *item, *until = NULL;
	enum outcome outcome;
	struct response r;
	size_t i;

	if (!path)
		return command_no_memory(io);
	outcome = command_call(c, io, name, "GET", path, NULL, &r);
	if (outcome != OUTCOME_OK)
		return outcome;
	/* Newest first. */
	json_array_foreach (json_object_get(r.body, "items"), i, item) {
		if (!json_is_object(json_object_get(item, "after")))
			until = json_object_get(item, "time");
		if (strcmp(command_member(item, "change"), "created") != 0)
			continue;
		add_learning(list, json_object_get(item, "after"), command_member(item, "time"),
			until, false);
		break;
	}
	response_done(&r);
	return OUTCOME_OK;
}

/* Those that decided something lately and whose rule is gone. */
static enum outcome add_all_ended(
	struct client *c, const struct streams *io, const json_t *running, json_t *list)
{
	_cleanup_free_ char *path = NULL;
	time_t then = time(NULL) - LATELY_S;
	enum outcome outcome;
	const json_t *item;
	struct response r;
	char from[32];
	struct tm tm;
	size_t i;

	strftime(from, sizeof(from), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&then, &tm));
	if (asprintf(&path, "/api/v1/stats?by=rule&limit=1000&from=%s", from) < 0) {
		path = NULL;
		return command_no_memory(io);
	}
	outcome = command_call(c, io, NULL, "GET", path, NULL, &r);
	if (outcome != OUTCOME_OK)
		return outcome;
	json_array_foreach (json_object_get(r.body, "items"), i, item) {
		const char *name = command_member(item, "key");

		if (outcome == OUTCOME_OK && is_learning(name) && !json_object_get(running, name))
			outcome = add_ended(c, io, name, list);
	}
	response_done(&r);
	return outcome;
}

static const struct table_column learning_columns[] = {
	{ "PROGRAM", 12, false },
	{ "STATE", 0, false },
	{ "FROM", 0, false },
	{ "UNTIL", 0, false },
};

static int add_shown(struct table *t, const json_t *item, size_t i)
{
	bool runs = json_is_true(json_object_get(item, "runs"));

	(void)i;
	return table_add(
		t, (const char *[]) { command_member(item, "program"), runs ? "learning" : "over",
			   command_member(item, "from"), command_member(item, "until") });
}

static const struct command_table learning_table = {
	.columns = learning_columns,
	.n_columns = array_len(learning_columns),
	.add = add_shown,
};

static enum outcome show(const struct options *o, struct client *c, const struct streams *io)
{
	_cleanup_json_ json_t *rules = json_array(), *running = json_object(), *list = json_array();
	enum outcome outcome;
	const json_t *rule;
	size_t i;

	if (!rules || !running || !list)
		return command_no_memory(io);
	outcome = command_fetch_rules(c, io, rules);
	json_array_foreach (rules, i, rule) {
		if (!is_learning(command_member(rule, "name")))
			continue;
		json_object_set_new(running, command_member(rule, "name"), json_true());
		add_learning(list, rule, command_member(rule, "created"),
			json_object_get(rule, "expires"), true);
	}
	if (outcome == OUTCOME_OK)
		outcome = add_all_ended(c, io, running, list);
	if (outcome != OUTCOME_OK)
		return outcome;
	return o->json ? command_print_json(list, io)
		       : command_print_items(&learning_table, list, io);
}

enum outcome command_learn(const struct options *o, struct client *c, const struct streams *io)
{
	_cleanup_free_ char *name = NULL;

	if (!o->n_names)
		return show(o, c, io);
	name = learning_name(o->names[0]);
	if (!name)
		return command_no_memory(io);
	return o->stop ? end(c, io, o->names[0], name) : begin(o, c, io, o->names[0], name);
}

/* ---- suggestions */

static const struct table_column suggestion_columns[] = {
	{ "NUMBER", 0, true },
	{ "CONNECTIONS", 0, true },
	{ "NAME", 10, false },
	{ "MATCHES", 12, false },
};

static int add_suggestion(struct table *t, const json_t *item, size_t i)
{
	const json_t *rule = json_object_get(item, "rule");
	_cleanup_free_ char *summary = rule_summary(rule);
	char number[24], connections[24];

	if (!summary)
		return ERR_NOMEM;
	snprintf(number, sizeof(number), "%zu", i + 1);
	snprintf(connections, sizeof(connections), "%lld",
		(long long)json_integer_value(json_object_get(item, "connections")));
	return table_add(
		t, (const char *[]) { number, connections, command_member(rule, "name"), summary });
}

static const struct command_table suggestion_table = {
	.columns = suggestion_columns,
	.n_columns = array_len(suggestion_columns),
	.add = add_suggestion,
};

/* The rules of the numbers that were named, or all; NULL after a failure that was told. */
static json_t *chosen(const struct options *o, const struct streams *io, const json_t *items)
{
	json_t *rules = json_array();
	const json_t *item;
	size_t i;

	for (size_t k = 1; rules && k < o->n_names; k++) {
		unsigned long n = strtoul(o->names[k], NULL, 10);

		item = n ? json_array_get(items, n - 1) : NULL;
		if (!item) {
			fprintf(io->err, PROGRAM ": there is no suggestion %lu\n", n);
			json_decref(rules);
			return NULL;
		}
		json_array_append(rules, json_object_get(item, "rule"));
	}
	json_array_foreach (items, i, item) {
		if (o->n_names == 1)
			json_array_append(rules, json_object_get(item, "rule"));
	}
	return rules;
}

/* All of them or none. */
static enum outcome accept_rules(
	const struct options *o, struct client *c, const struct streams *io, const json_t *items)
{
	_cleanup_json_ json_t *rules = chosen(o, io, items);
	enum outcome outcome;
	const json_t *rule;
	struct response r;
	size_t i;

	if (!rules)
		return OUTCOME_NOT_FOUND;
	outcome = command_call(c, io, NULL, "POST", "/api/v1/rules/import", rules, &r);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (o->json)
		outcome = command_print_json(r.body, io);
	json_array_foreach (rules, i, rule) {
		if (o->json)
			break;
		text_print(io->out, command_member(rule, "name"));
		putc('\n', io->out);
	}
	response_done(&r);
	return outcome;
}

enum outcome command_suggest(const struct options *o, struct client *c, const struct streams *io)
{
	_cleanup_free_ char *program = client_escape(o->names[0]), *path = NULL;
	_cleanup_free_ char *from = client_escape(o->from ? o->from : "");
	_cleanup_free_ char *to = client_escape(o->to ? o->to : "");
	enum outcome outcome;
	const json_t *items;
	struct response r;

	if (!program || !from || !to ||
		asprintf(&path, "/api/v1/rules/suggestions?process.path=%s%s%s%s%s", program,
			o->from ? "&from=" : "", from, o->to ? "&to=" : "", to) < 0) {
		path = NULL;
		return command_no_memory(io);
	}
	outcome = command_call(c, io, o->names[0], "GET", path, NULL, &r);
	if (outcome != OUTCOME_OK)
		return outcome;
	items = json_object_get(r.body, "items");
	if (o->accept)
		outcome = accept_rules(o, c, io, items);
	else
		outcome = o->json ? command_print_json(r.body, io)
				  : command_print_items(&suggestion_table, items, io);
	response_done(&r);
	return outcome;
}
