/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of struct attribution: for attribution.c (its life, what is traced) and attribution_find.c (evidence weighed) only. */
#ifndef DAEMON_ATTRIBUTION_PRIVATE_H
#define DAEMON_ATTRIBUTION_PRIVATE_H

#include "daemon/attribution.h"
#include "daemon/claims.h"
#include "daemon/ingress.h"
#include "daemon/sockdiag.h"
#include "daemon/socket_holders.h"
#include "daemon/socket_scan.h"
#include "daemon/trace.h"
#include "daemon/trace_flood.h"
#include "daemon/tunnels.h"
#include "daemon/witness.h"

struct attribution {
	struct trace *trace; /* NULL: /proc only */
	struct trace_flood flood; /* what is not traced, because it would flood the ring */
	struct sockdiag *sockdiag; /* NULL: no exact look-ups here */
	struct ingress *ingress; /* NULL: what is forwarded is nobody's */
	struct tunnels *tunnels; /* NULL: what carries other packets is not told from them */
	struct witness *witness; /* NULL: senders and creators are not seen in the act */
	struct process_table *processes;
	struct process *kernel; /* who sends what belongs to no open file */
	char *tracefs, *instance, *proc_root;
	char why[512];
	uint64_t netns;
	uint64_t lost_seen;
	struct trace_stats before; /* of traces closed since */
	struct socket_scan scan;
	struct claims *claims;
	int claim_cpu; /* of the last claim */
	int32_t own_pid; /* getpid(2) is a system call each time */
	uint64_t heard_ns; /* see attribution_heard(); 0: never told */
};

/* Since when the packet in hand may have been sent. */
uint64_t attribution_sent_ns(const struct attribution *a);

#define ATTRIBUTION_FILES_MAX 256 /* of a process, looked at where its newest is not the one */

/* Whether a process has this socket among its files, of which `max` are looked at. */
enum socket_holding attribution_holding(
	struct attribution *a, int32_t pid, uint32_t inode, unsigned max);

/* The socket of a flow. ICMP echo: found by its identifier, where it is a ping socket. */
bool attribution_find_socket(const struct attribution *a, const struct flow *flow, uint32_t ifindex,
	struct sock_owner *ret);

struct seen_sender {
	struct process *process; /* NULL: not seen */
	struct process *creator; /* of the socket, where that is another one */
	uint64_t cookie; /* of the socket; 0: not known */
	bool is_shared; /* another process has sent by this socket too, a moment ago */
};

/* Whom the witness saw sending this flow's newest packet, and nothing where it saw several sockets send. References of the caller's. */
struct seen_sender attribution_sender(struct attribution *a, const struct flow *flow);

#endif
