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
#define SPARED_MAX 8 /* claims of others in a row */
#define FRESH_NS 8000000000u /* a SYN that was lost comes again after 1, 3 and 7 s */

/* Of the claim of the same index. They lie apart so that walking a chain stays in the processor's cache. */
struct link {
	uint32_t hash;
	uint32_t newer, older; /* in the chain: indexes, + 1; NONE at its ends */
	bool used;
};

struct claims {
	uint32_t next[LANES]; /* slot of each lane */
	uint32_t newest[BUCKETS]; /* index, + 1 */
	struct link links[LANES * LANE_SLOTS];
	struct claim claims[LANES * LANE_SLOTS];
};

static uint32_t claim_hash(const struct flow *f, uint16_t src_port)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < sizeof(f->dst.bytes); i++)
		h = (h ^ f->dst.bytes[i]) * 16777619u;
	h = (h ^ f->dst_port) * 16777619u;
	h = (h ^ src_port) * 16777619u;
	h = (h ^ f->proto) * 16777619u;
	return h ^ h >> 15;
}

/* The next slot of the task's lane, its oldest; but rather one of its own soon behind it than a fresh one of another task. */
static uint32_t take_slot(struct claims *c, int32_t tid, uint64_t now_ns)
{
	uint32_t lane = (uint32_t)tid * 2654435761u >> 27;
	uint32_t slot = c->next[lane];

	for (uint32_t k = 0; k < SPARED_MAX; k++) {
		uint32_t at = (c->next[lane] + k) % LANE_SLOTS;
		const struct claim *old = &c->claims[lane * LANE_SLOTS + at];

		if (c->links[lane * LANE_SLOTS + at].used && old->tid != tid &&
			old->time_ns + FRESH_NS > now_ns)
			continue;
		slot = at;
		break;
	}
	c->next[lane] = (slot + 1) % LANE_SLOTS;
	return lane * LANE_SLOTS + slot;
}

static void remove_claim(struct claims *c, uint32_t i)
{
	struct link *l = &c->links[i];

	if (!l->used)
		return;
	if (l->newer)
		c->links[l->newer - 1].older = l->older;
	else
		c->newest[l->hash % BUCKETS] = l->older;
	if (l->older)
		c->links[l->older - 1].newer = l->newer;
	process_image_unref(c->claims[i].image);
	l->used = false;
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
		remove_claim(c, i);
	free(c);
}

static bool is_same_flow(const struct flow *a, const struct flow *b, uint16_t src_port)
{
	return a->proto == b->proto && a->src_port == src_port && a->dst_port == b->dst_port &&
	       ip_addr_equal(&a->dst, &b->dst);
}

void claims_add(struct claims *c, const struct claim *claim)
{
	uint32_t hash = claim_hash(&claim->flow, claim->flow.src_port);
	uint32_t *newest = &c->newest[hash % BUCKETS], i = *newest;

	/* A connect looks twice: for a source address, and with it. */
	if (i && c->links[i - 1].hash == hash && c->claims[i - 1].tid == claim->tid &&
		is_same_flow(&c->claims[i - 1].flow, &claim->flow, claim->flow.src_port)) {
		process_image_unref(c->claims[i - 1].image);
		c->claims[i - 1] = *claim;
		process_image_ref(claim->image);
		return;
	}
	i = take_slot(c, claim->tid, claim->time_ns);
	remove_claim(c, i);
	c->claims[i] = *claim;
	process_image_ref(claim->image);
	c->links[i] = (struct link) { hash, NONE, *newest, true };
	if (*newest)
		c->links[*newest - 1].newer = i + 1;
	*newest = i + 1;
}

unsigned claims_find(const struct claims *c, const struct flow *flow, uint16_t src_port,
	uint64_t since_ns, struct claim *ret, unsigned max)
{
	uint32_t hash = claim_hash(flow, src_port), i = c->newest[hash % BUCKETS];
	unsigned n = 0;

	for (; i && n < max; i = c->links[i - 1].older) {
		const struct claim *k = &c->claims[i - 1];

		if (c->links[i - 1].hash == hash && k->time_ns >= since_ns &&
			is_same_flow(&k->flow, flow, src_port) &&
			(ip_addr_is_any(&k->flow.src) || ip_addr_equal(&k->flow.src, &flow->src)))
			ret[n++] = *k;
	}
	return n;
}
