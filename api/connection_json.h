/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection object of the API, from a plain view of one connection: the same for what the engine just
 * told (IPC_CONNECTION, IPC_PROMPT), for what the history stores, and for what a caller describes.
 *
 * All strings of a view are borrowed and may be hostile; the writer makes them safe.
 */
#ifndef API_CONNECTION_JSON_H
#define API_CONNECTION_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "api/textbuf.h"
#include "daemon/ipc.h"
#include "lib/flow.h"
#include "lib/subject.h"
#include "lib/verdict.h"

struct connection_record;
struct flow_traffic;

/* An ancestor, or who made the socket. */
struct connection_relative {
	int32_t pid; /* 0: none */
	struct text path;
	uint64_t started_us; /* CLOCK_REALTIME; 0: not known */
	uint32_t uid, euid; /* UINT32_MAX: not known */
	struct text name; /* what the kernel calls it; empty unless the path is */
};

struct connection_view {
	uint64_t id; /* of the history; 0: none, and "id" is left out */
	uint64_t time_us; /* CLOCK_REALTIME */
	struct flow flow;
	bool decided; /* false in a prompt: no action, reason, rule and latency */
	enum action action;
	enum reason reason;
	enum attribution_method method;
	enum confidence confidence;
	enum host_source host_source;
	enum host_certainty host_certainty;
	const struct flow_traffic *traffic; /* of an ended one; NULL: not known */
	uint32_t latency_us;
	struct text iface_in, iface_out;
	bool is_forwarded; /* it came from another network namespace or machine ... */
	struct text netns; /* ... the namespace of this name; empty: not known */
	struct text host;
	struct text rule;
	int32_t pid; /* 0: the process is not known, and "process" is null */
	uint32_t uid; /* of the socket; UINT32_MAX: not known */
	uint32_t real_uid, euid; /* of the process, likewise */
	uint64_t started_us; /* CLOCK_REALTIME; 0: not known */
	struct text path;
	struct text args;
	char args_separator; /* what stands between two of them */
	struct text cwd;
	struct text user;
	struct text cgroup;
	struct text container;
	struct text script; /* what an interpreter runs; empty: none, or not stored */
	uint32_t flags; /* enum process_flag */
	unsigned n_parents;
	struct connection_relative parents[LIMIT_PARENTS];
	struct connection_relative creator;
};

/* The view of a checked message (its strings stay inside `msg`). IPC_PROMPT gives an undecided one. */
void connection_view_from_ipc(
	const struct ipc_connection *msg, uint64_t id, struct connection_view *ret);

/* The view of a stored connection (borrows from it). */
void connection_view_from_record(
	const struct connection_record *record, struct connection_view *ret);

/* Appends the object. */
void connection_json_write(struct textbuf *b, const struct connection_view *v);

#endif
