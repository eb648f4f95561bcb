/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of struct attribution: for attribution.c (its life, what is traced) and attribution_find.c (evidence weighed) only. */
#ifndef DAEMON_ATTRIBUTION_PRIVATE_H
#define DAEMON_ATTRIBUTION_PRIVATE_H

#include "daemon/attribution.h"
#include "daemon/claims.h"
#include "daemon/ingress.h"
#include "daemon/sockdiag.h"
#include "daemon/socket_scan.h"
#include "daemon/trace.h"
#include "daemon/trace_flood.h"
#include "daemon/tunnels.h"

struct attribution {
	struct trace *trace; /* NULL: /proc only */
	struct trace_flood flood; /* what is not traced, because it would flood the ring */
	struct sockdiag *sockdiag; /* NULL: no exact look-ups here */
	struct ingress *ingress; /* NULL: what is forwarded is nobody's */
	struct tunnels *tunnels; /* NULL: what carries other packets is not told from them */
	struct process_table *processes;
	struct process *kernel; /* who sends what belongs to no open file */
	char *tracefs, *instance, *proc_root;
	char why[256];
	uint64_t netns;
	uint64_t lost_seen;
	struct trace_stats before; /* of traces closed since */
	struct socket_scan scan;
	struct claims *claims;
	int claim_cpu; /* of the last claim */
};

#endif
