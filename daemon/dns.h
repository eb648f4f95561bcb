/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DNS messages: who asks what, and the addresses that an answer gives for its question. Pure functions that trust nothing.
 *
 * From the name of the question it walks the CNAME and DNAME records of the answer section, and believes only addresses whose owner
 * is on that chain: another record in the same answer is how caches are poisoned. Sources: RFC 1035 section 4, RFC 6672 (DNAME),
 * RFC 9460 (SVCB, HTTPS), RFC 4343 (case, escapes).
 */
#ifndef DAEMON_DNS_H
#define DAEMON_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/dns_name.h"
#include "lib/addr.h"
#include "lib/limits.h"

#define DNS_QUESTIONS_MAX 16 /* read of one message; only mDNS asks several at once */

/* In the flags of a message. */
#define DNS_TRUNCATED 0x0200u
#define LLMNR_TENTATIVE 0x0100u /* of a name that is not verified yet: RFC 4795 section 2.1.1 */

struct dns_question {
	uint16_t id, flags; /* of its message */
	uint16_t type; /* 1 A, 28 AAAA, 65 HTTPS ... */
	struct dns_name name; /* in lower case */
	struct dns_name spelled; /* as it stands there */
};

struct dns_address {
	struct ip_addr addr;
	uint32_t ttl_s; /* the least of its record and of the chain that leads to it */
	bool hint; /* from ipv4hint or ipv6hint of an HTTPS or SVCB record, not from an address record */
};

struct dns_answer {
	/*
	 * The name that was asked for: lower case, no trailing dot, printable ASCII; a byte that is not, or a dot or backslash inside a
	 * label, is "\DDD" in decimal. Of HTTPS and SVCB questions without the leading labels that begin with "_" (port and scheme).
	 */
	char host[LIMIT_HOST + 1];
	size_t host_len;
	unsigned n; /* each address once */
	struct dns_address addresses[LIMIT_DNS_RECORDS];
};

/*
 * Parses a message. 0 with at least one address in *ret; ERR_NOT_FOUND: well-formed, but not an answer, a failure,
 * or no address in it; ERR_MALFORMED. An answer cut short (TC) counts as far as it goes. At most LIMIT_DNS_RECORDS records are read.
 */
int dns_parse_answer(const void *payload, size_t len, struct dns_answer *ret);

/*
 * The questions of a query (not of a response), at most `max` of them: their number, at least one; ERR_NOT_FOUND: well-formed,
 * but no query of class IN; ERR_MALFORMED. The bit of mDNS that wishes for a unicast answer does not count (RFC 6762 section 5.4).
 */
int dns_parse_query(const void *payload, size_t len, struct dns_question *ret, unsigned max);

/* The question that a response repeats. 0; ERR_NOT_FOUND: no response to exactly one question of class IN; ERR_MALFORMED. */
int dns_parse_response(const void *payload, size_t len, struct dns_question *ret);

#define MDNS_RECORDS_MAX 64 /* of each kind, read of one response */

/* One address of a multicast response. */
struct mdns_address {
	struct dns_name owner;
	struct ip_addr addr;
	uint32_t ttl_s;
};

/* A record that leads to another name: PTR from a kind of service to one that offers it, SRV from that to its machine. */
struct mdns_link {
	struct dns_name owner, target;
};

struct mdns_response {
	uint16_t id;
	unsigned n_addresses, n_links;
	struct mdns_address addresses[MDNS_RECORDS_MAX];
	struct mdns_link links[MDNS_RECORDS_MAX];
};

/*
 * The addresses and links of a multicast DNS response (RFC 6762, RFC 6763), of its answers and additional records alike; owners
 * outside ".local" are left out. 0, also when there are none; ERR_NOT_FOUND: no such response; ERR_MALFORMED.
 */
int mdns_parse_response(const void *payload, size_t len, struct mdns_response *ret);

#endif
