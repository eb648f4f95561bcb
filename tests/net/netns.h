/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network namespace of the test's own, which ends with the test process: nothing leaks, and no
 * rule of a test ever reaches the machine's own network.
 */
#ifndef TESTS_NET_NETNS_H
#define TESTS_NET_NETNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define NETNS_DEADLINE_MS 30000

/*
 * cmocka group fixture: a new namespace with lo up, and a lock file of its own for iptables. Ends
 * the program with a TAP skip when it is not root.
 */
int netns_group_setup(void **state);

/* Fails the test unless we are in a namespace of our own: call it before any rule is installed. */
void netns_assert_own(void);

/* ---- sockets on loopback; all non-blocking, all fail the test when they cannot be had */

/* 127.0.0.1 or ::1 with this port (host order). */
socklen_t netns_loopback(int af, uint16_t port, struct sockaddr_storage *ret);
int netns_socket(int af, int type);
/* Bound to loopback; `port` 0 picks one. */
int netns_bound(int af, int type, uint16_t port);
int netns_listener(int af);
uint16_t netns_port(int fd);
/* A TCP connect that is under way (EINPROGRESS), or a UDP socket connected. */
int netns_connect(int af, int type, uint16_t port);

/*
 * Waits for the end of a TCP connect: 0 or its errno; ETIMEDOUT when it is still under way after
 * `ms`.
 */
int netns_connect_result(int fd, int ms);
/* Whether the descriptor becomes readable within `ms`. */
bool netns_readable(int fd, int ms);

/* A counter of /proc/net/netstat or /proc/net/snmp, as "TcpExt", "TCPSpuriousRtxHostQueues". */
uint64_t netns_counter(const char *file, const char *group, const char *name);

#endif
