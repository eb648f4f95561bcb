/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The smallest understandable set of rules for where a program went: pure, on targets told one after the other.
 *
 * Three names or more of one registrable domain (public suffix list, libpsl) become that domain with all below it, three addresses or more of one
 * network that network: unless something of it was denied, which no suggestion may allow. What remains is named one by one. Each
 * suggestion is narrowed to the ports that were used, where these are few.
 */
#ifndef API_SUGGEST_H
#define API_SUGGEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/subject.h"

struct suggest;

/* Suggestions for the program at this path (copied). Returns owned, or NULL when out of memory. */
struct suggest *suggest_new(const char *path);
void suggest_free(struct suggest *s); /* NULL is fine */

/* Where it went: `host` may be empty. Texts are copied. */
struct suggest_target {
	struct text host;
	struct ip_addr ip;
	uint8_t proto; /* IPPROTO_* */
	uint16_t port; /* of no meaning with ICMP */
	bool allowed; /* what was denied only keeps suggestions away */
	uint64_t count; /* connections */
};

/* False past LIMIT_SUGGEST_TARGETS, or when out of memory: the target is then not covered by any suggestion. */
bool suggest_add(struct suggest *s, const struct suggest_target *t);

/*
 * [{"rule": RULE, "connections": N, "covers": [{"host","ip","port","protocol","count"}]}], most used first; the rules are OpenSnitch's
 * and always. A new reference, or NULL when out of memory.
 */
json_t *suggest_rules(struct suggest *s);

#endif
