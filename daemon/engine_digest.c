/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets that wait in the kernel's queue until the executable of their process has been read. */
#include "config.h"

#include "daemon/engine_internal.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "lib/clock.h"

struct digest_waiting {
	struct queue_packet packet; /* without its bytes */
	struct connection connection;
	struct digest_waiting *prev, *next;
};

struct text engine_digest(void *ctx, enum digest which)
{
	const struct engine_digest_ctx *c = ctx;
	struct engine *e = c->engine;
	struct text ret = { NULL, 0 };

	if (!c->connection->process)
		return ret;
	if (digester_get(e->digester, c->connection->process, which, &ret) == DIGESTER_PENDING)
		e->digest_missing = true;
	return ret;
}

bool engine_wait_for_digest(struct engine *e, const struct queue_packet *p, struct connection *c)
{
	uint64_t limit_ns = LIMIT_DIGEST_WAIT_MS * 1000000ull;
	struct digest_waiting *w;

	if (e->n_waiting >= LIMIT_DIGEST_WAITING || clock_mono_ns() - c->read_ns > limit_ns)
		return false;
	w = calloc(1, sizeof(*w));
	if (!w)
		return false;
	w->packet = *p;
	w->packet.payload = NULL;
	w->packet.payload_len = 0;
	w->connection = *c;
	DL_APPEND(e->waiting, w);
	e->n_waiting++;
	return true;
}

/* A datagram sent again while the first one waited gets the same, or is held with it. */
static bool repeat(struct engine *e, struct digest_waiting *w)
{
	struct held_flow *held = pending_find_flow(e->pending, &w->connection.flow);
	struct recent_decision d;

	if (held)
		engine_hold_more(e, &w->packet, held);
	else if (recent_find(e->recent, &w->connection.flow, w->connection.tcp_seq, clock_mono_ns(),
			 &d))
		engine_verdict(e, &w->packet.ref, d.action);
	else
		return false;
	connection_done(&w->connection);
	return true;
}

static void judge_again(struct engine *e)
{
	struct digest_waiting *list = e->waiting, *w, *next;

	/* Who must wait on gets into a new list. */
	e->waiting = NULL;
	e->n_waiting = 0;
	DL_FOREACH_SAFE (list, w, next) {
		if (!repeat(e, w))
			engine_judge(e, &w->packet, &w->connection);
		free(w);
	}
	queue_flush(e->queue);
}

void engine_digests_ready(struct engine *e)
{
	digester_collect(e->digester);
	judge_again(e);
	if (!e->reevaluate_digests)
		return;
	e->reevaluate_digests = false;
	engine_reevaluate(e, e->reevaluate_except);
}

void engine_digests_tick(struct engine *e, uint64_t now_ns)
{
	uint64_t limit_ns = LIMIT_DIGEST_WAIT_MS * 1000000ull;

	if (e->waiting && now_ns > e->waiting->connection.read_ns + limit_ns)
		judge_again(e);
}

void engine_digests_close(struct engine *e)
{
	struct digest_waiting *w, *next;

	DL_FOREACH_SAFE (e->waiting, w, next) {
		engine_verdict(e, &w->packet.ref, (enum action)e->settings.default_action);
		connection_done(&w->connection);
		free(w);
	}
	e->waiting = NULL;
	e->n_waiting = 0;
}
