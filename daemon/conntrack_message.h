/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of ctnetlink, read and written. For conntrack.c and its tests. */
#ifndef DAEMON_CONNTRACK_MESSAGE_H
#define DAEMON_CONNTRACK_MESSAGE_H

#include <libmnl/libmnl.h>

#include "daemon/conntrack.h"

/* An entry out of a message about one. 0, or ERR_MALFORMED. */
int conntrack_message_parse(const struct nlmsghdr *nlh, struct conntrack_entry *ret);

/* A request about the entry with this tuple, written to `buf` (512 bytes are enough). */
struct nlmsghdr *conntrack_message_put(
	void *buf, int type, uint16_t flags, uint32_t seq, const struct flow *flow);

#endif
