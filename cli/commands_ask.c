/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that ask what rules do, did or would do, and the way back. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cli/commands_internal.h"
#include "cli/rule.h"
#include "cli/table.h"
#include "cli/text.h"
#include "lib/cleanup.h"

static void print_text(const struct streams *io, const char *s)
{
	text_print(io->out, s);
}

static const char *or_dash(const char *s)
{
	return *s ? s : "-";
}

static long long count_of(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

/* Asks and prints what comes, as JSON or by `print`. Takes `body`. */
static enum outcome ask(const struct options *o, struct client *c, const struct streams *io,
	const char *path, json_t *body,
	void (*print)(const struct streams *io, const json_t *answer))
{
	struct response r;
	enum outcome outcome = command_call(c, io, NULL, "POST", path, body, &r);

	json_decref(body);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (o->json)
		outcome = command_print_json(r.body, io);
	else
		print(io, r.body);
	response_done(&r);
	return outcome;
}

/* ---- explain */

static void print_operand(const struct streams *io, const json_t *o)
{
	_cleanup_free_ char *text = rule_operator_text(o);
	const char *value = json_string_value(json_object_get(o, "value"));

	fputs(json_is_true(json_object_get(o, "matched")) ? "    + " : "    - ", io->out);
	print_text(io, text ? text : "");
	fputs("   (it is ", io->out);
	print_text(io, value ? value : "not known");
	fputs(")\n", io->out);
}

static void print_step(const struct streams *io, const json_t *step)
{
	const char *skipped = command_member(step, "skipped");
	const json_t *operand;
	size_t i;

	fputs(json_is_true(json_object_get(step, "decided"))	 ? "* "
		: json_is_true(json_object_get(step, "matched")) ? "+ "
								 : "- ",
		io->out);
	print_text(io, command_member(step, "rule"));
	fputs("  [", io->out);
	print_text(io, command_member(step, "action"));
	putc(']', io->out);
	if (*skipped) {
		fputs("  skipped: ", io->out);
		print_text(io, skipped);
	}
	putc('\n', io->out);
	json_array_foreach (json_object_get(step, "operands"), i, operand)
		print_operand(io, operand);
}

static void print_explanation(const struct streams *io, const json_t *x)
{
	const json_t *step;
	size_t i;

	json_array_foreach (json_object_get(x, "steps"), i, step)
		print_step(io, step);
	fputs(i ? "\n" : "", io->out);
	command_print_field(io, "action", command_member(x, "action"));
	command_print_field(io, "rule", or_dash(command_member(x, "rule")));
	command_print_field(io, "why", command_member(x, "why"));
}

/* The connection that options describe. */
static json_t *described(const struct rule_spec *s)
{
	json_t *dest = json_object(), *process = json_object();
	bool is_number = s->user && *s->user && !s->user[strspn(s->user, "0123456789")];

	if (s->host)
		json_object_set_new(dest, "host", json_string(s->host));
	if (s->ip)
		json_object_set_new(dest, "ip", json_string(s->ip));
	if (s->port)
		json_object_set_new(dest, "port", json_integer(strtol(s->port, NULL, 10)));
	if (s->path)
		json_object_set_new(process, "path", json_string(s->path));
	if (s->user && is_number)
		json_object_set_new(process, "uid", json_integer(strtol(s->user, NULL, 10)));
	else if (s->user)
		json_object_set_new(process, "user", json_string(s->user));
	return json_pack(
		"{s:o, s:o, s:s*}", "dest", dest, "process", process, "protocol", s->protocol);
}

static json_t *explain_body(const struct options *o, const struct streams *io, enum outcome *ret)
{
	const char *what = o->n_names ? o->names[0] : NULL;

	if (!what)
		return described(&o->spec);
	if (what[strspn(what, "0123456789")] == '\0')
		return json_pack("{s:I}", "connection", (json_int_t)strtoll(what, NULL, 10));
	return command_read_json(what, io, ret);
}

enum outcome command_explain(const struct options *o, struct client *c, const struct streams *io)
{
	enum outcome outcome = OUTCOME_FAILED;
	json_t *body = explain_body(o, io, &outcome);

	return body ? ask(o, c, io, "/api/v1/explain", body, print_explanation) : outcome;
}

/* ---- test */

static void print_counts(
	const struct streams *io, const char *title, const json_t *list, const char *key)
{
	const json_t *item;
	size_t i;

	if (json_array_size(list))
		fprintf(io->out, "%s\n", title);
	json_array_foreach (list, i, item) {
		fprintf(io->out, "%8lld  ", count_of(item, "count"));
		print_text(io, or_dash(command_member(item, key)));
		putc('\n', io->out);
	}
}

static void print_test(const struct streams *io, const json_t *t)
{
	const json_t *item;
	size_t i;

	fprintf(io->out, "%lld connections, %lld matched, %lld decided otherwise\n",
		count_of(t, "examined"), count_of(t, "matched"), count_of(t, "changed"));
	if (count_of(t, "newly_decided"))
		fprintf(io->out, "%lld that no rule decided before would be decided by one\n",
			count_of(t, "newly_decided"));
	json_array_foreach (json_object_get(t, "changes"), i, item) {
		fprintf(io->out, "%8lld  ", count_of(item, "count"));
		print_text(io, command_member(item, "from"));
		fputs(" -> ", io->out);
		print_text(io, command_member(item, "to"));
		putc('\n', io->out);
	}
	print_counts(io, "programs", json_object_get(t, "programs"), "path");
	print_counts(io, "hosts", json_object_get(t, "hosts"), "host");
	if (json_is_true(json_object_get(t, "not_recorded")))
		fputs("The rule asks for something that the history does not record: that counts "
		      "as not known.\n",
			io->out);
}

/* The candidate: of options, of a file, or none for a removal. NULL after a failure that was told. */
static json_t *test_body(const struct options *o, const struct streams *io, enum outcome *ret)
{
	json_t *body =
		json_pack("{s:s*, s:s*, s:s*}", "remove", o->remove, "from", o->from, "to", o->to);
	json_t *rule = NULL;
	struct error e = { 0 };

	if (o->has_spec) {
		if (rule_from_spec(&o->spec, &rule, &e)) {
			outcome_error(io->err, PROGRAM, NULL, &e);
			*ret = OUTCOME_USAGE;
		}
	} else if (o->n_names) {
		rule = command_read_json(o->names[0], io, ret);
	} else {
		return body;
	}
	if (!rule) {
		json_decref(body);
		return NULL;
	}
	json_object_set_new(body, "rule", rule);
	return body;
}

enum outcome command_test(const struct options *o, struct client *c, const struct streams *io)
{
	enum outcome outcome = OUTCOME_FAILED;
	json_t *body = test_body(o, io, &outcome);

	return body ? ask(o, c, io, "/api/v1/rules/test", body, print_test) : outcome;
}

/* ---- report */

static const struct table_column report_columns[] = {
	{ "KIND", 0, false },
	{ "RULE", 10, false },
	{ "OTHER", 5, false },
	{ "FINDING", 20, false },
};

static int add_finding(struct table *t, const json_t *item, size_t i)
{
	(void)i;
	return table_add(
		t, (const char *[]) { command_member(item, "kind"), command_member(item, "rule"),
			   command_member(item, "other"), command_member(item, "message") });
}

static const struct command_table report_table = {
	.columns = report_columns,
	.n_columns = array_len(report_columns),
	.add = add_finding,
};

enum outcome command_report(const struct options *o, struct client *c, const struct streams *io)
{
	_cleanup_free_ char *path = NULL;
	enum outcome outcome;
	struct response r;

	if (asprintf(&path, "/api/v1/rules/report%s%s", o->days ? "?days=" : "",
		    o->days ? o->days : "") < 0) {
		path = NULL;
		return command_no_memory(io);
	}
	outcome = command_call(c, io, NULL, "GET", path, NULL, &r);
	if (outcome != OUTCOME_OK)
		return outcome;
	outcome =
		o->json ? command_print_json(r.body, io)
			: command_print_items(&report_table, json_object_get(r.body, "items"), io);
	response_done(&r);
	return outcome;
}

/* ---- history, revert */

static const struct table_column history_columns[] = {
	{ "CHANGE", 0, true },
	{ "TIME", 0, false },
	{ "WHAT", 0, false },
	{ "BY", 8, false },
	{ "AFTER", 12, false },
};

static int add_change(struct table *t, const json_t *item, size_t i)
{
	const json_t *by = json_object_get(item, "by"), *after = json_object_get(item, "after");
	_cleanup_free_ char *summary = json_is_object(after) ? rule_summary(after) : strdup("");
	_cleanup_free_ char *author = NULL;
	_cleanup_free_ char *state = NULL;
	char id[24];

	(void)i;
	if (!summary ||
		asprintf(&author, "%s%s%s", command_member(by, "kind"),
			*command_member(by, "name") ? " " : "", command_member(by, "name")) < 0)
		return ERR_NOMEM;
	if (asprintf(&state, "%s%s%s", command_member(after, "action"), *summary ? " " : "",
		    summary) < 0)
		return ERR_NOMEM;
	snprintf(id, sizeof(id), "%lld", count_of(item, "id"));
	return table_add(t, (const char *[]) { id, command_member(item, "time"),
				    command_member(item, "change"), author, state });
}

static const struct command_table history_table = {
	.columns = history_columns,
	.n_columns = array_len(history_columns),
	.add = add_change,
	.has_head_alone = true,
};

enum outcome command_history(const struct options *o, struct client *c, const struct streams *io)
{
	_cleanup_free_ char *path = command_rule_path(o->names[0], "history");
	json_t *items = json_array();
	enum outcome outcome;

	if (!path || !items) {
		json_decref(items);
		return command_no_memory(io);
	}
	outcome = command_fetch_items(c, io, o->names[0], path, items);
	if (outcome == OUTCOME_OK)
		outcome = o->json ? command_print_json(items, io)
				  : command_print_items(&history_table, items, io);
	json_decref(items);
	return outcome;
}

enum outcome command_revert(const struct options *o, struct client *c, const struct streams *io)
{
	_cleanup_free_ char *path = command_rule_path(o->names[0], "revert");
	json_t *body = json_object();
	enum outcome outcome;
	struct response r;

	if (!path || !body) {
		json_decref(body);
		return command_no_memory(io);
	}
	if (o->change)
		json_object_set_new(body, "change", json_integer(strtoll(o->change, NULL, 10)));
	outcome = command_call(c, io, o->names[0], "POST", path, body, &r);
	json_decref(body);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (o->json && r.body)
		outcome = command_print_json(r.body, io);
	response_done(&r);
	return outcome;
}
