/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A history in a database of its own, and connections to put into it. */
#ifndef TESTS_UNIT_HISTORY_KIT_H
#define TESTS_UNIT_HISTORY_KIT_H

#include "daemon/ipc.h"
#include "db/history.h"
#include "db/store.h"
#include "tests/unit/folder.h"

#define T0 UINT64_C(1700000000000000)

struct kit {
	struct folder *folder;
	struct store *store;
	struct history *history;
	struct ipc_builder b;
	struct history_state told;
	unsigned n_told;
};

/* cmocka's setup and teardown: *state is a struct kit. */
int kit_setup(void **state);
int kit_teardown(void **state);

/* The database and the history in it: opened by the setup, to be closed and opened again at will. */
void kit_open(struct kit *k);
void kit_close(struct kit *k);

/* A connection number `i`: curl to host-I.example, port 443. The caller may change it, then adds it. */
struct ipc_connection *make(struct kit *k, unsigned i);
void put(struct kit *k, struct ipc_str *to, const char *s);

/* The number that the connection got. */
uint64_t add(struct kit *k);
uint64_t add_simple(struct kit *k, unsigned i);

struct seen {
	unsigned n;
	uint64_t ids[256];
	struct connection_record last;
	char host[300];
};

/* For history_list() and history_get(), with a struct seen. */
void see(void *ctx, const struct connection_record *c);

/* The newest 255 that match: that must be all. */
void list(struct kit *k, const struct history_filter *f, struct seen *ret);
unsigned count(struct kit *k, struct history_filter f);

#endif
