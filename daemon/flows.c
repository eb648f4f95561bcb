/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hash and a list by the time of the last look. */
#include "config.h"

#include "daemon/flows.h"

#include <stdlib.h>
#include <utlist.h>

#include "lib/hash.h"

struct flows {
	struct hash by_tuple;
	struct live_flow *stalest;
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

void flows_remove(struct flows *t, struct live_flow *f)
{
	hash_del(&t->by_tuple, &f->by_tuple);
	DL_DELETE(t->stalest, f);
	free_flow(f);
}

void flows_free(struct flows *t)
{
	if (!t)
		return;
	while (t->stalest)
		flows_remove(t, t->stalest);
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
	if (!hash_add(
		    &t->by_tuple, &f->by_tuple, &f->connection.flow, sizeof(f->connection.flow))) {
		free_flow(f);
		return NULL;
	}
	DL_APPEND(t->stalest, f);
	return f;
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
