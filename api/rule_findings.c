/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of the report. */
#include "config.h"

#include "api/rule_findings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/http.h"
#include "api/rule_program.h"
#include "api/rules.h"
#include "lib/clock.h"

#define HOUR_US UINT64_C(3600000000)
#define DAY_US (24 * HOUR_US)

/* ---- an entry of the report */

static json_t *name_json(const struct rule_doc *doc)
{
	return doc ? http_json_text(doc->name, strlen(doc->name)) : json_null();
}

static json_t *path_json(const struct rule_doc *doc)
{
	char path[RULES_PATH_LEN];

	rules_path(doc->name, path);
	return json_string(path);
}

static json_t *removal(const struct rule_doc *doc)
{
	return json_pack("{s:s, s:s, s:o, s:n}", "title", "Delete it", "method", "DELETE", "path",
		path_json(doc), "body");
}

/* Takes `body`. */
static json_t *patch(const struct rule_doc *doc, const char *title, json_t *body)
{
	return json_pack("{s:s, s:s, s:o, s:o}", "title", title, "method", "PATCH", "path",
		path_json(doc), "body", body);
}

static json_t *disabling(const struct rule_doc *doc)
{
	return patch(doc, "Disable it", json_pack("{s:b}", "enabled", 0));
}

/* Takes `message` and `fix` (NULL: none). */
static void add(json_t *items, const char *kind, const char *severity, const struct rule_doc *doc,
	const struct rule_doc *other, json_t *message, json_t *fix)
{
	json_array_append_new(
		items, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "kind", kind, "severity",
			       severity, "rule", name_json(doc), "other", name_json(other),
			       "message", message, "fix", fix ? fix : json_null()));
}

/* ---- by itself */

static bool finds_contradiction(
	json_t *items, const struct rule_doc *doc, struct rule_leaves *leaves)
{
	size_t a, b;

	if (!rule_leaves_contradict(leaves, &a, &b))
		return false;
	add(items, "never_matches", "warning", doc, NULL,
		json_sprintf("It asks for two things at once that exclude each other: %s \"%.*s\" "
			     "and %s \"%.*s\".",
			operand_str(leaves->items[a].operand), (int)leaves->items[a].data.len,
			leaves->items[a].data.s, operand_str(leaves->items[b].operand),
			(int)leaves->items[b].data.len, leaves->items[b].data.s),
		disabling(doc));
	return true;
}

/* OpenSnitch takes such numbers, so that its rules may have them. */
static bool finds_no_port(
	json_t *items, const struct rule_doc *doc, const struct rule_leaves *leaves)
{
	for (size_t i = 0; i < leaves->n; i++) {
		const struct rule_leaf *l = &leaves->items[i];
		char digits[16];

		if (l->type != OPERATOR_SIMPLE ||
			(l->operand != OPERAND_SOURCE_PORT && l->operand != OPERAND_DEST_PORT))
			continue;
		snprintf(digits, sizeof(digits), "%.*s", (int)l->data.len, l->data.s);
		if (strtoul(digits, NULL, 10) <= UINT16_MAX)
			continue;
		add(items, "never_matches", "warning", doc, NULL,
			json_sprintf("It asks for port %s, but ports end at 65535.", digits),
			disabling(doc));
		return true;
	}
	return false;
}

static void find_unused(json_t *items, const struct rule_doc *doc, const struct rule_state *s)
{
	uint64_t since = s->now_us - s->days * DAY_US;
	char when[CLOCK_TEXT_LEN];

	if (s->last_hit_us >= since || (doc->created_us >= since && !s->hits) || s->expires_us)
		return;
	if (s->last_hit_us)
		add(items, "unused", "info", doc, NULL,
			json_sprintf("It has decided nothing for %llu days; the last time was %s.",
				(unsigned long long)s->days, clock_format(s->last_hit_us, when)),
			disabling(doc));
	else
		add(items, "unused", "info", doc, NULL,
			json_string("It has never decided anything."), disabling(doc));
}

static void find_changed(json_t *items, const struct rule_doc *doc,
	const struct rule_program *program, const char *path)
{
	struct file_identity now;
	char when[CLOCK_TEXT_LEN];

	if (!program || !file_identity_read(AT_FDCWD, path, &now) ||
		!rule_program_changed(program, doc->updated_us, &now))
		return;
	add(items, "changed_program", "info", doc, NULL,
		json_sprintf("The program \"%s\" was replaced or changed at %s, after this rule.",
			path, clock_format((uint64_t)now.ctime_ns / 1000, when)),
		patch(doc, "Keep it", json_pack("{s:b}", "enabled", 1)));
}

static void find_program(json_t *items, const struct rule_doc *doc,
	const struct rule_leaves *leaves, const struct rule_program *program)
{
	for (size_t i = 0; i < leaves->n; i++) {
		const struct rule_leaf *l = &leaves->items[i];
		char path[LIMIT_PATH + 1];
		struct stat st;

		if (l->type != OPERATOR_SIMPLE || l->operand != OPERAND_PROCESS_PATH ||
			!l->data.len || l->data.s[0] != '/' || l->data.len > LIMIT_PATH)
			continue;
		snprintf(path, sizeof(path), "%.*s", (int)l->data.len, l->data.s);
		if (stat(path, &st) == 0)
			find_changed(items, doc, program, path);
		else if (errno == ENOENT || errno == ENOTDIR)
			add(items, "missing_program", "info", doc, NULL,
				json_sprintf("There is no program \"%s\" any more.", path),
				removal(doc));
		else
			continue;
		return;
	}
}

/* Whether a comparison says anything of who connects, or of where to. */
static bool narrows(enum operand o)
{
	switch (o) {
	case OPERAND_TRUE:
	case OPERAND_SOURCE_IP:
	case OPERAND_SOURCE_PORT:
	case OPERAND_SOURCE_NETWORK:
	case OPERAND_DEST_PORT:
	case OPERAND_PROTOCOL:
	case OPERAND_IFACE_IN:
	case OPERAND_IFACE_OUT:
	case OPERAND_LIST:
	case OPERAND_COUNT_:
		return false;
	case OPERAND_PROCESS_ID:
	case OPERAND_PROCESS_PATH:
	case OPERAND_PROCESS_PARENT_PATH:
	case OPERAND_PROCESS_COMMAND:
	case OPERAND_PROCESS_ENV:
	case OPERAND_PROCESS_HASH_MD5:
	case OPERAND_PROCESS_HASH_SHA1:
	case OPERAND_PROCESS_HASH_SHA256:
	case OPERAND_USER_ID:
	case OPERAND_USER_NAME:
	case OPERAND_DEST_IP:
	case OPERAND_DEST_HOST:
	case OPERAND_DEST_NETWORK:
	case OPERAND_LISTS_DOMAINS:
	case OPERAND_LISTS_DOMAINS_REGEXP:
	case OPERAND_LISTS_IPS:
	case OPERAND_LISTS_NETS:
	case OPERAND_LISTS_HASH_MD5:
	case OPERAND_LISTS_HASH_SHA256:
		return true;
	}
	return false;
}

static void find_too_wide(
	json_t *items, const struct rule_doc *doc, const struct rule_leaves *leaves)
{
	if (doc->action != ACTION_ALLOW)
		return;
	for (size_t i = 0; i < leaves->n; i++)
		if (narrows(leaves->items[i].operand))
			return;
	add(items, "too_wide", "warning", doc, NULL,
		json_string("It lets any program connect to any host: name the program or the "
			    "host."),
		disabling(doc));
}

static void find_ending(json_t *items, const struct rule_doc *doc, const struct rule_state *s)
{
	char when[CLOCK_TEXT_LEN];

	if (!s->expires_us || s->expires_us > s->now_us + HOUR_US)
		return;
	add(items, "ending", "info", doc, NULL,
		json_sprintf("It ends at %s.", clock_format(s->expires_us, when)),
		patch(doc, "Keep it always", json_pack("{s:s}", "duration", "always")));
}

bool rule_finding_alone(json_t *items, const struct rule_doc *doc, struct rule_leaves *leaves,
	const struct rule_state *state)
{
	if (!leaves) {
		add(items, "not_evaluated", "warning", doc, NULL,
			json_sprintf("It is not in force: %s%s%s.",
				doc->problem ? doc->problem->place : "",
				doc->problem && *doc->problem->place ? ": " : "",
				doc->problem ? doc->problem->message : "out of memory"),
			disabling(doc));
		return true;
	}
	if (finds_contradiction(items, doc, leaves) || finds_no_port(items, doc, leaves))
		return true;
	find_unused(items, doc, state);
	find_program(items, doc, leaves, state->program);
	find_too_wide(items, doc, leaves);
	find_ending(items, doc, state);
	return false;
}

/* ---- covered by another */

static bool ends_the_walk(const struct rule_doc *doc)
{
	return doc->action != ACTION_ALLOW || doc->precedence;
}

bool rule_finding_covered(
	json_t *items, const struct rule_doc *doc, const struct rule_doc *by, bool both)
{
	bool by_is_first = strcmp(by->name, doc->name) < 0;
	bool same = doc->action == by->action && doc->nolog == by->nolog;
	/* Whether `by` decides wherever `doc` would: the rules are walked by name to the first that ends the walk, otherwise the last. */
	bool wins = ends_the_walk(doc) ? by_is_first && ends_the_walk(by)
				       : ends_the_walk(by) || !by_is_first;
	/* Of two that only allow it does not matter which one is the last: the other would do the same. */
	bool idle = same && !ends_the_walk(doc) && by->action == ACTION_ALLOW;

	/* Of two that are alike the later one goes, not both. */
	if (both && same && (wins || idle) && !by_is_first)
		return false;
	if ((!wins && !idle) || (doc->action == by->action && !same))
		return false;
	if (both && same)
		add(items, "duplicate", "info", doc, by,
			json_sprintf("It asks for the same as \"%s\" and does the same.", by->name),
			removal(doc));
	else if (both)
		add(items, "contradiction", "warning", doc, by,
			json_sprintf("It asks for the same as \"%s\", which decides otherwise (%s) "
				     "and wins.",
				by->name, action_str(by->action)),
			removal(doc));
	else if (same)
		add(items, "redundant", "info", doc, by,
			json_sprintf(
				"\"%s\" decides all that it would, and does the same.", by->name),
			removal(doc));
	else
		add(items, "shadowed", "warning", doc, by,
			json_sprintf("It never decides: \"%s\" matches wherever it does, and %s.",
				by->name,
				by->action == ACTION_ALLOW  ? "allows first"
				: by->action == ACTION_DENY ? "denies"
							    : "rejects"),
			disabling(doc));
	return true;
}
