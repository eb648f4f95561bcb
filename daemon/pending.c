/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Three tables over the same held flows: by tuple, by question, by process. */
#include "config.h"

#include "daemon/pending.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "lib/err.h"
#include "lib/hash.h"
#include "lib/limits.h"

/* Who waits: a process, or all unknown ones of a user. */
struct waiter_key {
	uint64_t start_time;
	int32_t pid; /* 0: not known */
	uint32_t uid; /* with pid 0 only */
};

struct waiter {
	struct waiter_key key;
	unsigned weight; /* packets, flows without any counting as one */
	struct hash_node node;
};

/* The bytes that two connections of one question share; the program's path follows. */
struct question_key {
	uint32_t uid; /* where no program is known */
	uint16_t port;
	uint8_t proto;
	uint8_t has_program;
	struct ip_addr addr; /* where no host is known */
	uint8_t host_len;
	char host[LIMIT_HOST];
};

struct question {
	struct prompt prompt; /* the first member: the two are one address */
	struct held_flow *flows; /* oldest first */
	unsigned weight;
	struct question *prev, *next; /* by age */
	struct hash_node node;
	size_t key_len;
	char key[];
};

struct entry {
	struct held_flow flow; /* the first member */
	struct waiter *waiter;
	struct hash_node node;
};

struct pending {
	struct hash entries; /* by tuple */
	struct hash questions; /* by question */
	struct question *oldest; /* the same, by age */
	struct hash waiters;
	unsigned n_questions;
	unsigned weight;
	uint64_t first_id, next_id;
	pending_release_fn release;
	void *ctx;
};

static unsigned weight_of(unsigned n_packets)
{
	return n_packets ? n_packets : 1;
}

static struct question *question_of(struct prompt *prompt)
{
	return (struct question *)prompt;
}

/* ---- waiters */

static struct waiter *waiter_get(struct pending *p, const struct connection *c)
{
	struct waiter_key key;
	struct waiter *w;

	memset(&key, 0, sizeof(key));
	if (c->process) {
		key.pid = c->process->pid;
		key.start_time = c->process->start_time;
	} else {
		key.uid = c->uid;
	}
	w = hash_entry(hash_find(&p->waiters, &key, sizeof(key)), struct waiter, node);
	if (w)
		return w;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->key = key;
	if (!hash_add(&p->waiters, &w->node, &w->key, sizeof(w->key))) {
		free(w);
		return NULL;
	}
	return w;
}

static void waiter_put(struct pending *p, struct waiter *w)
{
	if (w->weight)
		return;
	hash_del(&p->waiters, &w->node);
	free(w);
}

/* ---- questions */

/* Writes the key of a connection's question into `key` (zeroed before, so that padding is equal); its program's path. */
static const char *question_key(const struct connection *c, struct question_key *key)
{
	memset(key, 0, sizeof(*key));
	key->proto = c->flow.proto;
	key->port = c->flow.dst_port;
	if (c->name.len > 0 && c->name.len <= LIMIT_HOST) {
		key->host_len = (uint8_t)c->name.len;
		memcpy(key->host, c->name.host, c->name.len);
	} else {
		key->addr = c->flow.dst;
	}
	if (c->process && c->process->path && c->process->path[0]) {
		key->has_program = 1;
		return c->process->path;
	}
	key->uid = c->uid;
	return "";
}

static struct question *question_new(const struct pending *p, const void *key, size_t key_len)
{
	struct question *q = calloc(1, sizeof(*q) + key_len);

	if (!q)
		return NULL;
	memcpy(q->key, key, key_len);
	q->key_len = key_len;
	q->prompt.id = p->next_id;
	return q;
}

/* The open question of this connection, or a new one that stands nowhere yet (prompt.n_flows is 0). NULL: out of memory. */
static struct question *question_get(struct pending *p, const struct connection *c)
{
	struct {
		struct question_key fixed;
		char path[LIMIT_PATH];
	} key;
	const char *path = question_key(c, &key.fixed);
	size_t path_len = strnlen(path, sizeof(key.path));
	size_t len = offsetof(__typeof__(key), path) + path_len;
	struct question *q;

	memcpy(key.path, path, path_len);
	q = hash_entry(hash_find(&p->questions, &key, len), struct question, node);
	return q ? q : question_new(p, &key, len);
}

static bool question_open(struct pending *p, struct question *q)
{
	if (!hash_add(&p->questions, &q->node, q->key, q->key_len))
		return false;
	DL_APPEND(p->oldest, q);
	p->n_questions++;
	p->next_id++;
	return true;
}

static void question_close(struct pending *p, struct question *q)
{
	hash_del(&p->questions, &q->node);
	DL_DELETE(p->oldest, q);
	p->n_questions--;
	free(q);
}

/* ---- flows */

static void add_weight(struct pending *p, struct entry *e, unsigned weight)
{
	p->weight += weight;
	question_of(e->flow.prompt)->weight += weight;
	e->waiter->weight += weight;
}

static void sub_weight(struct pending *p, struct entry *e, unsigned weight)
{
	p->weight -= weight;
	question_of(e->flow.prompt)->weight -= weight;
	e->waiter->weight -= weight;
}

static bool has_room(const struct pending *p, const struct question *q, const struct waiter *w)
{
	return p->weight < LIMIT_HELD && q->weight < LIMIT_HELD_PER_PROMPT &&
	       w->weight < LIMIT_HELD_PER_PROCESS;
}

/* Puts a flow whose question and waiter are known into all tables. */
static int enter(struct pending *p, struct entry *e, struct question *q, bool is_new)
{
	if (!has_room(p, q, e->waiter) || (is_new && p->n_questions >= LIMIT_PROMPTS))
		return ERR_FULL;
	if (!hash_add(&p->entries, &e->node, &e->flow.connection.flow, sizeof(struct flow)))
		return ERR_NOMEM;
	if (is_new && !question_open(p, q)) {
		hash_del(&p->entries, &e->node);
		return ERR_NOMEM;
	}
	e->flow.prompt = &q->prompt;
	DL_APPEND(q->flows, &e->flow);
	q->prompt.n_flows++;
	add_weight(p, e, 1);
	return 0;
}

static int hold(struct pending *p, struct entry *e, bool *ret_opened)
{
	struct question *q = question_get(p, &e->flow.connection);
	bool is_new;
	int r;

	if (!q)
		return ERR_NOMEM;
	is_new = q->prompt.n_flows == 0;
	e->waiter = waiter_get(p, &e->flow.connection);
	r = e->waiter ? enter(p, e, q, is_new) : ERR_NOMEM;
	if (r < 0) {
		if (e->waiter)
			waiter_put(p, e->waiter);
		if (is_new)
			free(q);
		return r;
	}
	*ret_opened = is_new;
	return 0;
}

int pending_hold(struct pending *p, struct connection *connection, uint64_t deadline_ns,
	uint64_t opened_us, uint64_t deadline_us, struct held_flow **ret, bool *ret_opened)
{
	struct entry *e;
	bool opened;
	int r;

	if (pending_find_flow(p, &connection->flow))
		return ERR_EXISTS;
	e = calloc(1, sizeof(*e));
	if (!e)
		return ERR_NOMEM;
	e->flow.connection = *connection;
	r = hold(p, e, &opened);
	if (r < 0) {
		free(e);
		return r;
	}
	if (opened) {
		e->flow.prompt->opened_us = opened_us;
		e->flow.prompt->deadline_ns = deadline_ns;
		e->flow.prompt->deadline_us = deadline_us;
	}
	memset(connection, 0, sizeof(*connection));
	*ret = &e->flow;
	*ret_opened = opened;
	return 0;
}

int pending_attach(struct pending *p, struct held_flow *flow, struct held_packet packet)
{
	struct entry *e = (struct entry *)flow;

	if (flow->n_packets >= LIMIT_HELD_PER_FLOW)
		return ERR_FULL;
	/* The first one has been counted since the flow was held. */
	if (flow->n_packets > 0) {
		if (!has_room(p, question_of(flow->prompt), e->waiter))
			return ERR_FULL;
		add_weight(p, e, 1);
	}
	flow->packets[flow->n_packets++] = packet;
	flow->prompt->n_packets++;
	return 0;
}

unsigned pending_decide_flow(struct pending *p, struct held_flow *flow, enum action action)
{
	struct entry *e = (struct entry *)flow;
	struct question *q = question_of(flow->prompt);
	unsigned n = flow->n_packets;

	hash_del(&p->entries, &e->node);
	DL_DELETE(q->flows, flow);
	q->prompt.n_flows--;
	q->prompt.n_packets -= n;
	sub_weight(p, e, weight_of(n));
	waiter_put(p, e->waiter);
	for (unsigned i = 0; i < n; i++)
		p->release(p->ctx, flow, flow->packets[i], action);
	if (q->prompt.n_flows == 0)
		question_close(p, q);
	connection_done(&flow->connection);
	free(e);
	return n;
}

/* ---- the whole */

struct pending *pending_new(uint64_t first_id, pending_release_fn release, void *ctx)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->first_id = p->next_id = first_id;
	p->release = release;
	p->ctx = ctx;
	return p;
}

void pending_ids(const struct pending *p, uint64_t *ret_from, uint64_t *ret_to)
{
	*ret_from = p->first_id;
	*ret_to = p->next_id;
}

void pending_free(struct pending *p, enum action action)
{
	if (!p)
		return;
	while (p->oldest)
		pending_decide_flow(p, p->oldest->flows, action);
	free(p);
}

struct held_flow *pending_find_flow(struct pending *p, const struct flow *flow)
{
	struct entry *e =
		hash_entry(hash_find(&p->entries, flow, sizeof(*flow)), struct entry, node);

	return e ? &e->flow : NULL;
}

struct prompt *pending_find(struct pending *p, uint64_t id)
{
	struct question *q;

	DL_FOREACH (p->oldest, q)
		if (q->prompt.id == id)
			return &q->prompt;
	return NULL;
}

struct prompt *pending_first(struct pending *p)
{
	return p->oldest ? &p->oldest->prompt : NULL;
}

struct prompt *pending_next(struct prompt *prompt)
{
	struct question *next = question_of(prompt)->next;

	return next ? &next->prompt : NULL;
}

struct held_flow *pending_first_flow(struct prompt *prompt)
{
	return question_of(prompt)->flows;
}

struct held_flow *pending_next_flow(struct held_flow *flow)
{
	return flow->next;
}

struct prompt *pending_earliest(struct pending *p)
{
	struct question *q, *first = NULL;

	DL_FOREACH (p->oldest, q)
		if (!first || q->prompt.deadline_ns < first->prompt.deadline_ns)
			first = q;
	return first ? &first->prompt : NULL;
}

unsigned pending_count(const struct pending *p)
{
	return p->n_questions;
}

unsigned pending_packets(const struct pending *p)
{
	return p->weight;
}
