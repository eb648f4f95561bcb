/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deciding the history again. */
#include "config.h"

#include "api/whatif.h"

#include <stdlib.h>
#include <string.h>

#include "api/console.h"
#include "api/rule_book.h"
#include "api/subject_doc.h"
#include "api/whatif_tally.h"
#include "db/history_scan.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/hash.h"
#include "lib/operand.h"
#include "lib/rulewire.h"
#include "lib/rulewire_build.h"

#define SLICE_ROWS 500

/* Connections that are alike to some rules. */
struct kind {
	struct history_facts facts; /* the key: what those rules do not ask for is zero */
	bool is_judged;
};

/* One of each hash: a later one takes its place, and it is judged anew when it comes again. */
struct kinds {
	char *slots; /* LIMIT_WHATIF_KINDS of these */
	size_t size;
};

/* Alike to the candidate and what it replaces: whether either matches. */
struct concern {
	struct kind kind;
	bool concerned;
	bool matched; /* the candidate does */
};

/* Alike to all rules: how it is decided. */
struct decided {
	struct kind kind;
	struct whatif_decision before, after;
};

struct whatif {
	const struct console *console;
	struct ruleset *before, *after;
	struct ruleset *old_rule, *new_rule; /* each alone; NULL: none */
	uint64_t own_uses; /* bits 1 << enum operand: what these two look at */
	uint64_t uses; /* ... and all rules of both sets */
	bool not_recorded;
	struct history_scan scan;
	struct history_texts *texts;
	struct kinds concerns, decisions;
	struct whatif_tally *tally;
	int failed; /* a code: inside the walk nothing can be returned */
};

/* ---- the sets */

static bool takes_part(const struct rule_doc *doc)
{
	return doc->enabled && doc->wire;
}

static const struct rule_lists *lists_of(
	const struct rule_book *book, const struct whatif_candidate *candidate)
{
	return candidate && candidate->lists ? candidate->lists : rule_book_lists(book);
}

int whatif_ruleset(const struct rule_book *book, const struct whatif_candidate *candidate,
	struct ruleset **ret, struct error *err)
{
	struct rulewire_builder *b = rulewire_builder_new();
	_cleanup_free_ void *file = NULL;
	size_t len;
	int r;

	if (!b)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	for (size_t i = 0; i < rule_book_count(book); i++) {
		const struct rule_doc *doc = rule_book_at(book, i)->doc;

		if (takes_part(doc) && !(candidate && candidate->replaces &&
					       strcmp(candidate->replaces, doc->name) == 0))
			rule_doc_build(doc, b, 0);
	}
	if (candidate && candidate->doc && takes_part(candidate->doc))
		rule_doc_build(candidate->doc, b, 0);
	r = rulewire_build_finish(b, 0, &file, &len);
	rulewire_builder_free(b);
	if (r < 0)
		return error_set(err, r, r == ERR_EXISTS ? "rule.name" : NULL, "%s",
			r == ERR_EXISTS ? "there is a rule of this name already" : err_str(r));
	return ruleset_load_lists(file, len, lists_of(book, candidate), ret, err);
}

static int load_alone(const struct rule_lists *lists, const struct rule_doc *doc,
	struct ruleset **ret, struct error *err)
{
	if (!doc || !takes_part(doc))
		return 0;
	return ruleset_load_lists(doc->wire, doc->wire_len, lists, ret, err);
}

static uint64_t uses_of(const struct rule_doc *doc)
{
	const struct rulewire_header *h = doc->wire;
	const struct rulewire_op *ops;
	uint64_t uses = 0;

	if (!takes_part(doc))
		return 0;
	ops = (const void *)((const char *)doc->wire + h->ops_off);
	for (uint32_t i = 0; i < h->n_ops; i++)
		uses |= UINT64_C(1) << ops[i].operand;
	return uses;
}

#define BIT(operand) (UINT64_C(1) << (operand))
#define BITS_NOT_RECORDED                                                                          \
	(BIT(OPERAND_PROCESS_ENV) | BIT(OPERAND_PROCESS_HASH_MD5) |                                \
		BIT(OPERAND_PROCESS_HASH_SHA1) | BIT(OPERAND_PROCESS_HASH_SHA256) |                \
		BIT(OPERAND_LISTS_HASH_MD5) | BIT(OPERAND_LISTS_HASH_SHA256))

static void note_uses(struct whatif *w, const struct whatif_candidate *candidate)
{
	const struct rule_book *book = w->console->rules;
	const struct rule_entry *old =
		candidate->replaces ? rule_book_find(book, candidate->replaces) : NULL;
	uint64_t own =
		(candidate->doc ? uses_of(candidate->doc) : 0) | (old ? uses_of(old->doc) : 0);

	w->own_uses = own;
	w->uses = own;
	for (size_t i = 0; i < rule_book_count(book); i++)
		w->uses |= uses_of(rule_book_at(book, i)->doc);
	w->not_recorded = (own & BITS_NOT_RECORDED) != 0;
}

static struct kinds kinds_new(size_t size)
{
	return (struct kinds) { calloc(LIMIT_WHATIF_KINDS, size), size };
}

int whatif_new(const struct console *c, const struct whatif_candidate *candidate, uint64_t from_us,
	uint64_t to_us, struct whatif **ret, struct error *err)
{
	const struct rule_entry *old =
		candidate->replaces ? rule_book_find(c->rules, candidate->replaces) : NULL;
	struct whatif *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	w->console = c;
	w->tally = whatif_tally_new(c->history);
	w->texts = history_texts_new(c->history);
	w->concerns = kinds_new(sizeof(struct concern));
	w->decisions = kinds_new(sizeof(struct decided));
	note_uses(w, candidate);
	r = w->tally && w->texts && w->concerns.slots && w->decisions.slots
		    ? whatif_ruleset(c->rules, NULL, &w->before, err)
		    : ERR_NOMEM;
	if (r == 0)
		r = whatif_ruleset(c->rules, candidate, &w->after, err);
	if (r == 0)
		r = load_alone(lists_of(c->rules, candidate), candidate->doc, &w->new_rule, err);
	if (r == 0)
		r = load_alone(rule_book_lists(c->rules), old ? old->doc : NULL, &w->old_rule, err);
	if (r == 0) {
		r = history_scan_begin(&w->scan, c->history, NULL, from_us, to_us);
		if (r < 0)
			error_set(err, r, NULL, "the history cannot be read");
	}
	if (r < 0) {
		whatif_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void whatif_free(struct whatif *w)
{
	if (!w)
		return;
	free(w->concerns.slots);
	free(w->decisions.slots);
	whatif_tally_free(w->tally);
	history_texts_free(w->texts);
	ruleset_free(w->before);
	ruleset_free(w->after);
	ruleset_free(w->old_rule);
	ruleset_free(w->new_rule);
	free(w);
}

/* ---- kinds of connections */

static const uint64_t address_bits = BIT(OPERAND_DEST_IP) | BIT(OPERAND_DEST_NETWORK) |
				     BIT(OPERAND_LISTS_IPS) | BIT(OPERAND_LISTS_NETS);
static const uint64_t host_bits =
	BIT(OPERAND_DEST_HOST) | BIT(OPERAND_LISTS_DOMAINS) | BIT(OPERAND_LISTS_DOMAINS_REGEXP);

static void keep_if(bool wanted, int64_t *number)
{
	if (!wanted)
		*number = 0;
}

/* Leaves only what rules with these operands look at. */
static void reduce(uint64_t uses, struct history_facts *f)
{
	keep_if(uses & (BIT(OPERAND_SOURCE_IP) | BIT(OPERAND_SOURCE_NETWORK)), &f->src_ip);
	keep_if(uses & address_bits, &f->dst_ip);
	keep_if(uses & host_bits, &f->host);
	keep_if(uses & BIT(OPERAND_PROCESS_PATH), &f->path);
	keep_if(uses & BIT(OPERAND_PROCESS_COMMAND), &f->args);
	keep_if(uses & BIT(OPERAND_PROCESS_PARENT_PATH), &f->parents);
	keep_if(uses & BIT(OPERAND_USER_NAME), &f->user);
	keep_if(uses & BIT(OPERAND_IFACE_IN), &f->iface_in);
	keep_if(uses & BIT(OPERAND_IFACE_OUT), &f->iface_out);
	if (!(uses & BIT(OPERAND_USER_ID)))
		f->uid = -1;
	if (!(uses & BIT(OPERAND_PROCESS_ID)))
		f->pid = 0;
	if (!(uses & BIT(OPERAND_SOURCE_PORT)))
		f->src_port = 0;
	if (!(uses & BIT(OPERAND_DEST_PORT)))
		f->dst_port = 0;
}

struct judgement {
	struct whatif *w;
	struct kind *kind;
	void (*judge)(struct whatif *w, struct kind *k, const struct subject *subject);
};

static void judge_record(void *ctx, const struct connection_record *record)
{
	struct judgement *j = ctx;
	struct subject_doc d;

	if (subject_doc_from_record(record, &d) == 0)
		j->judge(j->w, j->kind, &d.subject);
	else
		j->w->failed = ERR_NOMEM;
	subject_doc_done(&d);
}

static void judge_concern(struct whatif *w, struct kind *k, const struct subject *subject)
{
	struct concern *c = (struct concern *)k;
	struct ruleset_match m;

	c->matched = w->new_rule && ruleset_decide(w->new_rule, subject, 0, &m);
	c->concerned = c->matched || (w->old_rule && ruleset_decide(w->old_rule, subject, 0, &m));
}

static void decide(
	const struct ruleset *rs, const struct subject *subject, struct whatif_decision *ret)
{
	struct ruleset_match m;

	ret->by_rule = ruleset_decide(rs, subject, 0, &m);
	if (!ret->by_rule)
		return;
	ret->action = m.action;
	ret->rule = m.rule;
}

static void judge_decisions(struct whatif *w, struct kind *k, const struct subject *subject)
{
	struct decided *d = (struct decided *)k;

	decide(w->before, subject, &d->before);
	decide(w->after, subject, &d->after);
}

/* The kind of this row in a table, judged when it is the first of its kind; NULL after a failure. */
static struct kind *kind_of(struct whatif *w, struct kinds *kinds, uint64_t uses,
	const struct history_row *row,
	void (*judge)(struct whatif *w, struct kind *k, const struct subject *subject))
{
	struct history_facts facts = row->facts;
	struct judgement j = { .w = w, .judge = judge };
	struct kind *k;
	int r;

	reduce(uses, &facts);
	k = (void *)(kinds->slots +
		     (hash_bytes(&facts, sizeof(facts)) % LIMIT_WHATIF_KINDS) * kinds->size);
	if (k->is_judged && memcmp(&k->facts, &facts, sizeof(facts)) == 0)
		return k;
	memset(k, 0, kinds->size);
	k->facts = facts;
	j.kind = k;
	r = history_scan_resolve(w->texts, &facts, judge_record, &j);
	if (r < 0 || w->failed)
		return NULL;
	k->is_judged = true;
	return k;
}

/* ---- the walk */

static void on_row(void *ctx, const struct history_row *row)
{
	struct whatif *w = ctx;
	struct concern *c;
	struct decided *d = NULL;

	if (w->failed)
		return;
	c = (struct concern *)kind_of(w, &w->concerns, w->own_uses, row, judge_concern);
	if (c && c->concerned)
		d = (struct decided *)kind_of(w, &w->decisions, w->uses, row, judge_decisions);
	if (!c || (c->concerned && !d))
		w->failed = w->failed ? w->failed : ERR_NOMEM;
	else if (!c->concerned)
		whatif_tally_pass(w->tally);
	else
		whatif_tally_add(w->tally, row, c->matched, &d->before, &d->after);
}

int whatif_step(struct whatif *w, uint64_t budget_ns)
{
	uint64_t until = clock_mono_ns() + budget_ns;
	int r;

	do
		r = history_scan_step(&w->scan, SLICE_ROWS, on_row, w);
	while (r > 0 && !w->failed && clock_mono_ns() < until);
	return w->failed ? w->failed : r;
}

json_t *whatif_progress(const struct whatif *w)
{
	return json_pack("{s:b, s:I, s:I, s:I}", "done", 0, "examined", (json_int_t)w->scan.passed,
		"total", (json_int_t)w->scan.total, "changed",
		(json_int_t)whatif_tally_changed(w->tally));
}

json_t *whatif_result(struct whatif *w)
{
	json_t *result = whatif_tally_json(w->tally);

	if (result)
		json_object_set_new(result, "not_recorded", json_boolean(w->not_recorded));
	return result;
}
