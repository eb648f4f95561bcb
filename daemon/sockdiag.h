/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which socket has this flow? Exact inet_diag look-ups (a hash look-up in the kernel, never a
 * dump), and SOCK_DESTROY.
 *
 * The socket belongs to the network namespace of the caller at sockdiag_open(), for good. Sources:
 * sock_diag(7), net/ipv4/inet_diag.c, tcp_diag.c, udp_diag.c.
 */
#ifndef DAEMON_SOCKDIAG_H
#define DAEMON_SOCKDIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/flow.h"

struct sockdiag;

struct sock_owner {
	uint32_t inode; /* 0: open in no program (closed, TIME_WAIT, or the kernel's own) */
	uint32_t uid; /* of the socket's creator, numbered as in the initial user namespace */
	uint64_t cookie; /* of this socket, never used again (SO_COOKIE) */
	uint8_t state; /* TCP_*; UDP: TCP_ESTABLISHED when connected, else TCP_CLOSE */
};

/*
 * 0; ERR_UNSUPPORTED when a self-test does not find our own sockets (tcp_diag or udp_diag is
 * missing: `err` says which); or another code with `err`.
 */
int sockdiag_open(struct sockdiag **ret, struct error *err);

/* NULL is fine. */
void sockdiag_close(struct sockdiag *sd);

/*
 * The socket that sends `flow` (src is the local end), for TCP, UDP and UDP-Lite. `ifindex` is the
 * outgoing interface, needed for sockets bound to a device and for link-local addresses; 0: not
 * known. Two system calls.
 *
 * A TCP socket is told only when it has exactly this 4-tuple, never the listener that the kernel
 * falls back to. For UDP it is the socket that would get the answer: connected to the far end, or
 * bound to the local port only; of several that share the port (SO_REUSEPORT) the kernel names one,
 * so it is a hint there. Dual-stack IPv6 sockets are found by their IPv4 flow.
 *
 * 0 with *ret; ERR_NOT_FOUND; ERR_UNSUPPORTED (this protocol has no such look-up); or a code for a
 * failed request.
 */
int sockdiag_find(
	struct sockdiag *sd, const struct flow *flow, uint32_t ifindex, struct sock_owner *ret);

/*
 * Whether more sockets than one can send this UDP flow: bound to its port (SO_REUSEPORT), and not connected to elsewhere. Reads all
 * sockets, so only where candidates disagree. False also when the kernel does not tell.
 */
bool sockdiag_has_twins(struct sockdiag *sd, const struct flow *flow);

/*
 * Ends the socket of this flow: its program sees ECONNABORTED. Never a listener, nor a UDP socket
 * that is not connected (it would lose its other flows too): those are ERR_NOT_FOUND.
 * ERR_UNSUPPORTED without CONFIG_INET_DIAG_DESTROY.
 */
int sockdiag_destroy(struct sockdiag *sd, const struct flow *flow, uint32_t ifindex);

/*
 * Tells every connected TCP and UDP socket that there is now: the flow as its program sends, the owner, and whether somebody
 * listens on its own port (then the far end most probably began it). Reads whole tables: for the start only. 0 or a code.
 */
int sockdiag_list(void (*fn)(void *ctx, const struct flow *flow, const struct sock_owner *owner,
			  bool is_inbound),
	void *ctx);

#endif
