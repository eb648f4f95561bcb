/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User names from /etc/passwd, and from nowhere else.
 *
 * A firewall must not ask the network who a user is (NSS may be LDAP), least of all while it holds
 * that connection; so this reads the file, and again when it changed.
 */
#ifndef LIB_USERS_H
#define LIB_USERS_H

#include <stdint.h>

struct users;

/* Reads `path` (NULL: /etc/passwd). Returns owned, or NULL when out of memory. A missing file is empty. */
struct users *users_new(const char *path);
void users_free(struct users *u);

/* The name, valid until the next call, or NULL. Looks at the file's mtime at most once a second. */
const char *users_name(struct users *u, uint32_t uid);

#endif
