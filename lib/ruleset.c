/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A set of compiled rules in their order. */
#include "config.h"

#include "lib/ruleset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/rule.h"
#include "lib/rule_index.h"
#include "lib/rulewire.h"
#include "lib/rulewire_check.h"

struct entry {
	struct rule *rule;
	struct text name;
	uint64_t expires_boot_ns; /* UINT64_MAX = never */
	enum action action;
	bool stops;
	bool nolog;
	bool asks_host;
};

struct ruleset {
	void *file; /* the flat form, owned: rules borrow their strings from it */
	uint64_t generation;
	unsigned needs;
	uint32_t n;
	struct entry *entries;
	struct rule_index *index;
};

/* Puts "rule 12 'x': " before the place within the rule. */
static void place_in_rule(struct error *err, uint32_t index, struct text name)
{
	char quoted[64], inner[sizeof(err->place)];

	if (!err)
		return;
	log_quote(name.s, name.len, quoted, sizeof(quoted));
	memcpy(inner, err->place, sizeof(inner));
	snprintf(err->place, sizeof(err->place), "rule %u '%s': %.*s", index, quoted,
		(int)sizeof(err->place) / 2, inner);
}

static int add_entry(struct ruleset *rs, const struct rulewire_rule *w,
	const struct rule_lists *lists, struct error *err)
{
	struct entry *e = &rs->entries[rs->n];
	struct text name = { (const char *)rs->file + w->name.off, w->name.len };
	int r = rule_compile(rs->file, w->root_op, lists, &e->rule, err);

	if (r < 0) {
		place_in_rule(err, rs->n, name);
		return r;
	}
	e->name = name;
	e->expires_boot_ns = w->expires_boot_ns ? w->expires_boot_ns : UINT64_MAX;
	e->action = (enum action)w->action;
	e->stops = e->action != ACTION_ALLOW || w->precedence;
	e->nolog = w->nolog;
	e->asks_host = rule_asks_host(e->rule);
	rs->needs |= rule_needs(e->rule);
	rs->n++;
	return 0;
}

static int make_index(struct ruleset *rs, struct error *err)
{
	struct rule_index_entry *entries = calloc(rs->n + 1, sizeof(*entries));

	for (uint32_t i = 0; entries && i < rs->n; i++)
		entries[i] =
			(struct rule_index_entry) { rs->entries[i].rule, rs->entries[i].stops };
	rs->index = entries ? rule_index_new(entries, rs->n) : NULL;
	free(entries);
	return rs->index ? 0 : error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
}

static int add_entries(
	struct ruleset *rs, size_t len, const struct rule_lists *lists, struct error *err)
{
	const struct rulewire_header *h = rs->file;
	const struct rulewire_rule *rules;
	int r = rulewire_check(rs->file, len, err);

	if (r < 0)
		return r;
	rs->generation = h->generation;
	rs->entries = calloc(h->n_rules + 1, sizeof(*rs->entries));
	if (!rs->entries)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	rules = (const void *)((const char *)rs->file + h->rules_off);
	for (uint32_t i = 0; r == 0 && i < h->n_rules; i++)
		r = add_entry(rs, &rules[i], lists, err);
	return r < 0 ? r : make_index(rs, err);
}

/* Takes `file`, also on failure. */
static int load_file(void *file, size_t len, const struct rule_lists *lists, struct ruleset **ret,
	struct error *err)
{
	struct ruleset *rs = calloc(1, sizeof(*rs));
	int r;

	if (!rs) {
		free(file);
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	}
	rs->file = file;
	r = add_entries(rs, len, lists, err);
	if (r < 0) {
		ruleset_free(rs);
		return r;
	}
	*ret = rs;
	return 0;
}

int ruleset_load(const void *data, size_t len, struct ruleset **ret, struct error *err)
{
	return ruleset_load_lists(data, len, NULL, ret, err);
}

int ruleset_load_lists(const void *data, size_t len, const struct rule_lists *lists,
	struct ruleset **ret, struct error *err)
{
	void *file;

	if (len > LIMIT_RULESET_BYTES)
		return error_set(err, ERR_TOO_BIG, "header", "the rule set is bigger than %u bytes",
			LIMIT_RULESET_BYTES);
	file = calloc(1, len + 1);
	if (!file)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	if (len)
		memcpy(file, data, len);
	return load_file(file, len, lists, ret, err);
}

static int read_all(int fd, uint8_t *to, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(fd, to + done, len - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_IO;
		done += (size_t)n;
	}
	return 0;
}

int ruleset_load_fd(int fd, const struct rule_lists *lists, struct ruleset **ret, struct error *err)
{
	const int needed = F_SEAL_WRITE | F_SEAL_SHRINK;
	_cleanup_free_ void *file = NULL;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & needed) != needed)
		return error_set(err, ERR_INVALID, NULL,
			"the rule set did not come in a memory file sealed against changes");
	if (fstat(fd, &st) < 0 || st.st_size < 0)
		return error_set(err, ERR_IO, NULL, "fstat: %s", strerror(errno));
	if (st.st_size > (off_t)LIMIT_RULESET_BYTES)
		return error_set(err, ERR_TOO_BIG, "header", "the rule set is bigger than %u bytes",
			LIMIT_RULESET_BYTES);
	file = calloc(1, (size_t)st.st_size + 1);
	if (!file)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	if (read_all(fd, file, (size_t)st.st_size) < 0)
		return error_set(err, ERR_IO, NULL, "the rule set cannot be read");
	return load_file(steal_ptr(file), (size_t)st.st_size, lists, ret, err);
}

void ruleset_free(struct ruleset *rs)
{
	if (!rs)
		return;
	for (uint32_t i = 0; i < rs->n; i++)
		rule_free(rs->entries[i].rule);
	rule_index_free(rs->index);
	free(rs->entries);
	free(rs->file);
	free(rs);
}

const char *ruleset_error_field(const struct error *err)
{
	const char *found = err->place;

	for (const char *s = strstr(found, "': "); s; s = strstr(s, "': ")) {
		s += strlen("': ");
		found = s;
	}
	return found;
}

uint64_t ruleset_generation(const struct ruleset *rs)
{
	return rs->generation;
}

uint32_t ruleset_count(const struct ruleset *rs)
{
	return rs->n;
}

unsigned ruleset_needs(const struct ruleset *rs)
{
	return rs->needs;
}

uint32_t ruleset_unfiled(const struct ruleset *rs)
{
	return rule_index_unfiled(rs->index);
}

struct ruleset_rule ruleset_at(const struct ruleset *rs, uint32_t index)
{
	const struct entry *e = &rs->entries[index];

	return (struct ruleset_rule) {
		.rule = e->rule,
		.name = e->name,
		.expires_boot_ns = e->expires_boot_ns,
		.action = e->action,
		.stops = e->stops,
		.nolog = e->nolog,
	};
}

/* ---- deciding */

struct question {
	const struct ruleset *set;
	const struct subject *subject;
	uint64_t now_boot_ns;
};

static bool does_match(void *ctx, uint32_t rule)
{
	const struct question *q = ctx;
	const struct entry *e = &q->set->entries[rule];

	return q->now_boot_ns < e->expires_boot_ns && rule_match(e->rule, q->subject);
}

static bool answer(const struct ruleset *rs, uint32_t rule, struct ruleset_match *ret)
{
	const struct entry *e;

	if (rule == RULE_INDEX_NONE)
		return false;
	e = &rs->entries[rule];
	*ret = (struct ruleset_match) {
		.action = e->action,
		.rule = e->name,
		.index = rule,
		.nolog = e->nolog,
	};
	return true;
}

bool ruleset_decide(const struct ruleset *rs, const struct subject *subject, uint64_t now_boot_ns,
	struct ruleset_match *ret)
{
	struct question q = { rs, subject, now_boot_ns };

	return answer(rs, rule_index_find(rs->index, subject, does_match, &q), ret);
}

bool ruleset_walk(const struct ruleset *rs, const struct subject *subject, uint64_t now_boot_ns,
	struct ruleset_match *ret)
{
	struct question q = { rs, subject, now_boot_ns };
	uint32_t found = RULE_INDEX_NONE;

	for (uint32_t i = 0; i < rs->n; i++) {
		if (!does_match(&q, i))
			continue;
		found = i;
		if (rs->entries[i].stops)
			break;
	}
	return answer(rs, found, ret);
}

unsigned ruleset_outcomes(
	const struct ruleset *rs, const struct subject *subject, uint64_t now_boot_ns)
{
	struct subject any = *subject;
	struct question q = { rs, &any, now_boot_ns };
	bool allowed = false, maybe_allowed = false;
	unsigned outcomes = 0;

	any.any_host = true;
	for (uint32_t i = 0; i < rs->n; i++) {
		const struct entry *e = &rs->entries[i];

		if (!does_match(&q, i))
			continue;
		if (e->stops)
			outcomes |= 1u << e->action;
		if (e->stops && !e->asks_host)
			return outcomes;
		allowed |= !e->stops && !e->asks_host;
		maybe_allowed |= !e->stops && e->asks_host;
	}
	if (allowed || maybe_allowed)
		outcomes |= 1u << ACTION_ALLOW;
	return allowed ? outcomes : outcomes | 1u << ACTION_COUNT_;
}
