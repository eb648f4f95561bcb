/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tuple that names a flow. */
#ifndef LIB_FLOW_H
#define LIB_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"

/*
 * One flow, as its first packet shows it. All padding is zeroed by flow_init(), so that the bytes can
 * be a hash key. Ports in host order; for ICMP `src_port` is the echo identifier and `dst_port` is
 * type << 8 | code.
 */
struct flow {
	struct ip_addr src;
	struct ip_addr dst;
	uint16_t src_port;
	uint16_t dst_port;
	uint8_t proto; /* IPPROTO_* */
	uint8_t pad[3];
};

void flow_init(struct flow *f);
bool flow_equal(const struct flow *a, const struct flow *b);

/*
 * The protocol as rules and the API name it: "tcp", "udp", "udplite", "sctp", "icmp", and with a "6"
 * over IPv6 ("icmp6" for ICMPv6). Another protocol is its number ("47"). Static or in `buf`.
 */
const char *flow_proto_str(const struct flow *f, char buf[static 8]);

#endif
