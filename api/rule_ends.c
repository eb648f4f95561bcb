/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What time does to rules: their ends, the engine's instance, and the hits that are stored now and then. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "api/loop.h"
#include "api/rule_book_private.h"
#include "db/rules.h"
#include "lib/clock.h"
#include "lib/log.h"

#define HITS_US UINT64_C(5000000) /* between two writes of hits */
#define LONGEST_MS 60000 /* the wall clock may be set meanwhile */

uint64_t book_end_of(const struct rule_book *b, enum rule_duration d)
{
	uint64_t us = rule_duration_us(d);

	return us ? book_now(b) + us : 0;
}

/* ---- hits */

void rule_book_hit(struct rule_book *b, struct text name, uint64_t time_us)
{
	char buf[LIMIT_RULE_NAME + 1];
	struct entry *e;

	if (!name.len || name.len >= sizeof(buf))
		return;
	memcpy(buf, name.s, name.len);
	buf[name.len] = '\0';
	e = book_entry(b, buf);
	if (!e)
		return;
	e->pub.hits++;
	if (time_us > e->pub.last_hit_us)
		e->pub.last_hit_us = time_us;
	e->hits_changed = true;
	if (!b->hits_changed) {
		b->hits_changed = true;
		book_schedule(b);
	}
}

static size_t collect_hits(struct rule_book *b, struct rule_hits *hits)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		const struct entry *e = b->entries[i];

		if (e->hits_changed)
			hits[n++] = (struct rule_hits) { e->pub.doc->name, e->pub.hits,
				e->pub.last_hit_us };
	}
	return n;
}

/* A failure is no news: the history says it when the disk is full. The hits stay in memory for the next time. */
void book_store_hits(struct rule_book *b)
{
	struct rule_hits *hits;
	size_t n;

	b->hits_stored_us = book_now(b);
	if (!b->hits_changed)
		return;
	hits = calloc(b->n + 1, sizeof(*hits));
	if (!hits)
		return;
	n = collect_hits(b, hits);
	if (rules_put_hits(b->o.store, hits, (unsigned)n, NULL) == 0) {
		b->hits_changed = false;
		for (size_t i = 0; i < b->n; i++)
			b->entries[i]->hits_changed = false;
	}
	free(hits);
}

/* ---- ends */

/*
 * Ends a rule of the database alone. A row that cannot be removed now is ended again at the next start, as its time is
 * over or its instance another.
 */
static void end_rule(struct rule_book *b, struct entry *e)
{
	struct error err = { 0 };

	if (rules_delete(b->o.store, e->pub.doc->name, &err) < 0)
		log_warning("a rule that ended stays in the database: %s", err.message);
	book_take(b, e->pub.doc->name);
	book_tell(b, RULE_DELETED, e, NULL);
	entry_free(e);
}

void rule_book_set_instance(struct rule_book *b, uint64_t instance)
{
	b->instance = instance;
	for (size_t i = b->n; i-- > 0;) {
		struct entry *e = b->entries[i];

		if (e->pub.doc->duration == DURATION_UNTIL_RESTART && !e->pub.file &&
			e->instance != instance)
			end_rule(b, e);
	}
}

/* Ends what has ended; the earliest end that is still to come, or UINT64_MAX. */
static uint64_t end_rules(struct rule_book *b, uint64_t now, bool *ret_ended)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = b->n; i-- > 0;) {
		struct entry *e = b->entries[i];

		if (!e->pub.expires_us)
			continue;
		if (e->pub.expires_us <= now) {
			*ret_ended |= entry_decides(e);
			end_rule(b, e);
		} else if (e->pub.expires_us < next) {
			next = e->pub.expires_us;
		}
	}
	return next;
}

static uint64_t tick(struct rule_book *b)
{
	uint64_t now = book_now(b), next, ms;
	bool ended = false;

	if (b->hits_changed && now - b->hits_stored_us >= HITS_US)
		book_store_hits(b);
	next = end_rules(b, now, &ended);
	if (b->hits_changed && b->hits_stored_us + HITS_US < next)
		next = b->hits_stored_us + HITS_US;
	if (ended && b->is_open && b->o.hooks.send)
		b->o.hooks.send(b->o.hooks.ctx);
	if (next == UINT64_MAX)
		return LONGEST_MS;
	ms = next > now ? (next - now) / 1000 + 1 : 0;
	return ms < LONGEST_MS ? ms : LONGEST_MS;
}

uint64_t rule_book_tick(struct rule_book *b)
{
	uint64_t ms = tick(b);

	if (b->timer)
		loop_timer_set(b->timer, ms);
	return ms;
}

/* What is over already is ended in the next turn of the loop, not inside the caller's change. */
void book_schedule(struct rule_book *b)
{
	if (b->timer)
		loop_timer_set(b->timer, 0);
}
