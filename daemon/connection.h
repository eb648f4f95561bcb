/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection on its way to a decision: what was seen of it, who makes it, where it goes. */
#ifndef DAEMON_CONNECTION_H
#define DAEMON_CONNECTION_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/names.h"
#include "daemon/process.h"
#include "lib/flow.h"
#include "lib/limits.h"
#include "lib/subject.h"
#include "lib/verdict.h"

struct connection {
	struct flow flow;
	uint32_t tcp_seq;
	uint32_t ct_id; /* of its conntrack entry; 0: not told */
	uint64_t read_ns; /* CLOCK_MONOTONIC when its packet was read */
	uint64_t time_us; /* CLOCK_REALTIME likewise */
	bool is_forwarded; /* by this machine, for another network namespace or machine */
	char iface_in[IF_NAMESIZE]; /* of a forwarded one */
	char iface_out[IF_NAMESIZE];
	char netns[LIMIT_NETNS_NAME + 1]; /* where a forwarded one comes from; "": not known */
	struct process *process; /* a reference, or NULL */
	struct process
		*creator; /* of its socket, where that is another one; a reference, or NULL */
	uint32_t uid; /* UINT32_MAX: not known */
	uint64_t socket_cookie; /* SO_COOKIE; 0: not known */
	enum attribution_method method;
	enum confidence confidence;
	bool is_shared; /* perhaps it was another process with the same socket or port */
	struct name_result name;
};

/*
 * It was read now. Decisions are told by that time and how long they took, in the order in which they were made, whatever happens
 * between the two clocks.
 */
void connection_read_now(struct connection *c);

/* Drops what it refers to; the struct itself is the caller's. */
void connection_done(struct connection *c);

#endif
