/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hash, a list by the time of the last look, and one of those that are in neither yet. */
#include "config.h"

#include "daemon/flows.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <utlist.h>

#include "lib/hash.h"

#define PORT_DRAWERS 1024u

struct flows {
	struct hash by_tuple;
	struct live_flow *by_port[PORT_DRAWERS]; /* of UDP */
	struct live_flow *stalest;
	struct live_flow *waiting; /* to be entered, oldest first */
	unsigned n_waiting;
	uint64_t next_id;
};

struct flows *flows_new(uint64_t first_id)
{
	struct flows *t = calloc(1, sizeof(*t));

	if (t)
		t->next_id = first_id;
	return t;
}

static void free_flow(struct live_flow *f)
{
	connection_done(&f->connection);
	free(f->rule);
	free(f);
}

static bool has_port_of_udp(const struct live_flow *f)
{
	return f->connection.flow.proto == IPPROTO_UDP;
}

static struct live_flow **drawer_of(struct flows *t, const struct live_flow *f)
{
	return &t->by_port[f->connection.flow.src_port % PORT_DRAWERS];
}

void flows_remove(struct flows *t, struct live_flow *f)
{
	if (has_port_of_udp(f))
		DL_DELETE2(*drawer_of(t, f), f, port_prev, port_next);
	hash_del(&t->by_tuple, &f->by_tuple);
	DL_DELETE(t->stalest, f);
	free_flow(f);
}

static struct live_flow *take_waiting(struct flows *t)
{
	struct live_flow *f = t->waiting;

	DL_DELETE(t->waiting, f);
	t->n_waiting--;
	return f;
}

void flows_free(struct flows *t)
{
	if (!t)
		return;
	while (t->stalest)
		flows_remove(t, t->stalest);
	while (t->waiting)
		free_flow(take_waiting(t));
	free(t);
}

struct live_flow *flows_add(struct flows *t, const struct connection *c, uint64_t now_ns)
{
	struct live_flow *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->connection = *c;
	if (f->connection.process)
		process_ref(f->connection.process);
	if (f->connection.creator)
		process_ref(f->connection.creator);
	f->id = t->next_id++;
	f->added_ns = f->polled_ns = now_ns;
	DL_APPEND(t->waiting, f);
	t->n_waiting++;
	return f;
}

struct live_flow *flows_waiting(const struct flows *t)
{
	return t->waiting;
}

unsigned flows_count_waiting(const struct flows *t)
{
	return t->n_waiting;
}

bool flows_enter(struct flows *t)
{
	struct live_flow *f = take_waiting(t);

	if (!hash_add(
		    &t->by_tuple, &f->by_tuple, &f->connection.flow, sizeof(f->connection.flow))) {
		free_flow(f);
		return false;
	}
	DL_APPEND(t->stalest, f);
	if (has_port_of_udp(f))
		DL_APPEND2(*drawer_of(t, f), f, port_prev, port_next);
	return true;
}

struct live_flow *flows_find(const struct flows *t, const struct flow *tuple)
{
	return hash_entry(
		hash_find(&t->by_tuple, tuple, sizeof(*tuple)), struct live_flow, by_tuple);
}

struct live_flow *flows_find_id(const struct flows *t, uint64_t id)
{
	struct live_flow *f = t->stalest;

	while (f && f->id != id)
		f = f->next;
	return f;
}

struct live_flow *flows_first(const struct flows *t)
{
	return t->stalest;
}

struct live_flow *flows_next(const struct live_flow *f)
{
	return f->next;
}

static struct live_flow *skip_others(struct live_flow *f, uint16_t src_port)
{
	while (f && f->connection.flow.src_port != src_port)
		f = f->port_next;
	return f;
}

struct live_flow *flows_first_from(const struct flows *t, uint16_t src_port)
{
	return skip_others(t->by_port[src_port % PORT_DRAWERS], src_port);
}

struct live_flow *flows_next_from(const struct live_flow *f)
{
	return skip_others(f->port_next, f->connection.flow.src_port);
}

void flows_polled(struct flows *t, struct live_flow *f, uint64_t now_ns)
{
	f->polled_ns = now_ns;
	DL_DELETE(t->stalest, f);
	DL_APPEND(t->stalest, f);
}

unsigned flows_count(const struct flows *t)
{
	return hash_count(&t->by_tuple);
}
