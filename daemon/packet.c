/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv4, IPv6 and transport headers (RFC 791, 8200, 9293, 768, 3828, 9260, 792, 4443). */
#include "daemon/packet.h"

#include <netinet/in.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "lib/cursor.h"
#include "lib/err.h"

#define IPV6_EXTENSIONS_MAX 16

#define TCP_HEADER_MIN 20
#define UDP_HEADER 8
#define SCTP_HEADER 12
#define ICMP_HEADER 8

static void take_ports(struct cursor *c, struct flow *flow)
{
	flow->src_port = cursor_be16(c);
	flow->dst_port = cursor_be16(c);
}

/*
 * What stands behind a transport header of `header_len` bytes that starts at `start`, if it is all
 * there.
 */
static void set_payload(struct packet *p, const struct cursor *c, size_t start, size_t header_len)
{
	if (header_len > c->len - start)
		return;
	p->payload = c->base + start + header_len;
	p->payload_len = c->len - start - header_len;
}

static void parse_tcp(struct cursor *c, struct packet *p)
{
	size_t start = c->pos, header_len;
	struct cursor rest;

	take_ports(c, &p->flow);
	/* A capture may end behind the ports; what is cut stays 0. */
	rest = *c;
	p->tcp_seq = cursor_be32(&rest);
	cursor_skip(&rest, 4);
	header_len = (cursor_u8(&rest) >> 4) * 4u;
	p->tcp_flags = cursor_u8(&rest) & 0x3f;
	if (cursor_ok(&rest) && header_len >= TCP_HEADER_MIN)
		set_payload(p, c, start, header_len);
}

static void parse_udp(struct cursor *c, struct packet *p)
{
	size_t start = c->pos;
	struct cursor rest;
	size_t said;

	take_ports(c, &p->flow);
	rest = *c;
	said = cursor_be16(&rest);
	cursor_skip(&rest, 2);
	/*
	 * In UDP-Lite the field is the checksum's coverage. In UDP 0 means a jumbogram (RFC 2675).
	 */
	if (!cursor_ok(&rest) || (p->flow.proto == IPPROTO_UDP && said && said < UDP_HEADER))
		return;
	set_payload(p, c, start, UDP_HEADER);
	if (p->flow.proto == IPPROTO_UDP && said && p->payload_len > said - UDP_HEADER)
		p->payload_len = said - UDP_HEADER;
}

static void parse_sctp(struct cursor *c, struct packet *p)
{
	size_t start = c->pos;

	take_ports(c, &p->flow);
	if (cursor_ok(c))
		set_payload(p, c, start, SCTP_HEADER);
}

static void parse_icmp(struct cursor *c, struct packet *p)
{
	size_t start = c->pos;
	uint8_t type = cursor_u8(c);
	bool echo = p->flow.proto == IPPROTO_ICMP
			    ? type == ICMP_ECHO || type == ICMP_ECHOREPLY
			    : type == ICMP6_ECHO_REQUEST || type == ICMP6_ECHO_REPLY;

	p->flow.dst_port = (uint16_t)(type << 8 | cursor_u8(c));
	if (echo) {
		cursor_skip(c, 2);
		p->flow.src_port = cursor_be16(c);
	}
	if (cursor_ok(c))
		set_payload(p, c, start, ICMP_HEADER);
}

static void parse_transport(struct cursor *c, struct packet *p, bool six)
{
	switch (p->flow.proto) {
	case IPPROTO_TCP:
		parse_tcp(c, p);
		break;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		parse_udp(c, p);
		break;
	case IPPROTO_SCTP:
		parse_sctp(c, p);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		/* ICMP over IPv6, or the reverse, is just a number. */
		if (six == (p->flow.proto == IPPROTO_ICMPV6))
			parse_icmp(c, p);
		break;
	default:
		break;
	}
}

/* The end of the packet as its header says, where that is less than what was captured. */
static void clip(struct cursor *c, size_t total)
{
	if (total < c->len)
		c->len = total;
}

static void parse_ipv4(struct cursor *c, struct packet *p)
{
	size_t header_len = (cursor_u8(c) & 0x0f) * 4u, total;
	const uint8_t *src, *dst;
	uint16_t frag;

	cursor_skip(c, 1);
	total = cursor_be16(c);
	cursor_skip(c, 2);
	frag = cursor_be16(c);
	cursor_skip(c, 1);
	p->flow.proto = cursor_u8(c);
	cursor_skip(c, 2);
	src = cursor_take(c, 4);
	dst = cursor_take(c, 4);
	/*
	 * A total length of 0 is a segment of more than 64 KiB that the device will cut (BIG TCP).
	 */
	if (!cursor_ok(c) || header_len < 20 || (total && total < header_len)) {
		cursor_fail(c);
		return;
	}
	p->flow.src = ip_addr_v4(src);
	p->flow.dst = ip_addr_v4(dst);
	if (total)
		clip(c, total);
	cursor_seek(c, header_len);
	p->fragment = frag & 0x1fff;
	if (!p->fragment)
		parse_transport(c, p, false);
}

/*
 * Walks the extension headers (RFC 8200, section 4) and leaves the cursor at the transport header
 * and its number in flow.proto. Behind the header of a later fragment nothing can be read.
 */
static void skip_extensions(struct cursor *c, struct packet *p)
{
	for (int n = 0; !p->fragment; n++) {
		uint8_t next, len;

		switch (p->flow.proto) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			next = cursor_u8(c);
			len = cursor_u8(c);
			cursor_skip(c, (len + 1u) * 8 - 2);
			break;
		case IPPROTO_AH:
			next = cursor_u8(c);
			len = cursor_u8(c);
			cursor_skip(c, (len + 2u) * 4 - 2);
			break;
		case IPPROTO_FRAGMENT:
			next = cursor_u8(c);
			cursor_skip(c, 1);
			p->fragment = cursor_be16(c) >> 3;
			cursor_skip(c, 4);
			break;
		default:
			return;
		}
		if (n == IPV6_EXTENSIONS_MAX)
			cursor_fail(c);
		if (!cursor_ok(c))
			return;
		p->flow.proto = next;
	}
}

static void parse_ipv6(struct cursor *c, struct packet *p)
{
	const uint8_t *src, *dst;
	size_t payload_len;

	cursor_skip(c, 4);
	payload_len = cursor_be16(c);
	p->flow.proto = cursor_u8(c);
	cursor_skip(c, 1);
	src = cursor_take(c, 16);
	dst = cursor_take(c, 16);
	if (!cursor_ok(c))
		return;
	p->flow.src = ip_addr_v6(src);
	p->flow.dst = ip_addr_v6(dst);
	/* 0: a jumbogram (RFC 2675). */
	if (payload_len)
		clip(c, 40 + payload_len);
	skip_extensions(c, p);
	if (cursor_ok(c) && !p->fragment)
		parse_transport(c, p, true);
}

int packet_parse(const void *bytes, size_t len, struct packet *ret)
{
	struct packet p;
	struct cursor c;

	memset(&p, 0, sizeof(p));
	flow_init(&p.flow);
	cursor_init(&c, bytes, len);
	if (!len)
		return ERR_MALFORMED;
	switch (c.base[0] >> 4) {
	case 4:
		parse_ipv4(&c, &p);
		break;
	case 6:
		parse_ipv6(&c, &p);
		break;
	default:
		return ERR_MALFORMED;
	}
	if (!cursor_ok(&c))
		return ERR_MALFORMED;
	*ret = p;
	return 0;
}
