/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes of an IP packet to a flow. Trusts no length in them. */
#ifndef DAEMON_PACKET_H
#define DAEMON_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/flow.h"

struct packet {
	struct flow flow;
	/* TCP: the initial sequence number of a SYN tells a retransmit from a new try */
	uint32_t tcp_seq;
	uint8_t tcp_flags; /* TCP: FIN 1, SYN 2, RST 4, ACK 16 */
	bool fragment; /* not the first fragment: ports are not there and are 0 */
	/* behind the transport header, inside the given bytes; NULL when that header is cut */
	const uint8_t *payload;
	size_t payload_len;
};

/*
 * Parses IPv4 and IPv6 (extension headers walked, at most 16) with TCP, UDP, UDP-Lite, SCTP, ICMP,
 * ICMPv6; any other protocol gives the addresses and the number. `len` may be less than the packet
 * (copy range). 0, or ERR_MALFORMED when there is not even a whole transport header's ports. RFC
 * 791, 8200, 9293, 768.
 */
int packet_parse(const void *bytes, size_t len, struct packet *ret);

#endif
