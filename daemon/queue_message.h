/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The netlink message of a queued packet, read. Apart from queue.c so that tests and fuzzers reach
 * it. Source: nfqnl_build_packet_message() in net/netfilter/nfnetlink_queue.c.
 */
#ifndef DAEMON_QUEUE_MESSAGE_H
#define DAEMON_QUEUE_MESSAGE_H

#include <libmnl/libmnl.h>
#include <stdbool.h>

#include "daemon/queue.h"

/*
 * Whether a whole message stands in these `len` bytes: mnl_nlmsg_ok(), which takes a length beyond INT_MAX for a
 * negative one, and good.
 */
bool queue_message_is_whole(const struct nlmsghdr *nlh, int len);

/* Whether this is a packet (NFQNL_MSG_PACKET) and not an acknowledgement or something unknown. */
bool queue_message_is_packet(const struct nlmsghdr *nlh);

/*
 * Reads one packet message, whole by queue_message_is_whole(). An attribute of a wrong size counts as absent,
 * an unknown one is passed over: whatever has an id can get a verdict. 0, or ERR_MALFORMED when
 * there is no id.
 */
int queue_message_parse(const struct nlmsghdr *nlh, struct queue_packet *ret);

#endif
