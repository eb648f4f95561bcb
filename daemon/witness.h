/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who makes a socket, who sends by it and what is executed, seen in the act: eBPF programs, which note it in memory that we share
 * with them.
 *
 *   senders   at the output hook of our network namespace, before the packet goes to the queue: the process that runs there has made
 *             it, by whose socket ever. For datagrams of UDP and echo requests of ping sockets
 *             until one has come back, and for the SYN of a connect() over TCP.
 *             Linux 6.4 and BTF
 *   creators  when a process makes an IP socket (socket(2)), on the whole machine: by the socket's cookie. A cgroup2 file system
 *   execs     the file that becomes a process's program, which /proc may be made to name otherwise (PR_SET_MM): until the trace tells of
 *             the exec. BTF
 *
 * They hold the latest only, in a table each in which an entry makes way for another of the same place: a sender's rather for one of
 * the same process (witness_code.h), so that a flood makes nobody else's unknown. What is not found is not known here; what is
 * found is true. A packet whose source port is not its socket's own (a tunnel's) is left out, and so are one with IP options and one
 * that another program has held in a queue of its own.
 * Source: net/netfilter/nf_bpf_link.c, net/ipv4/af_inet.c (BPF_CGROUP_RUN_PROG_INET_SOCK), fs/exec.c (exec_binprm), Documentation/bpf/.
 */
#ifndef DAEMON_WITNESS_H
#define DAEMON_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/file_identity.h"
#include "lib/flow.h"

struct witness;

struct witness_sender {
	int32_t pid;
	uint64_t
		since_ns; /* of its first packet of this flow since another one's, CLOCK_MONOTONIC */
	uint64_t cookie; /* of the socket; 0: not known */
	int32_t former_pid; /* who sent of this flow until then; 0: nobody */
	uint64_t former_cookie;
};

struct witness_creator {
	int32_t pid;
	uint64_t made_ns; /* CLOCK_MONOTONIC */
};

/*
 * Loads and attaches what this kernel has, in the caller's network namespace; what it has not is said by witness_what(). Needs
 * CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, this once. NULL: out of memory.
 */
struct witness *witness_open(void);

/* All programs end. NULL is fine. */
void witness_close(struct witness *w);

/* "senders, creators of sockets, executed files"; "creators of sockets (WHY; WHY)"; "nothing (...)": what is seen, and why the rest is not. */
const char *witness_what(const struct witness *w);

bool witness_has_senders(const struct witness *w);

/* Who sent the newest packet of a flow that leaves from here. A few loads: no system call. False: not known. */
bool witness_find_sender(
	const struct witness *w, const struct flow *flow, struct witness_sender *ret);

/* Who made the socket of this cookie (SO_COOKIE, sock_owner.cookie). The same. */
bool witness_find_creator(const struct witness *w, uint64_t cookie, struct witness_creator *ret);

/*
 * Device and inode, as stat(2) tells them, of the file that a process executed: in the exec that the trace saw at `time_ns`
 * (CLOCK_MONOTONIC), where no other took its place since. All zero on a file system where stat(2) tells other numbers than the kernel
 * itself has (file_identity_is_plain_on()). False: not known.
 */
bool witness_find_exec(
	const struct witness *w, int32_t pid, uint64_t time_ns, struct file_identity *ret);

#endif
