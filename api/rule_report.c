/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rule after rule, alone and against the others. */
#include "config.h"

#include "api/rule_report.h"

#include <stdlib.h>
#include <string.h>

#include "api/console.h"
#include "api/http.h"
#include "api/loop.h"
#include "api/rule_book.h"
#include "api/rule_findings.h"
#include "api/rule_leaf.h"
#include "lib/clock.h"
#include "lib/hash.h"

#define SLICE_NS 8000000u /* of one turn of the loop */
#define DAYS_DEFAULT 30
#define DAYS_MAX 3650

/* A rule under examination: a copy, as the book may change meanwhile. */
struct examined {
	struct rule_doc *doc;
	struct rule_leaves *leaves; /* NULL: it is not evaluated */
	struct rule_program program;
	struct rule_state state;
	struct examined *next; /* with the same key */
};

/* Rules that share one `simple` comparison: whatever they cover has it too. */
struct bucket {
	struct hash_node node;
	struct examined *first;
	size_t len;
	char key[]; /* operand and value, lower case */
};

struct report {
	struct http_request *req;
	struct timer *timer;
	uint64_t days;
	uint64_t now_us;
	struct examined *rules; /* those that take part, by name */
	size_t n, at;
	struct hash buckets;
	struct examined *general; /* without a `simple` comparison */
	uint64_t comparisons;
	bool incomplete;
	json_t *items;
};

/* ---- finding what may cover what */

/* The key of a `simple` comparison, owned, or NULL. */
static char *key_of(const struct rule_leaf *l, size_t *ret_len)
{
	char *key;

	if (l->type != OPERATOR_SIMPLE || !l->data.len || l->operand == OPERAND_TRUE)
		return NULL;
	key = malloc(l->data.len + 1);
	if (!key)
		return NULL;
	key[0] = (char)rule_leaf_subject(l);
	for (size_t i = 0; i < l->data.len; i++) {
		char c = l->data.s[i];

		key[i + 1] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	*ret_len = l->data.len + 1;
	return key;
}

static struct bucket *find_bucket(const struct report *p, const struct rule_leaf *l)
{
	size_t len = 0;
	char *key = key_of(l, &len);
	struct bucket *b = NULL;

	if (key)
		b = hash_entry(hash_find(&p->buckets, key, len), struct bucket, node);
	free(key);
	return b;
}

static bool add_to_bucket(struct report *p, struct examined *x, const struct rule_leaf *l)
{
	struct bucket *b = find_bucket(p, l);
	size_t len = 0;
	char *key;

	if (!b) {
		key = key_of(l, &len);
		b = key ? calloc(1, sizeof(*b) + len) : NULL;
		if (b) {
			memcpy(b->key, key, len);
			b->len = len;
		}
		free(key);
		if (!b)
			return false;
		if (!hash_add(&p->buckets, &b->node, b->key, b->len)) {
			free(b);
			return false;
		}
	}
	x->next = b->first;
	b->first = x;
	return true;
}

static void sort_in(struct report *p, struct examined *x)
{
	for (size_t i = 0; i < x->leaves->n; i++)
		if (x->leaves->items[i].operand != OPERAND_TRUE &&
			add_to_bucket(p, x, &x->leaves->items[i]))
			return;
	x->next = p->general;
	p->general = x;
}

/* ---- one rule */

/* Tells the first rule of a chain that settles the matter; false when none does. */
static bool against(struct report *p, struct examined *y, struct examined *x)
{
	for (; x; x = x->next) {
		/* A temporary rule makes no lasting one needless. */
		if (x == y || (x->state.expires_us && !y->state.expires_us))
			continue;
		if (++p->comparisons > LIMIT_REPORT_COMPARISONS) {
			p->incomplete = true;
			return true;
		}
		if (!rule_leaves_cover(x->leaves, y->leaves))
			continue;
		if (rule_finding_covered(
			    p->items, y->doc, x->doc, rule_leaves_cover(y->leaves, x->leaves)))
			return true;
	}
	return false;
}

static void examine(struct report *p, struct examined *y)
{
	bool settled = false;

	if (!y->leaves) {
		rule_finding_alone(p->items, y->doc, NULL, &y->state);
		return;
	}
	if (rule_finding_alone(p->items, y->doc, y->leaves, &y->state))
		return;
	for (size_t i = 0; i < y->leaves->n && !settled; i++) {
		struct bucket *b = find_bucket(p, &y->leaves->items[i]);

		if (b)
			settled = against(p, y, b->first);
	}
	if (!settled)
		against(p, y, p->general);
}

/* ---- the whole */

static void report_ended(struct http_request *req)
{
	struct report *p = req->handler_data;

	while (p->buckets.first) {
		struct bucket *b = hash_entry(p->buckets.first, struct bucket, node);

		hash_del(&p->buckets, &b->node);
		free(b);
	}
	for (size_t i = 0; i < p->n; i++) {
		rule_leaves_free(p->rules[i].leaves);
		rule_program_done(&p->rules[i].program);
		rule_doc_free(p->rules[i].doc);
	}
	loop_timer_free(req->console->loop, p->timer);
	json_decref(p->items);
	free(p->rules);
	free(p);
}

static void work(void *ctx)
{
	struct report *p = ctx;
	uint64_t until = clock_mono_ns() + SLICE_NS;

	while (p->at < p->n && clock_mono_ns() < until)
		examine(p, &p->rules[p->at++]);
	if (p->at < p->n) {
		loop_timer_set(p->timer, 0);
		return;
	}
	http_reply_json(p->req, 200,
		json_pack("{s:O, s:I, s:b}", "items", p->items, "rules", (json_int_t)p->n,
			"complete", !p->incomplete));
}

/* Disabled rules and those that have ended do nothing, so nothing is wrong with them. */
static int copy_rules(struct report *p)
{
	const struct rule_book *book = p->req->console->rules;

	p->rules = calloc(rule_book_count(book) + 1, sizeof(*p->rules));
	if (!p->rules)
		return ERR_NOMEM;
	for (size_t i = 0; i < rule_book_count(book); i++) {
		const struct rule_entry *e = rule_book_at(book, i);
		struct examined *x = &p->rules[p->n];
		struct error err;

		if (!e->doc->enabled || (e->expires_us && e->expires_us <= p->now_us))
			continue;
		if (rule_doc_parse(e->doc->text, strlen(e->doc->text), rule_book_aliases(book),
			    e->doc->name, RULE_DOC_KEEP, &x->doc, &err) < 0)
			return ERR_NOMEM;
		p->n++;
		x->state = (struct rule_state) {
			.hits = e->hits,
			.last_hit_us = e->last_hit_us,
			.expires_us = e->expires_us,
			.now_us = p->now_us,
			.days = p->days,
			.program = &x->program,
		};
		rule_program_init(&x->program, x->doc);
		if (e->program.is_known)
			rule_program_set(&x->program, &e->program.file);
		x->leaves = x->doc->wire ? rule_leaves_new(x->doc) : NULL;
		if (x->leaves)
			sort_in(p, x);
	}
	return 0;
}

void rule_report_get(struct http_request *req)
{
	struct report *p;
	uint64_t days = DAYS_DEFAULT;

	if (!http_query_number(req, "days", 1, DAYS_MAX, &days))
		return;
	p = calloc(1, sizeof(*p));
	if (!p) {
		http_reply_error(req, ERR_NOMEM, NULL);
		return;
	}
	p->req = req;
	p->days = days;
	p->now_us = clock_real_us();
	p->items = json_array();
	p->timer = loop_timer_new(req->console->loop, work, p);
	req->handler_data = p;
	req->on_end = report_ended;
	if (!p->timer || !p->items || copy_rules(p) < 0) {
		http_reply_error(req, ERR_NOMEM, NULL);
		return;
	}
	loop_timer_set(p->timer, 0);
	http_defer(req);
}
