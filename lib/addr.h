/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IP addresses and networks as plain values. */
#ifndef LIB_ADDR_H
#define LIB_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An address of either family. IPv4 stands in the first four bytes, the rest is zero, so that two
 * values are equal exactly when their bytes are (memcmp, hashing). IPv4-mapped IPv6 is kept as IPv4.
 */
struct ip_addr {
	uint8_t family; /* 4 or 6; 0 = none */
	uint8_t bytes[16];
};

struct ip_net {
	struct ip_addr addr; /* host bits zero */
	uint8_t prefix_len; /* 0..32 or 0..128 */
};

#define IP_ADDR_TEXT_LEN 46 /* INET6_ADDRSTRLEN */

/* From network-order bytes. A mapped address (::ffff:a.b.c.d) becomes IPv4. */
struct ip_addr ip_addr_v4(const void *four_bytes);
struct ip_addr ip_addr_v6(const void *sixteen_bytes);

bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b);
bool ip_addr_is_loopback(const struct ip_addr *a);
bool ip_addr_is_any(const struct ip_addr *a);
bool ip_addr_is_multicast(const struct ip_addr *a); /* RFC 5771, RFC 4291 section 2.7 */

/* Text of inet_pton(3) forms, whole and exact: 0 or ERR_MALFORMED. */
int ip_addr_parse(const char *text, struct ip_addr *ret);

/* Writes the text (RFC 5952) into `buf` and returns it; "" for family 0. */
char *ip_addr_format(const struct ip_addr *a, char buf[static IP_ADDR_TEXT_LEN]);

/* "10.0.0.0/8", "fe80::/10", or a bare address (full prefix). Host bits are cleared. 0 or ERR_MALFORMED. */
int ip_net_parse(const char *text, struct ip_net *ret);
bool ip_net_contains(const struct ip_net *net, const struct ip_addr *a);

#endif
