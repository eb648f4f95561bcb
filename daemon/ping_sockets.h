/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ping sockets (SOCK_DGRAM, IPPROTO_ICMP): sock_diag does not know them, but a file of /proc lists them with the
 * identifier that their echo requests carry. There are as many lines as programs that ping just now.
 * Source: net/ipv4/ping.c, ping_v4_format_sock().
 */
#ifndef DAEMON_PING_SOCKETS_H
#define DAEMON_PING_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/flow.h"

/* The socket with this flow's identifier, in the network namespace of the calling thread. False: there is none. */
bool ping_socket_find(
	const char *proc_root, const struct flow *flow, uint32_t *ret_inode, uint32_t *ret_uid);

#endif
