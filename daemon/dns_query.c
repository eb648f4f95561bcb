/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queries, and the responses of multicast DNS. */
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
#define TYPE_AAAA 28

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
		struct dns_question *q = &ret[n];
		uint16_t class;

		dns_name_read(&c, &q->name);
		q->id = h.id;
		q->type = cursor_be16(&c);
		class = cursor_be16(&c);
		if (!cursor_ok(&c))
			return ERR_MALFORMED;
		n += (class & CLASS_MASK) == CLASS_IN;
	}
	return n ? (int)n : ERR_NOT_FOUND;
}

static bool is_local(const struct dns_name *name)
{
	static const uint8_t local[] = { 5, 'l', 'o', 'c', 'a', 'l', 0 };

	return name->len > sizeof(local) &&
	       memcmp(name->bytes + name->len - sizeof(local), local, sizeof(local)) == 0;
}

/* Reads one record; true when it is an address of a name in ".local". */
static bool read_address(struct cursor *c, struct mdns_address *ret)
{
	const uint8_t *data;
	uint16_t type, class, len;

	dns_name_read(c, &ret->owner);
	type = cursor_be16(c);
	class = cursor_be16(c);
	ret->ttl_s = cursor_be32(c);
	len = cursor_be16(c);
	data = cursor_take(c, len);
	if (!data || (class & CLASS_MASK) != CLASS_IN || !is_local(&ret->owner))
		return false;
	if (type == TYPE_A && len == 4)
		ret->addr = ip_addr_v4(data);
	else if (type == TYPE_AAAA && len == 16)
		ret->addr = ip_addr_v6(data);
	else
		return false;
	/* A TTL of 0 takes the record back (section 10.1). */
	return ret->ttl_s > 0 && ret->ttl_s <= INT32_MAX && !ip_addr_is_any(&ret->addr);
}

int mdns_parse_response(const void *payload, size_t len, struct mdns_address *ret, unsigned max)
{
	struct dns_name ignored;
	struct header h;
	struct cursor c;
	unsigned n = 0, records;

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
	records = (unsigned)h.n[1] + h.n[2] + h.n[3];
	for (unsigned i = 0; i < records && i < LIMIT_DNS_RECORDS && n < max && cursor_ok(&c); i++)
		n += read_address(&c, &ret[n]);
	return cursor_ok(&c) ? (int)n : ERR_MALFORMED;
}
