/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses and networks: text, comparison, membership. */
#include "lib/addr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

struct ip_addr ip_addr_v4(const void *four_bytes)
{
	struct ip_addr a = { .family = 4 };

	memcpy(a.bytes, four_bytes, 4);
	return a;
}

struct ip_addr ip_addr_v6(const void *sixteen_bytes)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct ip_addr a = { .family = 6 };

	if (memcmp(sixteen_bytes, mapped, sizeof(mapped)) == 0)
		return ip_addr_v4((const uint8_t *)sixteen_bytes + 12);
	memcpy(a.bytes, sixteen_bytes, 16);
	return a;
}

bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool ip_addr_is_loopback(const struct ip_addr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (a->family == 4)
		return a->bytes[0] == 127;
	return a->family == 6 && memcmp(a->bytes, one, sizeof(one)) == 0;
}

bool ip_addr_is_any(const struct ip_addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

bool ip_addr_is_multicast(const struct ip_addr *a)
{
	if (a->family == 4)
		return (a->bytes[0] & 0xf0) == 0xe0;
	return a->family == 6 && a->bytes[0] == 0xff;
}

int ip_addr_parse(const char *text, struct ip_addr *ret)
{
	uint8_t buf[16];

	if (inet_pton(AF_INET, text, buf) == 1)
		*ret = ip_addr_v4(buf);
	else if (inet_pton(AF_INET6, text, buf) == 1)
		*ret = ip_addr_v6(buf);
	else
		return ERR_MALFORMED;
	return 0;
}

char *ip_addr_format(const struct ip_addr *a, char buf[static IP_ADDR_TEXT_LEN])
{
	buf[0] = '\0';
	if (a->family == 4)
		inet_ntop(AF_INET, a->bytes, buf, IP_ADDR_TEXT_LEN);
	else if (a->family == 6)
		inet_ntop(AF_INET6, a->bytes, buf, IP_ADDR_TEXT_LEN);
	return buf;
}

static void clear_host_bits(struct ip_net *net)
{
	for (unsigned bit = net->prefix_len; bit < 128; bit++)
		net->addr.bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
}

int ip_net_parse(const char *text, struct ip_net *ret)
{
	char addr[IP_ADDR_TEXT_LEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct ip_net net;
	unsigned max;

	if (len >= sizeof(addr))
		return ERR_MALFORMED;
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (ip_addr_parse(addr, &net.addr) < 0)
		return ERR_MALFORMED;
	max = net.addr.family == 4 ? 32 : 128;
	net.prefix_len = (uint8_t)max;
	if (slash) {
		char *end;
		unsigned long v;

		if (!isdigit((unsigned char)slash[1]))
			return ERR_MALFORMED;
		v = strtoul(slash + 1, &end, 10);
		if (*end || v > max)
			return ERR_MALFORMED;
		net.prefix_len = (uint8_t)v;
	}
	clear_host_bits(&net);
	*ret = net;
	return 0;
}

bool ip_net_contains(const struct ip_net *net, const struct ip_addr *a)
{
	unsigned whole = net->prefix_len / 8, rest = net->prefix_len % 8;

	if (net->addr.family != a->family || memcmp(net->addr.bytes, a->bytes, whole) != 0)
		return false;
	if (!rest)
		return true;
	return ((net->addr.bytes[whole] ^ a->bytes[whole]) & (uint8_t)(0xff00u >> rest)) == 0;
}
