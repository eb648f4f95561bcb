/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counting what would change. */
#include "config.h"

#include "api/whatif_tally.h"

#include <stdlib.h>
#include <string.h>

#include "api/connection_json.h"
#include "api/http.h"
#include "db/history_scan.h"
#include "lib/hash.h"

#define SAMPLES 20
#define TOP 20
#define ASK ACTION_COUNT_ /* no rule's action */

/* How often a text stands at what changes. */
struct count {
	int64_t number; /* the text's */
	struct hash_node node;
	uint64_t n;
};

struct sample {
	uint64_t id;
	enum action from;
	struct whatif_decision before, after;
};

struct whatif_tally {
	struct history *history;
	uint64_t examined, matched, changed, newly_decided;
	uint64_t changes[ACTION_COUNT_ + 1][ACTION_COUNT_ + 1]; /* from, to */
	struct hash programs, hosts;
	struct sample samples[SAMPLES];
	unsigned n_samples;
};

struct whatif_tally *whatif_tally_new(struct history *history)
{
	struct whatif_tally *t = calloc(1, sizeof(*t));

	if (t)
		t->history = history;
	return t;
}

static void forget(struct hash *h)
{
	while (h->first) {
		struct count *c = hash_entry(h->first, struct count, node);

		hash_del(h, &c->node);
		free(c);
	}
}

void whatif_tally_free(struct whatif_tally *t)
{
	if (!t)
		return;
	forget(&t->programs);
	forget(&t->hosts);
	free(t);
}

/* Past the bound new texts are not counted any more: the frequent ones are in by then. */
static void count(struct hash *h, int64_t number)
{
	struct count *c = hash_entry(hash_find(h, &number, sizeof(number)), struct count, node);

	if (!c && hash_count(h) < LIMIT_WHATIF_KINDS) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return;
		c->number = number;
		if (!hash_add(h, &c->node, &c->number, sizeof(c->number))) {
			free(c);
			return;
		}
	}
	if (c)
		c->n++;
}

void whatif_tally_pass(struct whatif_tally *t)
{
	t->examined++;
}

void whatif_tally_add(struct whatif_tally *t, const struct history_row *row, bool matched,
	const struct whatif_decision *before, const struct whatif_decision *after)
{
	enum action from = before->by_rule ? before->action : row->action;
	enum action to = after->by_rule ? after->action : ASK;

	t->examined++;
	t->matched += matched;
	t->newly_decided += !before->by_rule && after->by_rule;
	if (from == to || (!before->by_rule && !after->by_rule))
		return;
	t->changed++;
	t->changes[from][to]++;
	count(&t->programs, row->facts.path);
	count(&t->hosts, row->facts.host ? row->facts.host : row->facts.dst_ip);
	if (t->n_samples < SAMPLES)
		t->samples[t->n_samples++] = (struct sample) { row->id, from, *before, *after };
}

uint64_t whatif_tally_changed(const struct whatif_tally *t)
{
	return t->changed;
}

/* ---- telling */

static const char *outcome_str(enum action a)
{
	return a == ASK ? "ask" : action_str(a);
}

static json_t *changes_json(const struct whatif_tally *t)
{
	json_t *list = json_array();

	for (int from = 0; from <= ASK; from++)
		for (int to = 0; to <= ASK; to++)
			if (t->changes[from][to])
				json_array_append_new(
					list, json_pack("{s:s, s:s, s:I}", "from",
						      outcome_str((enum action)from), "to",
						      outcome_str((enum action)to), "count",
						      (json_int_t)t->changes[from][to]));
	return list;
}

static int more_first(const void *a, const void *b)
{
	const struct count *x = *(const struct count *const *)a;
	const struct count *y = *(const struct count *const *)b;

	return (x->n < y->n) - (x->n > y->n);
}

static void keep_text(void *ctx, struct text text)
{
	*(json_t **)ctx = http_json_text(text.s, text.len);
}

static json_t *top_json(const struct whatif_tally *t, const struct hash *h, const char *name)
{
	json_t *list = json_array();
	unsigned n = hash_count(h), i = 0;
	const struct count **all = calloc(n + 1, sizeof(struct count *));

	for (struct hash_node *node = h->first; all && node; node = hash_next(node))
		all[i++] = hash_entry(node, struct count, node);
	if (all)
		qsort(all, i, sizeof(struct count *), more_first);
	for (unsigned k = 0; all && k < i && k < TOP; k++) {
		json_t *text = NULL;

		(void)history_scan_text(t->history, all[k]->number, keep_text, &text);
		json_array_append_new(list, json_pack("{s:o, s:I}", name, text ? text : json_null(),
						    "count", (json_int_t)all[k]->n));
	}
	free(all);
	return list;
}

static json_t *decision_json(enum action action, const struct whatif_decision *d)
{
	return json_pack("{s:s, s:o}", "action", outcome_str(action), "rule",
		d->by_rule ? http_json_text(d->rule.s, d->rule.len) : json_null());
}

static void keep_connection(void *ctx, const struct connection_record *record)
{
	struct connection_view view;
	struct textbuf b = { 0 };

	connection_view_from_record(record, &view);
	connection_json_write(&b, &view);
	*(json_t **)ctx = b.failed ? NULL : json_loadb(b.s, b.len, 0, NULL);
	textbuf_done(&b);
}

static json_t *samples_json(const struct whatif_tally *t)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < t->n_samples; i++) {
		const struct sample *s = &t->samples[i];
		json_t *connection = NULL;

		if (history_get(t->history, s->id, keep_connection, &connection) < 0 || !connection)
			continue;
		json_array_append_new(
			list, json_pack("{s:o, s:o, s:o}", "connection", connection, "before",
				      decision_json(s->from, &s->before), "after",
				      decision_json(s->after.by_rule ? s->after.action : ASK,
					      &s->after)));
	}
	return list;
}

json_t *whatif_tally_json(struct whatif_tally *t)
{
	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "done", 1, "examined",
		(json_int_t)t->examined, "matched", (json_int_t)t->matched, "changed",
		(json_int_t)t->changed, "newly_decided", (json_int_t)t->newly_decided, "changes",
		changes_json(t), "programs", top_json(t, &t->programs, "path"), "hosts",
		top_json(t, &t->hosts, "host"), "samples", samples_json(t));
}
