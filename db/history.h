/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decided connections: kept bounded, written in batches, read newest first.
 *
 * A connection gets its id when it arrives, waits in memory, and is written with others in one transaction: when
 * LIMIT_HISTORY_BATCH wait, or at the next history_tick(). Every text is stored once in a table of strings, so a
 * row is a few dozen bytes. What is too old or too much is removed in small slices, so that nothing here ever takes long.
 *
 * When the disk is full or fails, the history stops and says so (`on_state`); rows wait up to LIMIT_HISTORY_QUEUE
 * and LIMIT_HISTORY_QUEUE_BYTES, then the newest are lost and counted; it tries again every few seconds. Nothing else stops.
 */
#ifndef DB_HISTORY_H
#define DB_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/ipc.h"
#include "lib/err.h"
#include "lib/flow.h"
#include "lib/limits.h"
#include "lib/subject.h"
#include "lib/verdict.h"

struct history;
struct store;

/* What went over a flow. */
struct flow_traffic {
	uint64_t bytes_out, bytes_in, packets_out, packets_in;
	uint64_t ended_us; /* CLOCK_REALTIME; 0: it lives */
};

/* An ancestor, or who made a socket. */
struct record_relative {
	int32_t pid; /* 0: none */
	struct text path;
	uint64_t started_us; /* CLOCK_REALTIME; 0: not known */
	uint32_t uid, euid; /* UINT32_MAX: not known */
	struct text name; /* what the kernel calls it; empty unless the path is */
};

/* A connection as the API tells it, from an IPC message or from the database. Texts are borrowed. */
struct connection_record {
	uint64_t id; /* 0: none (a prompt's) */
	uint64_t time_us; /* CLOCK_REALTIME */
	struct flow flow;
	enum action action;
	enum reason reason;
	enum attribution_method method;
	enum confidence confidence;
	enum host_source host_source;
	uint32_t latency_us;
	uint32_t held; /* packets */
	int32_t pid; /* 0: no process is known */
	uint32_t uid; /* of the socket; UINT32_MAX: not known */
	uint32_t real_uid, euid; /* of the process, likewise */
	uint64_t started_us; /* CLOCK_REALTIME; 0: not known */
	uint64_t start_time; /* of the process, clock ticks since boot */
	enum host_certainty host_certainty;
	bool has_traffic; /* it ended, and what it carried is known */
	struct flow_traffic traffic;
	struct text host; /* empty: not known, as everywhere here */
	struct text rule;
	struct text iface_in, iface_out;
	bool is_forwarded; /* it came from another network namespace or machine */
	struct text netns; /* the namespace's name */
	struct text path;
	struct text args; /* each sanitized; 0x1f, which no sanitized text holds, between two */
	struct text cwd;
	struct text user;
	struct text cgroup;
	struct text container;
	struct text script;
	uint32_t flags; /* enum process_flag */
	unsigned n_parents;
	struct record_relative parents[LIMIT_PARENTS];
	struct record_relative creator; /* of the socket, where that is another process */
	char args_buf[LIMIT_ARGS + 4]; /* where `args` of a message stand */
};

#define CONNECTION_ARGS_SEPARATOR '\x1f'

/* Fills a record from a checked message (IPC_CONNECTION, or the connection in IPC_PROMPT); it borrows from `msg`. */
void connection_record_from_ipc(
	struct connection_record *ret, const struct ipc_connection *msg, uint64_t id);

struct history_limits {
	uint64_t max_age_ms; /* 0: no bound */
	uint64_t max_rows; /* 0: no bound */
	uint32_t retry_ms; /* after a failure of the disk; 0: 5 s */
};

struct history_state {
	bool stopped;
	char why[320]; /* while it is stopped */
	uint64_t queued; /* rows waiting */
	uint64_t lost; /* rows, since the program started */
	uint64_t rows; /* in the database */
	uint64_t lag_us; /* age of the oldest row that waits */
};

/*
 * `on_state` (may be NULL) is called when writing stops or goes on again. 0 and *ret (owned), or ERR_IO, ERR_NOMEM ... Borrows
 * `store`. A history that cannot be written to opens all the same, stopped.
 */
int history_open(struct store *store,
	void (*on_state)(void *ctx, const struct history_state *state), void *ctx,
	struct history **ret, struct error *err);

/* Writes what waits (as far as the disk takes it). NULL is fine. */
void history_close(struct history *h);

void history_set_limits(struct history *h, const struct history_limits *limits);

/*
 * Gives a connection its id (ascending, never used again, also after a restart) and queues it, unless its rule says `nolog`.
 * Writes a batch when one is full.
 */
uint64_t history_add(struct history *h, const struct ipc_connection *msg);

/*
 * The flow of this connection ended: its row gets what went over it. Past LIMIT_HISTORY_QUEUE of them waiting it is
 * forgotten.
 */
void history_end(struct history *h, uint64_t id, const struct flow_traffic *traffic);

/* The connection with this time and these ports (0: none): finds what an earlier console was told. */
uint64_t history_find(struct history *h, uint64_t time_us, const struct flow *flow);

/*
 * Call every 200 ms or so: writes a batch, removes a slice of what is too much, tries again after a failure. Each call is
 * bounded: about 50 ms of work beyond what the disk itself takes for a sync.
 */
void history_tick(struct history *h);

/* Whether the next tick has anything to do that is to be done soon; else one a second is enough. */
bool history_has_work(const struct history *h);

void history_get_state(const struct history *h, struct history_state *ret);

/* What to list. NULL and -1 are "any". */
struct history_filter {
	int action; /* enum action */
	const char *path;
	const char *host; /* without regard to case */
	const char *ip; /* as ip_addr_format() writes it */
	int64_t dst_port;
	const char *protocol; /* "tcp", "udp6" ... */
	int64_t uid;
	const char *rule;
	uint64_t from_us; /* at or after; 0: any */
	uint64_t to_us; /* before; 0: any */
	bool oldest_first; /* otherwise the newest (greatest id) */
	const char *
		q; /* in program, arguments, host, address, user or rule, without regard to ASCII case; or a port or PID */
};

#define HISTORY_FILTER_ANY                                                                         \
	{                                                                                          \
		.action = -1, .dst_port = -1, .uid = -1                                            \
	}

/*
 * Calls `fn` for each connection that fits, in the filter's order, behind the id `place` (0: from the start), at
 * most `limit`. *ret_next is the `place` of the next page, 0 at the end. What waits is written first, as far as the disk takes
 * it. The search gives up after about a quarter second of a rare match: then there are fewer rows than `limit` and
 * *ret_next goes on from there. 0 or a negative code.
 */
int history_list(struct history *h, const struct history_filter *filter, uint64_t place,
	unsigned limit, void (*fn)(void *ctx, const struct connection_record *record), void *ctx,
	uint64_t *ret_next);

/* One connection, told through `fn`. ERR_NOT_FOUND. */
int history_get(struct history *h, uint64_t id,
	void (*fn)(void *ctx, const struct connection_record *record), void *ctx);

#endif
