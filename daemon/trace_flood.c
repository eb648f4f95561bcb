/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters by task and ports, in slots that the next one takes over. */
#include "config.h"

#include "daemon/trace_flood.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define FLOOD_LEAST 500u /* claims in so long, and between two ticks: 5,000 a second */
#define FLOOD_NS 100000000u
#define SECOND_NS 1000000000u
#define LEFT_OUT_NS (10ull * SECOND_NS)
#define STANDS_NS (2ull * SECOND_NS) /* after that: longer than it takes to tell the kernel */
#define LESS_EVERY_NS SECOND_NS /* to take somebody in again makes the kernel wait for a while */

static bool is_same(const struct flow *a, const struct flow *b)
{
	return a->src_port == b->src_port && a->dst_port == b->dst_port &&
	       a->dst.family == b->dst.family;
}

static bool is_left_out(const struct trace_flooder *f)
{
	return f->since_ns && !f->ended_ns;
}

/* The slot of this task with these ports, or a free one; NULL: all are taken. */
static struct trace_flooder *find_slot(struct trace_flood *f, int32_t tid, const struct flow *flow)
{
	struct trace_flooder *unused = NULL;

	for (unsigned i = 0; i < TRACE_FLOOD_MAX; i++) {
		struct trace_flooder *one = &f->flooders[i];

		if (one->since_ns && one->tid == tid && is_same(&one->flow, flow))
			return one;
		if (!one->since_ns && !unused)
			unused = one;
	}
	return unused;
}

struct trace_flooder *trace_flood_note(struct trace_flood *f, const struct trace_event *claim)
{
	const struct flow *flow = &claim->flow;
	unsigned slot = ((unsigned)claim->tid * 31u + flow->src_port * 7u + flow->dst_port) %
			TRACE_FLOOD_COUNTED;
	struct trace_flood_count *count = &f->counted[slot];
	struct trace_flooder *found;

	if (flow->proto != IPPROTO_UDP)
		return NULL;
	/* By their own time: where nobody read them for a while, many come at once. */
	if (count->tid != claim->tid || !is_same(&count->flow, flow) ||
		claim->time_ns - count->since_ns >= FLOOD_NS)
		*count = (struct trace_flood_count) {
			.flow = *flow, .tid = claim->tid, .since_ns = claim->time_ns
		};
	if (++count->n != FLOOD_LEAST || !claim->time_ns)
		return NULL;
	found = find_slot(f, claim->tid, flow);
	/* What was recorded before the kernel was told still comes. */
	if (!found || is_left_out(found))
		return NULL;
	*found = (struct trace_flooder) {
		.flow = claim->flow, .tid = claim->tid, .since_ns = claim->time_ns
	};
	f->has_more = true;
	return found;
}

void trace_flood_forget(struct trace_flood *f, int32_t tid)
{
	for (unsigned i = 0; i < TRACE_FLOOD_MAX; i++) {
		if (!f->flooders[i].since_ns || f->flooders[i].tid != tid)
			continue;
		f->flooders[i].since_ns = 0;
		f->has_less = true;
	}
}

static void end(struct trace_flood *f, struct trace_flooder *out, uint64_t now_ns)
{
	if (!is_left_out(out))
		return;
	out->ended_ns = now_ns;
	f->has_less = true;
}

void trace_flood_end(struct trace_flood *f, int32_t tid, uint64_t now_ns)
{
	for (unsigned i = 0; i < TRACE_FLOOD_MAX; i++)
		if (f->flooders[i].tid == tid)
			end(f, &f->flooders[i], now_ns);
}

bool trace_flood_is_muted(const struct trace_flood *f, int32_t tid)
{
	for (unsigned i = 0; i < TRACE_FLOOD_MAX; i++) {
		const struct trace_flooder *out = &f->flooders[i];

		if (out->since_ns && out->is_muted && out->tid == tid)
			return true;
	}
	return false;
}

static void list_omissions(const struct trace_flood *f, struct trace_omissions *ret)
{
	size_t n = 0;

	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < TRACE_FLOOD_MAX; i++) {
		const struct trace_flooder *out = &f->flooders[i];

		if (!is_left_out(out))
			continue;
		if (out->is_muted)
			ret->muted[ret->n_muted++] = out->tid;
		else
			n += (size_t)snprintf(ret->but_if + n, sizeof(ret->but_if) - n,
				"%s(common_pid != %d || sport != %u || dport != %u)",
				n ? " && " : "", out->tid, out->flow.src_port, out->flow.dst_port);
	}
}

bool trace_flood_tick(struct trace_flood *f, uint64_t now_ns, struct trace_omissions *ret)
{
	memset(f->counted, 0, sizeof(f->counted));
	for (unsigned i = 0; i < TRACE_FLOOD_MAX; i++) {
		struct trace_flooder *out = &f->flooders[i];

		if (is_left_out(out) && now_ns >= out->since_ns &&
			now_ns - out->since_ns >= LEFT_OUT_NS)
			end(f, out, now_ns);
		else if (out->since_ns && out->ended_ns && now_ns >= out->ended_ns &&
			 now_ns - out->ended_ns >= STANDS_NS)
			out->since_ns = 0;
	}
	if (!f->has_more && (!f->has_less || now_ns - f->told_less_ns < LESS_EVERY_NS))
		return false;
	if (f->has_less)
		f->told_less_ns = now_ns;
	f->has_more = f->has_less = false;
	list_omissions(f, ret);
	return true;
}

bool trace_flooder_fits(const struct trace_flooder *f, const struct flow *flow)
{
	return f->since_ns && flow->proto == IPPROTO_UDP && is_same(&f->flow, flow) &&
	       (ip_addr_is_any(&f->flow.src) || ip_addr_equal(&f->flow.src, &flow->src));
}
