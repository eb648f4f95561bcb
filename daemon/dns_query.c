/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queries, what a response repeats of them, and the responses of multicast DNS. */
#include "config.h"

#include "daemon/dns.h"

#include <string.h>

#include "lib/cursor.h"
#include "lib/err.h"

#define FLAG_RESPONSE 0x8000u
#define MASK_OPCODE 0x7800u
#define MASK_RCODE 0x000fu
#define CLASS_IN 1
#define CLASS_MASK 0x7fffu /* the top bit is mDNS's: "answer by unicast", "flush the cache" */
#define TYPE_A 1
#define TYPE_PTR 12
#define TYPE_AAAA 28
#define TYPE_SRV 33
#define SRV_HEAD 6 /* priority, weight and port stand before the target */

struct header {
	uint16_t id, flags, n[4]; /* questions, answers, authority, additional */
};

static void read_header(struct cursor *c, struct header *ret)
{
	ret->id = cursor_be16(c);
	ret->flags = cursor_be16(c);
	for (unsigned i = 0; i < 4; i++)
		ret->n[i] = cursor_be16(c);
}

/* False: it is of another class. */
static bool read_question(struct cursor *c, const struct header *h, struct dns_question *ret)
{
	dns_name_read_spelled(c, &ret->spelled);
	ret->name = ret->spelled;
	dns_name_lower(&ret->name);
	ret->id = h->id;
	ret->flags = h->flags;
	ret->type = cursor_be16(c);
	return (cursor_be16(c) & CLASS_MASK) == CLASS_IN;
}

int dns_parse_query(const void *payload, size_t len, struct dns_question *ret, unsigned max)
{
	struct header h;
	struct cursor c;
	unsigned n = 0;

	cursor_init(&c, payload, len);
	read_header(&c, &h);
	if (!cursor_ok(&c))
		return ERR_MALFORMED;
	if (h.flags & (FLAG_RESPONSE | MASK_OPCODE))
		return ERR_NOT_FOUND;
	for (unsigned i = 0; i < h.n[0] && n < max; i++) {
		bool is_internet = read_question(&c, &h, &ret[n]);

		if (!cursor_ok(&c))
			return ERR_MALFORMED;
		n += is_internet;
	}
	return n ? (int)n : ERR_NOT_FOUND;
}

int dns_parse_response(const void *payload, size_t len, struct dns_question *ret)
{
	bool is_internet;
	struct header h;
	struct cursor c;

	cursor_init(&c, payload, len);
	read_header(&c, &h);
	if (!cursor_ok(&c))
		return ERR_MALFORMED;
	if (!(h.flags & FLAG_RESPONSE) || (h.flags & MASK_OPCODE) || h.n[0] != 1)
		return ERR_NOT_FOUND;
	is_internet = read_question(&c, &h, ret);
	if (!cursor_ok(&c))
		return ERR_MALFORMED;
	return is_internet ? 0 : ERR_NOT_FOUND;
}

static bool is_local(const struct dns_name *name)
{
	static const uint8_t local[] = { 5, 'l', 'o', 'c', 'a', 'l', 0 };

	return name->len > sizeof(local) &&
	       memcmp(name->bytes + name->len - sizeof(local), local, sizeof(local)) == 0;
}

static void add_address(struct mdns_response *ret, const struct dns_name *owner,
	struct ip_addr addr, uint32_t ttl_s)
{
	if (ret->n_addresses < MDNS_RECORDS_MAX && !ip_addr_is_any(&addr))
		ret->addresses[ret->n_addresses++] =
			(struct mdns_address) { .owner = *owner, .addr = addr, .ttl_s = ttl_s };
}

/* The name that stands at `c` leads on from the owner; it may point backwards. */
static void add_link(struct mdns_response *ret, const struct dns_name *owner, struct cursor c)
{
	struct mdns_link *link = &ret->links[ret->n_links];

	if (ret->n_links == MDNS_RECORDS_MAX)
		return;
	dns_name_read(&c, &link->target);
	link->owner = *owner;
	ret->n_links += cursor_ok(&c);
}

static void read_record(struct cursor *c, struct mdns_response *ret)
{
	struct dns_name owner;
	struct cursor at;
	const uint8_t *data;
	uint16_t type, class, len;
	uint32_t ttl_s;

	dns_name_read(c, &owner);
	type = cursor_be16(c);
	class = cursor_be16(c);
	ttl_s = cursor_be32(c);
	len = cursor_be16(c);
	at = *c;
	data = cursor_take(c, len);
	/* A TTL of 0 takes the record back (section 10.1). */
	if (!data || (class & CLASS_MASK) != CLASS_IN || !is_local(&owner) || ttl_s == 0 ||
		ttl_s > INT32_MAX)
		return;
	if (type == TYPE_A && len == 4)
		add_address(ret, &owner, ip_addr_v4(data), ttl_s);
	else if (type == TYPE_AAAA && len == 16)
		add_address(ret, &owner, ip_addr_v6(data), ttl_s);
	else if (type == TYPE_SRV)
		cursor_skip(&at, SRV_HEAD);
	if (type == TYPE_SRV || type == TYPE_PTR)
		add_link(ret, &owner, at);
}

int mdns_parse_response(const void *payload, size_t len, struct mdns_response *ret)
{
	struct dns_name ignored;
	struct header h;
	struct cursor c;
	unsigned records;

	ret->n_addresses = ret->n_links = 0;
	cursor_init(&c, payload, len);
	read_header(&c, &h);
	if (!cursor_ok(&c))
		return ERR_MALFORMED;
	if (!(h.flags & FLAG_RESPONSE) || (h.flags & (MASK_OPCODE | MASK_RCODE)))
		return ERR_NOT_FOUND;
	for (unsigned i = 0; i < h.n[0] && cursor_ok(&c); i++) {
		dns_name_read(&c, &ignored);
		cursor_skip(&c, 4);
	}
	ret->id = h.id;
	records = (unsigned)h.n[1] + h.n[2] + h.n[3];
	for (unsigned i = 0; i < records && i < LIMIT_DNS_RECORDS && cursor_ok(&c); i++)
		read_record(&c, ret);
	return cursor_ok(&c) ? 0 : ERR_MALFORMED;
}
