/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From address to host name: a bounded table, learnt from DNS answers on the wire. We never ask anybody ourselves.
 *
 * Each name remembers which processes asked for it, so that when an address has several (CDNs), the one that a process
 * asked for is its name.
 *
 * An address may have several names: newest first, at most LIMIT_NAMES_PER_ADDR; one told by two sources counts twice, so that
 * who heard it from the worse one is not told the better. Entries live for max(TTL, 60 s)
 * plus a grace of an hour (programs keep addresses past the TTL), at most a day; the least recently used address goes first
 * when the table is full. All text is lower case, without the trailing dot, printable.
 */
#ifndef DAEMON_NAMES_H
#define DAEMON_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/limits.h"
#include "lib/subject.h"
#include "lib/verdict.h"

struct names;
struct process;

/* Which process asked. `pid` 0: not known. */
struct name_asker {
	int32_t pid;
	uint64_t start_time;
	uint64_t program; /* a hash of the executed file's path */
};

/* What is learnt with a name. */
struct name_fact {
	enum host_source source;
	uint32_t ttl_s;
	struct ip_addr server; /* who said so; family 0: nobody */
	struct name_asker asker;
};

struct name_result {
	char host[LIMIT_HOST + 1];
	size_t len; /* 0: no name is known */
	enum host_source source;
	enum host_certainty certainty;
};

/* One name of one address, as names_list() tells it. Borrowed. */
struct name_view {
	struct ip_addr addr;
	const char *host;
	size_t host_len;
	enum host_source source;
	struct ip_addr server;
	uint64_t learnt_ns, expires_ns; /* CLOCK_BOOTTIME; UINT64_MAX: never */
	unsigned n_askers;
	const struct name_asker *askers; /* newest first */
};

struct names *names_new(void);
void names_free(struct names *n);

/* Who `p` is, to remember and compare. NULL gives nobody. */
struct name_asker name_asker_of(const struct process *p);

/* Learns that `host` has this address. `now_ns` is CLOCK_BOOTTIME. Out of memory: forgets, counts nothing. */
void names_learn(struct names *n, const struct ip_addr *addr, const char *host, size_t host_len,
	const struct name_fact *fact, uint64_t now_ns);

/*
 * The names of a hosts file: each line "ADDRESS NAME NAME..." as hosts(5) has it; the first name of the last line of an
 * address counts. Replaces all that were there before. Addresses of "blocked" names (0.0.0.0, ::) and of loopback are left out.
 * At most LIMIT_HOSTS_NAMES are kept; the number of them, or ERR_NOMEM.
 */
int names_set_hosts(struct names *n, const char *text, size_t len);

/*
 * The most plausible name of the address for this process (pid 0: nobody in particular): one that it asked for, then one that
 * another process of its program asked for, then the hosts file's, then the newest; and how certain that is.
 */
void names_find(struct names *n, const struct ip_addr *addr, const struct name_asker *asker,
	uint64_t now_ns, struct name_result *ret);

/* Whether this host is known now for the address by this source (HOST_HOSTS: stands in the file). The host in lower case, as dns.h writes it. */
bool names_has(struct names *n, const struct ip_addr *addr, const char *host, size_t host_len,
	enum host_source source, uint64_t now_ns);

/* All names of an address, newest first, at most `max`: their number. Borrowed until the next change. */
unsigned names_of(
	const struct names *n, const struct ip_addr *addr, struct text *ret, unsigned max);

/* A flow uses this name: it lives on for another hour. */
void names_keep(struct names *n, const struct ip_addr *addr, const char *host, size_t host_len,
	uint64_t now_ns);

/*
 * Calls `fn` for each name known now of `addr` (NULL: of any) that is equal to `host` (NULL: any), at most `max`. The number
 * of them.
 */
unsigned names_list(struct names *n, const struct ip_addr *addr, const struct text *host,
	unsigned max, uint64_t now_ns, void (*fn)(void *ctx, const struct name_view *view),
	void *ctx);

/* Addresses in the table. */
uint32_t names_count(const struct names *n);

#endif
