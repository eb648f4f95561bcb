/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS messages made by hand, record by record. */
#ifndef TESTS_UNIT_DNS_KIT_H
#define TESTS_UNIT_DNS_KIT_H

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DNS_A = 1, DNS_CNAME = 5, DNS_AAAA = 28, DNS_DNAME = 39, DNS_OPT = 41, DNS_HTTPS = 65 };

struct dns_message {
	uint8_t bytes[8192];
	size_t len;
};

static inline void dns_put(struct dns_message *m, const void *bytes, size_t len)
{
	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

static inline void dns_put8(struct dns_message *m, unsigned v)
{
	m->bytes[m->len++] = (uint8_t)v;
}

static inline void dns_put16(struct dns_message *m, unsigned v)
{
	dns_put8(m, v >> 8);
	dns_put8(m, v & 0xff);
}

static inline void dns_put32(struct dns_message *m, uint32_t v)
{
	dns_put16(m, v >> 16);
	dns_put16(m, v & 0xffff);
}

/* "www.example.com" as labels; "" is the root; "@12" a compression pointer, also behind labels ("www@12"). */
static inline void dns_put_name(struct dns_message *m, const char *name)
{
	while (*name && *name != '@') {
		size_t len = strcspn(name, ".@");

		dns_put8(m, (unsigned)len);
		dns_put(m, name, len);
		name += len + (name[len] == '.');
	}
	if (*name == '@') {
		unsigned target = 0;

		for (name++; *name; name++)
			target = target * 10 + (unsigned)(*name - '0');
		dns_put16(m, 0xc000 | target);
	} else {
		dns_put8(m, 0);
	}
}

/* The header of a good answer and its question, whose name stands at offset 12. */
static inline void dns_begin(struct dns_message *m, const char *name, unsigned type)
{
	static const uint8_t header[12] = { 0x12, 0x34, 0x81, 0x80, 0, 1 };

	m->len = 0;
	dns_put(m, header, sizeof(header));
	dns_put_name(m, name);
	dns_put16(m, type);
	dns_put16(m, 1);
}

/* Starts an answer record; returns where its data begins, for dns_end_record(). */
static inline size_t dns_begin_record(
	struct dns_message *m, const char *owner, unsigned type, uint32_t ttl)
{
	if (++m->bytes[7] == 0)
		m->bytes[6]++;
	dns_put_name(m, owner);
	dns_put16(m, type);
	dns_put16(m, 1);
	dns_put32(m, ttl);
	dns_put16(m, 0);
	return m->len;
}

static inline void dns_end_record(struct dns_message *m, size_t data)
{
	size_t len = m->len - data;

	m->bytes[data - 2] = (uint8_t)(len >> 8);
	m->bytes[data - 1] = (uint8_t)len;
}

static inline void dns_name_record(
	struct dns_message *m, const char *owner, unsigned type, uint32_t ttl, const char *target)
{
	size_t data = dns_begin_record(m, owner, type, ttl);

	dns_put_name(m, target);
	dns_end_record(m, data);
}

/* An A or AAAA record, as the text of the address says. */
static inline void dns_addr_record(
	struct dns_message *m, const char *owner, uint32_t ttl, const char *addr)
{
	uint8_t bytes[16];
	int six = strchr(addr, ':') != NULL;
	size_t data = dns_begin_record(m, owner, six ? DNS_AAAA : DNS_A, ttl);

	inet_pton(six ? AF_INET6 : AF_INET, addr, bytes);
	dns_put(m, bytes, six ? 16 : 4);
	dns_end_record(m, data);
}

#endif
