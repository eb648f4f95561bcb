/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All evidence about one flow, weighed: which process, and how sure.
 *
 * Owns the trace reader, the sock_diag socket and the process table; asks the witness, which sees senders in the act (witness.h).
 * attribution_drain() takes in what the kernel has traced; the event of a connect is in the ring buffer before its packet reaches the
 * queue, so drain first, then ask: no waiting. Where neither tells, or candidates disagree, the socket's inode and /proc decide.
 *
 *   exact    the process was seen sending; or the 5-tuple was traced from one process of our network namespace, or the socket's
 *            inode is in its fd table
 *   likely   one candidate by destination, not contradicted
 *   scan     found by a /proc scan only
 *   unknown  none of these
 *
 * A send on a connected datagram socket passes nothing that is traced. Without the witness who connected it counts, or who has it when
 * that one has not; where a child may have it too, or several processes share the port (SO_REUSEPORT), the result says so (is_shared).
 * With it, that is left for a flow by which several have sent within a few seconds.
 *
 * What is forwarded for another network namespace is traced there as well, with the same tuple; the claim counts when its process is
 * in a namespace behind the interface that the packet came in by (ingress.h).
 */
#ifndef DAEMON_ATTRIBUTION_H
#define DAEMON_ATTRIBUTION_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/process.h"
#include "daemon/trace.h"
#include "daemon/witness.h"
#include "lib/err.h"
#include "lib/flow.h"
#include "lib/verdict.h"

struct attribution;

struct attribution_config {
	const char *tracefs; /* "/sys/kernel/tracing"; NULL: do not trace */
	/* Name of our tracefs instance, one a daemon: "opensnitch-QUEUE_NUM". That for look-ups of routes adds to it. */
	const char *instance;
	const char *proc_root; /* "/proc" */
	struct witness *witness; /* borrowed for its life; NULL: nobody sees who sends */
};

struct attribution_result {
	struct process *process; /* a reference of the caller's, or NULL */
	struct process *creator; /* of the socket, where it is known to be another one; likewise */
	uint32_t uid; /* of the socket (queue message or sock_diag); UINT32_MAX not known */
	uint64_t socket_cookie; /* 0: not known */
	enum attribution_method method;
	enum confidence confidence;
	bool is_shared; /* another process has its socket, or its port, and may have sent this: then never exact or likely */
};

struct attribution_stats {
	struct trace_stats trace; /* of all traces since the start */
	uint64_t proc_scans;
	uint32_t processes;
};

/*
 * Opens everything in the caller's network namespace (which is the guarded one). Missing tracing is not an error: the method
 * is then METHOD_PROC and attribution_why() says what is missing. 0, or a code with `err`.
 */
int attribution_open(
	const struct attribution_config *config, struct attribution **ret, struct error *err);

/* Removes the tracefs instances. NULL is fine. */
void attribution_close(struct attribution *a);

/* The method in use, and a sentence why: "tracing fib, fib6, ... in instance X" or "no tracefs: ...". */
enum attribution_method attribution_method(const struct attribution *a);
const char *attribution_why(const struct attribution *a);

/* The processor on which a task was last seen about to send; -1: nothing is traced. */
int attribution_claim_cpu(const struct attribution *a);

/* Takes in all trace events there are now, without waiting. Before each packet, and from a timer (100 ms). */
void attribution_drain(struct attribution *a);

/*
 * All packets that were sent before this moment of CLOCK_MONOTONIC have been read: those that are asked about next are younger, but may
 * have waited since then.
 */
void attribution_heard(struct attribution *a, uint64_t time_ns);

/* Every 100 ms, after a drain: leaves out of the tracing what floods it, or takes it in again. */
void attribution_tick(struct attribution *a);

/* Looks, every few seconds, whether tracing still works (instances there, events enabled) and mends or falls back. True: changed. */
bool attribution_check(struct attribution *a);

/*
 * Who makes this flow? `packet_uid` is the queue's NFQA_UID (UINT32_MAX: none), `ifindex_out` the outgoing interface
 * (0: none). `is_wrapped`: its data begins as what a tunnel sends (tunnels.h). Fills *ret; never fails: the worst is confidence
 * unknown.
 */
void attribution_find(struct attribution *a, const struct flow *flow, uint32_t packet_uid,
	uint32_t ifindex_out, bool is_wrapped, struct attribution_result *ret);

/*
 * Before a person is asked: what takes longer, or changes while a program runs. *process (a reference, or NULL) is read anew; where
 * *creator is not known yet it becomes that ancestor which has the socket of this flow too, if there is one.
 */
void attribution_look_again(struct attribution *a, const struct flow *flow, uint32_t ifindex_out,
	struct process **process, struct process **creator);

/*
 * The kernel itself makes this flow: its packet belongs to no socket, or to one that no program ever had as a file (NFS,
 * tunnels, IGMP), whoever happens to run while it is sent. A process with PID 0, path "[kernel]" and PROCESS_KERNEL.
 */
void attribution_kernel(struct attribution *a, struct attribution_result *ret);

/*
 * Who makes a flow that comes in by `ifindex_in` and is forwarded: a process of a namespace behind that interface, or nobody. The
 * namespace is named in `netns` when it is known: "" where it is not, and for what another machine sends. `mac` is the packet's, or NULL
 * (ingress_name()).
 */
void attribution_find_forwarded(struct attribution *a, const struct flow *flow, uint32_t ifindex_in,
	const uint8_t *mac, struct attribution_result *ret,
	char netns[static LIMIT_NETNS_NAME + 1]);

/* The record of a process: a new reference, or NULL. */
struct process *attribution_process(struct attribution *a, int32_t pid);

void attribution_stats(const struct attribution *a, struct attribution_stats *ret);

#endif
