/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set-associative table, as a processor's cache is one: a flow's hash chooses a set of a few places, whose tags lie in one line of
 * memory. A look for a flow that is not there, which is what each new connection begins with, touches that line alone.
 */
#include "config.h"

#include "daemon/recent.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hash.h"

#define SECOND_NS 1000000000u
#define TCP_LIFE_NS (130ull * SECOND_NS)
#define OTHER_LIFE_NS (30ull * SECOND_NS)
#define WAYS 8u

struct entry {
	struct flow flow;
	uint32_t tcp_seq;
	struct recent_decision decision;
	uint64_t time_ns;
};

struct set {
	_Alignas(64) uint32_t tags[WAYS]; /* part of the hash; 0: the place is free */
	uint32_t used[WAYS]; /* the table's clock when it was used last */
};

struct recent {
	struct set *sets;
	struct entry *entries; /* WAYS of each set */
	uint32_t n_sets; /* a power of two */
	uint32_t clock; /* counts uses; may wrap: ages are differences */
};

/* Where a flow is, or would be. */
struct place {
	struct set *set;
	struct entry *entries;
	uint32_t tag;
};

struct recent *recent_new(uint32_t capacity)
{
	struct recent *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->n_sets = 1;
	while (r->n_sets * WAYS < capacity)
		r->n_sets *= 2;
	r->sets = aligned_alloc(_Alignof(struct set), r->n_sets * sizeof(*r->sets));
	r->entries = calloc((size_t)r->n_sets * WAYS, sizeof(*r->entries));
	if (!r->sets || !r->entries) {
		recent_free(r);
		return NULL;
	}
	memset(r->sets, 0, r->n_sets * sizeof(*r->sets));
	return r;
}

void recent_free(struct recent *r)
{
	if (!r)
		return;
	free(r->sets);
	free(r->entries);
	free(r);
}

static struct place place_of(const struct recent *r, const struct flow *flow)
{
	uint64_t hash = hash_bytes(flow, sizeof(*flow));
	uint32_t index = (uint32_t)hash & (r->n_sets - 1), tag = (uint32_t)(hash >> 32);

	return (struct place) { &r->sets[index], r->entries + (size_t)index * WAYS, tag ? tag : 1 };
}

/* Its way in the set, or WAYS. */
static unsigned find(const struct place *p, const struct flow *flow)
{
	unsigned i = 0;

	while (i < WAYS && (p->set->tags[i] != p->tag || !flow_equal(&p->entries[i].flow, flow)))
		i++;
	return i;
}

/* A free way, or that of the entry used longest ago. */
static unsigned victim(const struct recent *r, const struct set *set)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < WAYS; i++) {
		if (!set->tags[i])
			return i;
		if (r->clock - set->used[i] > r->clock - set->used[oldest])
			oldest = i;
	}
	return oldest;
}

void recent_add(struct recent *r, const struct flow *flow, uint32_t tcp_seq,
	const struct recent_decision *d, uint64_t now_ns)
{
	struct place p = place_of(r, flow);
	unsigned i = find(&p, flow);

	if (i == WAYS)
		i = victim(r, p.set);
	p.set->tags[i] = p.tag;
	p.set->used[i] = ++r->clock;
	p.entries[i] = (struct entry) { *flow, tcp_seq, *d, now_ns };
}

bool recent_find(struct recent *r, const struct flow *flow, uint32_t tcp_seq, uint64_t now_ns,
	struct recent_decision *ret)
{
	bool tcp = flow->proto == IPPROTO_TCP;
	struct place p = place_of(r, flow);
	unsigned i = find(&p, flow);
	struct entry *e = &p.entries[i];

	if (i == WAYS || (tcp && e->tcp_seq != tcp_seq))
		return false;
	if (now_ns - e->time_ns > (tcp ? TCP_LIFE_NS : OTHER_LIFE_NS))
		return false;
	e->time_ns = now_ns;
	p.set->used[i] = ++r->clock;
	*ret = e->decision;
	return true;
}

void recent_forget(struct recent *r, const struct flow *flow)
{
	struct place p = place_of(r, flow);
	unsigned i = find(&p, flow);

	if (i < WAYS)
		p.set->tags[i] = 0;
}
