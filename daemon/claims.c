/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each lane is a ring of slots; every slot in use stands in the chain of its bucket, newest first. */
#include "config.h"

#include "daemon/claims.h"

#include <stdlib.h>

#include "daemon/process_image.h"
#include "lib/limits.h"

#define LANES 32u
#define LANE_SLOTS (LIMIT_TRACE_CANDIDATES / LANES)
#define BUCKETS 8192u
#define NONE 0u

struct slot {
	struct claim claim;
	uint32_t bucket;
	uint32_t newer, older; /* in the chain: indexes, + 1; NONE at its ends */
	bool used;
};

struct claims {
	uint32_t next[LANES]; /* slot of each lane */
	uint32_t newest[BUCKETS]; /* index, + 1 */
	struct slot slots[LANES * LANE_SLOTS];
};

static uint32_t bucket_of(const struct flow *f, uint16_t src_port)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < sizeof(f->dst.bytes); i++)
		h = (h ^ f->dst.bytes[i]) * 16777619u;
	h = (h ^ f->dst_port) * 16777619u;
	h = (h ^ src_port) * 16777619u;
	h = (h ^ f->proto) * 16777619u;
	return (h ^ h >> 15) % BUCKETS;
}

/* The next slot of the task's lane: its oldest. */
static uint32_t take_slot(struct claims *c, int32_t tid)
{
	uint32_t lane = (uint32_t)tid * 2654435761u >> 27;
	uint32_t slot = c->next[lane];

	c->next[lane] = (slot + 1) % LANE_SLOTS;
	return lane * LANE_SLOTS + slot;
}

static void unlink_slot(struct claims *c, struct slot *s)
{
	if (!s->used)
		return;
	if (s->newer)
		c->slots[s->newer - 1].older = s->older;
	else
		c->newest[s->bucket] = s->older;
	if (s->older)
		c->slots[s->older - 1].newer = s->newer;
	process_image_unref(s->claim.image);
	s->used = false;
}

struct claims *claims_new(void)
{
	return calloc(1, sizeof(struct claims));
}

void claims_free(struct claims *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < LANES * LANE_SLOTS; i++)
		unlink_slot(c, &c->slots[i]);
	free(c);
}

static bool is_same_flow(const struct flow *a, const struct flow *b, uint16_t src_port)
{
	return a->proto == b->proto && a->src_port == src_port && a->dst_port == b->dst_port &&
	       ip_addr_equal(&a->dst, &b->dst);
}

void claims_add(struct claims *c, const struct claim *claim)
{
	uint32_t bucket = bucket_of(&claim->flow, claim->flow.src_port);
	struct slot *s = c->newest[bucket] ? &c->slots[c->newest[bucket] - 1] : NULL;
	uint32_t i;

	/* A connect looks twice: for a source address, and with it. */
	if (s && s->claim.tid == claim->tid &&
		is_same_flow(&s->claim.flow, &claim->flow, claim->flow.src_port)) {
		process_image_unref(s->claim.image);
		s->claim = *claim;
		process_image_ref(claim->image);
		return;
	}
	i = take_slot(c, claim->tid);
	s = &c->slots[i];
	unlink_slot(c, s);
	s->claim = *claim;
	process_image_ref(claim->image);
	s->bucket = bucket;
	s->newer = NONE;
	s->older = c->newest[bucket];
	s->used = true;
	if (s->older)
		c->slots[s->older - 1].newer = i + 1;
	c->newest[bucket] = i + 1;
}

unsigned claims_find(const struct claims *c, const struct flow *flow, uint16_t src_port,
	uint64_t since_ns, struct claim *ret, unsigned max)
{
	uint32_t i = c->newest[bucket_of(flow, src_port)];
	unsigned n = 0;

	for (; i && n < max; i = c->slots[i - 1].older) {
		const struct claim *k = &c->slots[i - 1].claim;

		if (k->time_ns >= since_ns && is_same_flow(&k->flow, flow, src_port) &&
			(ip_addr_is_any(&k->flow.src) || ip_addr_equal(&k->flow.src, &flow->src)))
			ret[n++] = *k;
	}
	return n;
}
