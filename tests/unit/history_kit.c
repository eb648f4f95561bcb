/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the history share. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/history_kit.h"

static void on_state(void *ctx, const struct history_state *state)
{
	struct kit *k = ctx;

	k->told = *state;
	k->n_told++;
}

void kit_open(struct kit *k)
{
	assert_int_equal(store_open(k->folder->path, &k->store, NULL, NULL), 0);
	assert_int_equal(history_open(k->store, on_state, k, &k->history, NULL), 0);
}

void kit_close(struct kit *k)
{
	history_close(k->history);
	store_close(k->store);
	k->history = NULL;
	k->store = NULL;
}

int kit_setup(void **state)
{
	struct kit *k = calloc(1, sizeof(*k));
	void *folder = NULL;

	if (!k || folder_setup(&folder) < 0)
		return -1;
	k->folder = folder;
	kit_open(k);
	*state = k;
	return 0;
}

int kit_teardown(void **state)
{
	struct kit *k = *state;
	void *folder = k->folder;

	kit_close(k);
	folder_teardown(&folder);
	free(k);
	return 0;
}

void put(struct kit *k, struct ipc_str *to, const char *s)
{
	ipc_put(&k->b, to, s, strlen(s));
}

struct ipc_connection *make(struct kit *k, unsigned i)
{
	struct ipc_connection *c = ipc_begin(&k->b, IPC_CONNECTION);
	char host[64];

	c->time_us = T0 + i * UINT64_C(1000000);
	c->flow.proto = IPPROTO_TCP;
	assert_int_equal(ip_addr_parse("10.0.0.5", &c->flow.src), 0);
	assert_int_equal(ip_addr_parse("192.0.2.7", &c->flow.dst), 0);
	c->flow.src_port = 50000;
	c->flow.dst_port = 443;
	c->process.pid = 4711;
	c->process.uid = 1000;
	snprintf(host, sizeof(host), "host-%u.example", i);
	put(k, &c->host, host);
	put(k, &c->process.path, "/usr/bin/curl");
	ipc_put(&k->b, &c->process.args, "curl\0-s\0https://example.com/", 28);
	put(k, &c->process.user, "ann");
	return c;
}

uint64_t add(struct kit *k)
{
	ipc_end(&k->b);
	return history_add(k->history, (const void *)k->b.buf);
}

uint64_t add_simple(struct kit *k, unsigned i)
{
	make(k, i);
	return add(k);
}

void see(void *ctx, const struct connection_record *c)
{
	struct seen *s = ctx;

	assert_true(s->n < 256);
	s->ids[s->n++] = c->id;
	s->last = *c;
	snprintf(s->host, sizeof(s->host), "%.*s", (int)c->host.len, c->host.s ? c->host.s : "");
}

void list(struct kit *k, const struct history_filter *f, struct seen *ret)
{
	uint64_t next;

	memset(ret, 0, sizeof(*ret));
	assert_int_equal(history_list(k->history, f, 0, 255, see, ret, &next), 0);
	assert_int_equal(next, 0);
}

unsigned count(struct kit *k, struct history_filter f)
{
	static struct seen s;

	list(k, &f, &s);
	return s.n;
}
