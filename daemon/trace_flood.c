/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters by task and ports, in slots that the next one takes over. */
#include "config.h"

#include "daemon/trace_flood.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define FLOOD_LEAST 500u /* claims between two ticks: 5,000 a second */
#define LEFT_OUT_NS 10000000000u

static bool is_same(const struct flow *a, const struct flow *b)
{
	return a->src_port == b->src_port && a->dst_port == b->dst_port &&
	       a->dst.family == b->dst.family;
}

static bool is_left_out(const struct trace_flood *f, int32_t tid, const struct flow *flow)
{
	for (unsigned i = 0; i < TRACE_FLOOD_MAX; i++)
		if (f->flooders[i].since_ns && f->flooders[i].tid == tid &&
			is_same(&f->flooders[i].flow, flow))
			return true;
	return false;
}

static void leave_out(struct trace_flood *f, const struct trace_event *claim)
{
	for (unsigned i = 0; i < TRACE_FLOOD_MAX; i++) {
		struct trace_flooder *to = &f->flooders[i];

		if (to->since_ns)
			continue;
		*to = (struct trace_flooder) { claim->flow, claim->tid, claim->time_ns };
		f->changed = true;
		return;
	}
}

void trace_flood_note(struct trace_flood *f, const struct trace_event *claim)
{
	const struct flow *flow = &claim->flow;
	unsigned slot = ((unsigned)claim->tid * 31u + flow->src_port * 7u + flow->dst_port) %
			TRACE_FLOOD_COUNTED;

	if (flow->proto != IPPROTO_UDP)
		return;
	if (f->counted[slot].tid != claim->tid || !is_same(&f->counted[slot].flow, flow)) {
		f->counted[slot].tid = claim->tid;
		f->counted[slot].flow = *flow;
		f->counted[slot].n = 0;
	}
	/* What was recorded before the filter changed still comes. */
	if (++f->counted[slot].n == FLOOD_LEAST && claim->time_ns &&
		!is_left_out(f, claim->tid, flow))
		leave_out(f, claim);
}

void trace_flood_forget(struct trace_flood *f, int32_t tid)
{
	for (unsigned i = 0; i < TRACE_FLOOD_MAX; i++) {
		if (!f->flooders[i].since_ns || f->flooders[i].tid != tid)
			continue;
		f->flooders[i].since_ns = 0;
		f->changed = true;
	}
}

bool trace_flood_tick(struct trace_flood *f, uint64_t now_ns, char text[static TRACE_FLOOD_TEXT])
{
	bool changed;
	size_t n = 0;

	memset(f->counted, 0, sizeof(f->counted));
	for (unsigned i = 0; i < TRACE_FLOOD_MAX; i++) {
		struct trace_flooder *out = &f->flooders[i];

		if (!out->since_ns || now_ns < out->since_ns ||
			now_ns - out->since_ns < LEFT_OUT_NS)
			continue;
		out->since_ns = 0;
		f->changed = true;
	}
	changed = f->changed;
	f->changed = false;
	text[0] = '\0';
	for (unsigned i = 0; i < TRACE_FLOOD_MAX; i++) {
		const struct trace_flooder *out = &f->flooders[i];

		if (out->since_ns)
			n += (size_t)snprintf(text + n, TRACE_FLOOD_TEXT - n,
				"%s(common_pid != %d || sport != %u || dport != %u)",
				n ? " && " : "", out->tid, out->flow.src_port, out->flow.dst_port);
	}
	return changed;
}

bool trace_flooder_fits(const struct trace_flooder *f, const struct flow *flow)
{
	return f->since_ns && flow->proto == IPPROTO_UDP && is_same(&f->flow, flow) &&
	       (ip_addr_is_any(&f->flow.src) || ip_addr_equal(&f->flow.src, &flow->src));
}
