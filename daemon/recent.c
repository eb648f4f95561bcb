/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hash of decided flows and a list of them by age. */
#include "config.h"

#include "daemon/recent.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <utlist.h>

#include "lib/hash.h"

#define SECOND_NS 1000000000u
#define TCP_LIFE_NS (130ull * SECOND_NS)
#define OTHER_LIFE_NS (30ull * SECOND_NS)

struct entry {
	struct flow flow;
	uint32_t tcp_seq;
	struct recent_decision decision;
	uint64_t time_ns;
	struct entry *prev, *next; /* oldest first */
	struct hash_node node;
};

struct recent {
	struct hash table;
	struct entry *oldest;
	uint32_t capacity, n;
};

struct recent *recent_new(uint32_t capacity)
{
	struct recent *r = calloc(1, sizeof(*r));

	if (r)
		r->capacity = capacity ? capacity : 1;
	return r;
}

static void unlink_entry(struct recent *r, struct entry *e)
{
	hash_del(&r->table, &e->node);
	DL_DELETE(r->oldest, e);
	r->n--;
}

void recent_free(struct recent *r)
{
	if (!r)
		return;
	while (r->oldest) {
		struct entry *e = r->oldest;

		unlink_entry(r, e);
		free(e);
	}
	free(r);
}

static struct entry *find(const struct recent *r, const struct flow *flow)
{
	return hash_entry(hash_find(&r->table, flow, sizeof(*flow)), struct entry, node);
}

static void renew(struct recent *r, struct entry *e, uint64_t now_ns)
{
	e->time_ns = now_ns;
	DL_DELETE(r->oldest, e);
	DL_APPEND(r->oldest, e);
}

/* A new entry, or the oldest one taken over. NULL: out of memory, and this flow is not remembered. */
static struct entry *add(struct recent *r, const struct flow *flow)
{
	struct entry *e;

	if (r->n >= r->capacity) {
		e = r->oldest;
		unlink_entry(r, e);
	} else {
		e = malloc(sizeof(*e));
		if (!e)
			return NULL;
	}
	e->flow = *flow;
	if (!hash_add(&r->table, &e->node, &e->flow, sizeof(e->flow))) {
		free(e);
		return NULL;
	}
	DL_APPEND(r->oldest, e);
	r->n++;
	return e;
}

void recent_add(struct recent *r, const struct flow *flow, uint32_t tcp_seq,
	const struct recent_decision *d, uint64_t now_ns)
{
	struct entry *e = find(r, flow);

	if (e)
		renew(r, e, now_ns);
	else
		e = add(r, flow);
	if (!e)
		return;
	e->tcp_seq = tcp_seq;
	e->decision = *d;
	e->time_ns = now_ns;
}

bool recent_find(struct recent *r, const struct flow *flow, uint32_t tcp_seq, uint64_t now_ns,
	struct recent_decision *ret)
{
	bool tcp = flow->proto == IPPROTO_TCP;
	struct entry *e = find(r, flow);

	if (!e || (tcp && e->tcp_seq != tcp_seq))
		return false;
	if (now_ns - e->time_ns > (tcp ? TCP_LIFE_NS : OTHER_LIFE_NS))
		return false;
	renew(r, e, now_ns);
	*ret = e->decision;
	return true;
}

void recent_forget(struct recent *r, const struct flow *flow)
{
	struct entry *e = find(r, flow);

	if (!e)
		return;
	unlink_entry(r, e);
	free(e);
}
