/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Domain names in wire form: read out of a message, compared, and written as text. */
#ifndef DAEMON_DNS_NAME_H
#define DAEMON_DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cursor.h"

#define DNS_NAME_LEN 255 /* octets with the root label, RFC 1035 section 2.3.4 */

/* Uncompressed labels, ASCII letters in lower case, ended by the root label. */
struct dns_name {
	uint8_t len;
	uint8_t bytes[DNS_NAME_LEN];
};

/*
 * Reads the name at the cursor and moves behind it. Fails the cursor on a label type that does not exist, a name that is too long, and on
 * compression that does not point backwards each time (so it cannot loop), or into the header.
 */
void dns_name_read(struct cursor *c, struct dns_name *ret);

/* The same with the letters as they stand there. */
void dns_name_read_spelled(struct cursor *c, struct dns_name *ret);

void dns_name_lower(struct dns_name *name);

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);

/*
 * If `name` lies below `owner`, replaces that ending by `target` (as DNAME says) and returns true; false also when the result would be
 * too long.
 */
bool dns_name_substitute(
	struct dns_name *name, const struct dns_name *owner, const struct dns_name *target);

/* Drops the first label. */
void dns_name_pop(struct dns_name *name);

/* The first byte of the first label; 0 for the root. */
uint8_t dns_name_first(const struct dns_name *name);

/*
 * Writes text without the trailing dot, escaped as in dns.h, and returns its length; 0 for the root and for what does not fit into `size`
 * with the NUL.
 */
size_t dns_name_text(const struct dns_name *name, char *buf, size_t size);

#endif
