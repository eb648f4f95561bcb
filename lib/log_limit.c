/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages counted by place. */
#include "lib/log_limit.h"

#include "lib/cleanup.h"

#define MS UINT64_C(1000000)

/* Code addresses differ in their middle bits. */
static struct log_place *find(struct log_limit *l, uintptr_t site)
{
	uint64_t h = (uint64_t)site * UINT64_C(0x9e3779b97f4a7c15);

	return &l->places[(h >> 32) % array_len(l->places)];
}

struct log_ruling log_limit_note(struct log_limit *l, uintptr_t site, uint64_t now_ns)
{
	struct log_place *p = find(l, site);
	struct log_ruling r = { .is_allowed = true };
	bool is_same = p->site == site;

	if (!is_same || now_ns - p->since_ns >= LIMIT_LOG_INTERVAL_MS * MS) {
		if (is_same && p->n > LIMIT_LOG_BURST)
			r.n_left_out = p->n - LIMIT_LOG_BURST;
		*p = (struct log_place) { .site = site, .since_ns = now_ns };
	}
	if (p->n < UINT32_MAX)
		p->n++;
	r.is_allowed = p->n <= LIMIT_LOG_BURST;
	r.is_last = p->n == LIMIT_LOG_BURST;
	return r;
}
