/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets of another network namespace, as /proc/PID/net lists them for a process that is in it: sock_diag answers for its own
 * only, and entering another takes a capability that the engine gave up. A list: for flows that tracing leaves open.
 * Source: net/ipv4/tcp_ipv4.c, get_tcp4_sock(); net/ipv6/tcp_ipv6.c, udp.c, ping.c likewise.
 */
#ifndef DAEMON_PROC_NET_H
#define DAEMON_PROC_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/flow.h"

/*
 * The socket of this flow in the network namespace of process `pid`: TCP and UDP by both ends (a UDP socket that is not connected
 * by its own), ICMP by its identifier. False: there is none, or it belongs to no file any more.
 */
bool proc_net_find(const char *proc_root, int32_t pid, const struct flow *flow, uint32_t *ret_inode,
	uint32_t *ret_uid);

#endif
