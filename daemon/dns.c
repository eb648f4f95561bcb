/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sections of an answer, and the chain of names through it. */
#include "config.h"

#include "daemon/dns.h"

#include <string.h>

#include "daemon/dns_name.h"
#include "lib/cursor.h"
#include "lib/err.h"

#define CHAIN_MAX 16

#define FLAG_RESPONSE 0x8000u
#define MASK_OPCODE 0x7800u
#define MASK_RCODE 0x000fu
#define CLASS_IN 1

enum type {
	TYPE_A = 1,
	TYPE_CNAME = 5,
	TYPE_AAAA = 28,
	TYPE_DNAME = 39,
	TYPE_SVCB = 64,
	TYPE_HTTPS = 65,
};

enum svc_param { SVC_IPV4HINT = 4, SVC_IPV6HINT = 6 };

/* One record of a type that matters; its names are read again when they are needed. */
struct record {
	uint16_t type;
	uint16_t data_len;
	uint32_t ttl_s;
	uint32_t owner_off;
	uint32_t data_off;
};

struct message {
	struct cursor cursor;
	uint16_t flags, n_questions, n_answers;
	struct dns_name question;
	uint16_t question_type, question_class;
	unsigned n_records;
	struct record records[LIMIT_DNS_RECORDS];
};

static bool is_wanted(uint16_t type, uint16_t class)
{
	return class == CLASS_IN &&
	       (type == TYPE_A || type == TYPE_AAAA || type == TYPE_CNAME || type == TYPE_DNAME ||
		       type == TYPE_SVCB || type == TYPE_HTTPS);
}

static void read_record(struct message *m)
{
	struct cursor *c = &m->cursor;
	struct dns_name owner;
	struct record r = { .owner_off = (uint32_t)c->pos };
	uint16_t class;

	dns_name_read(c, &owner);
	r.type = cursor_be16(c);
	class = cursor_be16(c);
	r.ttl_s = cursor_be32(c);
	/* RFC 2181 section 8: with the top bit set a TTL is zero. */
	if (r.ttl_s > INT32_MAX)
		r.ttl_s = 0;
	r.data_len = cursor_be16(c);
	r.data_off = (uint32_t)c->pos;
	cursor_skip(c, r.data_len);
	if (cursor_ok(c) && is_wanted(r.type, class))
		m->records[m->n_records++] = r;
}

static int read_message(struct message *m, const void *payload, size_t len)
{
	struct cursor *c = &m->cursor;

	cursor_init(c, payload, len);
	cursor_skip(c, 2); /* the ID */
	m->flags = cursor_be16(c);
	m->n_questions = cursor_be16(c);
	m->n_answers = cursor_be16(c);
	cursor_skip(c, 4); /* the other sections: glue is nobody's answer */
	if (!cursor_ok(c))
		return ERR_MALFORMED;
	if (!(m->flags & FLAG_RESPONSE) || (m->flags & (MASK_OPCODE | MASK_RCODE)) ||
		m->n_questions != 1 || m->n_answers == 0)
		return ERR_NOT_FOUND;
	dns_name_read(c, &m->question);
	m->question_type = cursor_be16(c);
	m->question_class = cursor_be16(c);
	if (!cursor_ok(c))
		return ERR_MALFORMED;
	if (m->question_class != CLASS_IN)
		return ERR_NOT_FOUND;
	for (unsigned i = 0; i < m->n_answers && i < LIMIT_DNS_RECORDS && cursor_ok(c); i++)
		read_record(m);
	return cursor_ok(c) || (m->flags & DNS_TRUNCATED) ? 0 : ERR_MALFORMED;
}

/* A cursor over the whole message that stands at `off`, for a name that may point backwards. */
static struct cursor cursor_at(const struct message *m, uint32_t off)
{
	struct cursor c;

	cursor_init(&c, m->cursor.base, m->cursor.len);
	cursor_seek(&c, off);
	return c;
}

static bool is_owner(const struct message *m, const struct record *r, const struct dns_name *name)
{
	struct cursor c = cursor_at(m, r->owner_off);
	struct dns_name owner;

	dns_name_read(&c, &owner);
	return cursor_ok(&c) && dns_name_equal(&owner, name);
}

/* The name that is the record's data; false when it is malformed or does not end with the data. */
static bool read_target(const struct message *m, const struct record *r, struct dns_name *ret)
{
	struct cursor c = cursor_at(m, r->data_off);

	dns_name_read(&c, ret);
	return cursor_ok(&c) && c.pos == (size_t)r->data_off + r->data_len;
}

/* Each address once: an address record counts more than a hint. 0.0.0.0 and :: say "blocked" and name nobody. */
static void add_address(struct dns_answer *ret, struct ip_addr addr, uint32_t ttl_s, bool hint)
{
	if (ip_addr_is_any(&addr))
		return;
	for (unsigned i = 0; i < ret->n; i++) {
		if (ip_addr_equal(&ret->addresses[i].addr, &addr)) {
			ret->addresses[i].hint &= hint;
			return;
		}
	}
	if (ret->n < LIMIT_DNS_RECORDS)
		ret->addresses[ret->n++] =
			(struct dns_address) { .addr = addr, .ttl_s = ttl_s, .hint = hint };
}

/* The address hints of a service record: priority, target name, then parameters. RFC 9460 section 2.2. */
static void add_hints(
	const struct message *m, const struct record *r, uint32_t ttl_s, struct dns_answer *ret)
{
	struct cursor c;
	struct dns_name target;

	cursor_init(&c, m->cursor.base + r->data_off, r->data_len);
	/* Priority 0 is an alias: its parameters do not count (section 2.4.2). */
	if (cursor_be16(&c) == 0)
		return;
	dns_name_read(&c, &target);
	while (cursor_ok(&c) && cursor_left(&c) > 0) {
		uint16_t key = cursor_be16(&c), len = cursor_be16(&c);
		const uint8_t *value = cursor_take(&c, len);

		/* Addresses that are not whole are none (section 7.3). */
		if (!value || (key == SVC_IPV4HINT && len % 4) || (key == SVC_IPV6HINT && len % 16))
			return;
		for (size_t i = 0; key == SVC_IPV4HINT && i < len; i += 4)
			add_address(ret, ip_addr_v4(value + i), ttl_s, true);
		for (size_t i = 0; key == SVC_IPV6HINT && i < len; i += 16)
			add_address(ret, ip_addr_v6(value + i), ttl_s, true);
	}
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Takes the addresses that `name` has. */
static void add_addresses_of(const struct message *m, const struct dns_name *name, uint32_t ttl_s,
	struct dns_answer *ret)
{
	for (unsigned i = 0; i < m->n_records; i++) {
		const struct record *r = &m->records[i];
		const uint8_t *data = m->cursor.base + r->data_off;
		uint32_t ttl = least(ttl_s, r->ttl_s);

		if (r->type == TYPE_CNAME || r->type == TYPE_DNAME || !is_owner(m, r, name))
			continue;
		if (r->type == TYPE_A && r->data_len == 4)
			add_address(ret, ip_addr_v4(data), ttl, false);
		else if (r->type == TYPE_AAAA && r->data_len == 16)
			add_address(ret, ip_addr_v6(data), ttl, false);
		else if (r->type == TYPE_SVCB || r->type == TYPE_HTTPS)
			add_hints(m, r, ttl, ret);
	}
}

/* Moves `name` one step along its chain. False at the end. */
static bool follow(const struct message *m, struct dns_name *name, uint32_t *ttl_s)
{
	struct dns_name owner, target;

	for (unsigned i = 0; i < m->n_records; i++) {
		const struct record *r = &m->records[i];

		if (r->type == TYPE_CNAME && is_owner(m, r, name) && read_target(m, r, &target)) {
			*name = target;
			*ttl_s = least(*ttl_s, r->ttl_s);
			return true;
		}
	}
	for (unsigned i = 0; i < m->n_records; i++) {
		const struct record *r = &m->records[i];
		struct cursor c = cursor_at(m, r->owner_off);

		if (r->type != TYPE_DNAME)
			continue;
		dns_name_read(&c, &owner);
		if (cursor_ok(&c) && read_target(m, r, &target) &&
			dns_name_substitute(name, &owner, &target)) {
			*ttl_s = least(*ttl_s, r->ttl_s);
			return true;
		}
	}
	return false;
}

/* The name that programs would connect to. RFC 9460 section 2.3: "_8443._https.example.com" is about example.com. */
static size_t write_host(const struct message *m, char *buf, size_t size)
{
	struct dns_name name = m->question;

	if (m->question_type == TYPE_HTTPS || m->question_type == TYPE_SVCB)
		while (dns_name_first(&name) == '_')
			dns_name_pop(&name);
	return dns_name_text(&name, buf, size);
}

int dns_parse_answer(const void *payload, size_t len, struct dns_answer *ret)
{
	struct message m;
	struct dns_name name;
	uint32_t ttl_s = INT32_MAX;
	int r;

	m.n_records = 0;
	r = read_message(&m, payload, len);
	if (r < 0)
		return r;
	ret->n = 0;
	ret->host_len = write_host(&m, ret->host, sizeof(ret->host));
	if (ret->host_len == 0)
		return ERR_NOT_FOUND;
	name = m.question;
	for (unsigned hop = 0; hop <= CHAIN_MAX; hop++) {
		add_addresses_of(&m, &name, ttl_s, ret);
		if (!follow(&m, &name, &ttl_s))
			break;
	}
	return ret->n > 0 ? 0 : ERR_NOT_FOUND;
}
