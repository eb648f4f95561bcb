/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table from keys to runs of rules. */
#include "config.h"

#include "lib/rule_index.h"

#include <stdlib.h>
#include <string.h>

#include "lib/rule_key.h"

#define NO_KEY 0 /* of rules that are filed under nothing */

/* Rules of one key: those that stop, then the others, each in their order. */
struct drawer {
	uint64_t key;
	uint32_t first; /* in `filed` */
	uint32_t n_stops, n_others;
};

struct rule_index {
	struct rule_key_kinds kinds;
	struct drawer unfiled;
	/*
	 * Open addressing. Most keys of a connection are in no drawer: a byte of each key lies apart, so that this is told from a
	 * table that stays in the processor's cache also where rules are many.
	 */
	struct drawer *drawers;
	uint8_t *tags;
	uint64_t mask;
	uint32_t n;
	uint32_t *filed;
	bool *is_late; /* by rule: may ask for a digest */
	bool any_late;
};

#define TAG_NONE 0 /* nothing is in this place */

/* From bits that do not choose the place. */
static uint8_t tag_of(uint64_t key)
{
	return (uint8_t)(key >> 56 | 1);
}

/* The place of the drawer with this key, or else the empty one where it would be. */
static uint64_t find(const struct rule_index *x, uint64_t key)
{
	uint8_t tag = tag_of(key);
	uint64_t at = key & x->mask;

	while (x->tags[at] != TAG_NONE && (x->tags[at] != tag || x->drawers[at].key != key))
		at = (at + 1) & x->mask;
	return at;
}

/* Added where it is not there. */
static struct drawer *drawer_of(struct rule_index *x, uint64_t key)
{
	uint64_t at;

	if (key == NO_KEY)
		return &x->unfiled;
	at = find(x, key);
	x->tags[at] = tag_of(key);
	x->drawers[at].key = key;
	return &x->drawers[at];
}

/* Room for twice as many keys. */
static bool make_drawers(struct rule_index *x, uint64_t n_keys)
{
	uint64_t size = 16;

	while (size < 2 * n_keys)
		size *= 2;
	free(x->drawers);
	free(x->tags);
	x->mask = size - 1;
	x->drawers = calloc(size, sizeof(*x->drawers));
	x->tags = calloc(size, sizeof(*x->tags));
	return x->drawers && x->tags;
}

/* ---- making */

/* How many rules could be filed under each key. */
static void count_keys(struct rule_index *x, const struct rule_index_entry *entries)
{
	const struct rule_op *ops[LIMIT_RULE_OPERATORS];
	uint64_t keys[LIMIT_RULE_OPERATORS];

	for (uint32_t i = 0; i < x->n; i++) {
		unsigned n = rule_keys_of_rule(entries[i].rule, keys, ops);

		for (unsigned k = 0; k < n; k++)
			drawer_of(x, keys[k])->first++;
	}
}

/* The rarest key of a rule. */
static uint64_t choose_key(struct rule_index *x, const struct rule *r)
{
	const struct rule_op *ops[LIMIT_RULE_OPERATORS];
	uint64_t keys[LIMIT_RULE_OPERATORS];
	unsigned n = rule_keys_of_rule(r, keys, ops), best = 0;

	if (!n)
		return NO_KEY;
	for (unsigned k = 1; k < n; k++)
		if (drawer_of(x, keys[k])->first < drawer_of(x, keys[best])->first)
			best = k;
	rule_key_kinds_add(&x->kinds, ops[best]);
	return keys[best];
}

static void place_drawer(struct drawer *d, uint32_t *next)
{
	d->first = *next;
	*next += d->n_stops + d->n_others;
	d->n_stops = d->n_others = 0;
}

/* Counts, gives each drawer its place, and fills it: rules come in their order. */
static void file_rules(
	struct rule_index *x, const struct rule_index_entry *entries, const uint64_t *chosen)
{
	uint32_t next = 0, *n_stops;

	for (uint32_t i = 0; i < x->n; i++) {
		struct drawer *d = drawer_of(x, chosen[i]);

		d->n_stops += entries[i].stops;
		d->n_others += !entries[i].stops;
	}
	place_drawer(&x->unfiled, &next);
	for (uint64_t i = 0; i <= x->mask; i++)
		if (x->tags[i] != TAG_NONE)
			place_drawer(&x->drawers[i], &next);
	for (int others = 0; others < 2; others++) {
		for (uint32_t i = 0; i < x->n; i++) {
			struct drawer *d = drawer_of(x, chosen[i]);

			if (entries[i].stops == (bool)others)
				continue;
			n_stops = others ? &d->n_others : &d->n_stops;
			x->filed[d->first + (others ? d->n_stops : 0) + (*n_stops)++] = i;
		}
	}
}

static uint32_t count_all_keys(const struct rule_index_entry *entries, uint32_t n)
{
	const struct rule_op *ops[LIMIT_RULE_OPERATORS];
	uint64_t keys[LIMIT_RULE_OPERATORS];
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += rule_keys_of_rule(entries[i].rule, keys, ops);
	return sum;
}

struct rule_index *rule_index_new(const struct rule_index_entry *entries, uint32_t n)
{
	struct rule_index *x = calloc(1, sizeof(*x));
	uint64_t *chosen = calloc(n + 1, sizeof(*chosen));
	bool good;

	if (x) {
		x->n = n;
		x->filed = calloc(n + 1, sizeof(*x->filed));
		x->is_late = calloc(n + 1, sizeof(*x->is_late));
	}
	good = x && chosen && x->filed && x->is_late && make_drawers(x, count_all_keys(entries, n));
	if (good) {
		count_keys(x, entries);
		for (uint32_t i = 0; i < n; i++) {
			chosen[i] = choose_key(x, entries[i].rule);
			x->is_late[i] = rule_needs(entries[i].rule) != 0;
			x->any_late |= x->is_late[i];
		}
		/* A small table for the keys that were chosen: what a connection looks up lies close together. */
		good = make_drawers(x, n);
		if (good)
			file_rules(x, entries, chosen);
	}
	free(chosen);
	if (good)
		return x;
	rule_index_free(x);
	return NULL;
}

void rule_index_free(struct rule_index *x)
{
	if (!x)
		return;
	free(x->drawers);
	free(x->tags);
	free(x->filed);
	free(x->is_late);
	free(x);
}

uint32_t rule_index_unfiled(const struct rule_index *x)
{
	return x->unfiled.n_stops + x->unfiled.n_others;
}

/* ---- finding */

struct search {
	const struct rule_index *index;
	const struct drawer *drawers[RULE_KEYS_MAX + 1];
	unsigned n;
	bool (*match)(void *ctx, uint32_t rule);
	void *ctx;
};

/* The first that stops of one kind of rules, before `best`. */
static uint32_t find_stop(const struct search *s, bool late, uint32_t best)
{
	const struct rule_index *x = s->index;

	for (unsigned d = 0; d < s->n; d++) {
		const uint32_t *rule = x->filed + s->drawers[d]->first;
		const uint32_t *end = rule + s->drawers[d]->n_stops;

		for (; rule < end && *rule < best; rule++)
			if (x->is_late[*rule] == late && s->match(s->ctx, *rule))
				best = *rule;
	}
	return best;
}

/* The last of the others, behind `best`, where RULE_INDEX_NONE means from the beginning. */
static uint32_t find_last(const struct search *s, bool late, uint32_t best)
{
	const struct rule_index *x = s->index;

	for (unsigned d = 0; d < s->n; d++) {
		const uint32_t *begin = x->filed + s->drawers[d]->first + s->drawers[d]->n_stops;
		const uint32_t *rule = begin + s->drawers[d]->n_others;

		while (rule-- > begin && (best == RULE_INDEX_NONE || *rule > best))
			if (x->is_late[*rule] == late && s->match(s->ctx, *rule))
				best = *rule;
	}
	return best;
}

static uint32_t search(const struct search *s)
{
	uint32_t best = find_stop(s, false, RULE_INDEX_NONE);

	if (s->index->any_late)
		best = find_stop(s, true, best);
	if (best != RULE_INDEX_NONE)
		return best;
	best = find_last(s, false, RULE_INDEX_NONE);
	return s->index->any_late ? find_last(s, true, best) : best;
}

/* Every rule, where keys do not tell which. */
static uint32_t walk(const struct rule_index *x, bool (*match)(void *ctx, uint32_t rule), void *ctx)
{
	struct search s = { .index = x, .match = match, .ctx = ctx };
	uint32_t best = RULE_INDEX_NONE, found;

	s.n = 1;
	s.drawers[0] = &x->unfiled;
	best = find_stop(&s, false, best);
	best = find_stop(&s, true, best);
	for (uint64_t i = 0; i <= x->mask; i++) {
		s.drawers[0] = &x->drawers[i];
		best = find_stop(&s, false, best);
		best = find_stop(&s, true, best);
	}
	if (best != RULE_INDEX_NONE)
		return best;
	s.drawers[0] = &x->unfiled;
	found = find_last(&s, true, find_last(&s, false, RULE_INDEX_NONE));
	for (uint64_t i = 0; i <= x->mask; i++) {
		s.drawers[0] = &x->drawers[i];
		found = find_last(&s, true, find_last(&s, false, found));
	}
	return found;
}

uint32_t rule_index_find(const struct rule_index *x, const struct subject *subject,
	bool (*match)(void *ctx, uint32_t rule), void *ctx)
{
	uint64_t keys[RULE_KEYS_MAX];
	struct search s = { .index = x, .match = match, .ctx = ctx };
	int n = rule_keys_of_subject(&x->kinds, subject, keys);

	if (n < 0)
		return walk(x, match, ctx);
	for (int i = 0; i < n; i++) {
		uint64_t at = find(x, keys[i]);

		if (x->tags[at] != TAG_NONE)
			s.drawers[s.n++] = &x->drawers[at];
	}
	/* Last: lists are here, which take the longest to ask, and need not be where an earlier rule has decided. */
	s.drawers[s.n++] = &x->unfiled;
	return search(&s);
}
