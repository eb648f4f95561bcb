/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compiles lists into the form of lib/listwire.h, one entry after the other. Entries may repeat: the first source keeps them.
 * The first failure sticks; the finish returns it.
 */
#ifndef LIB_LISTSET_BUILD_H
#define LIB_LISTSET_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"
#include "lib/operand.h"
#include "lib/subject.h"

struct listset_builder;

/* `folder` (copied) is the folder as rules name it, 1 .. LIMIT_PATH bytes. Returns owned, or NULL. */
struct listset_builder *listset_builder_new(enum operand operand, struct text folder);
void listset_builder_free(struct listset_builder *b); /* NULL is fine */

/* The list file that what follows comes from: 1, 2 ... (those past LISTWIRE_SOURCES count as one). */
void listset_build_source(struct listset_builder *b, unsigned source);

/* Of lists.domains: a lower-case name; itself, what lies below it, or both. True: it is new. */
bool listset_build_name(struct listset_builder *b, struct text name, bool itself, bool below);

/* Of lists.ips. */
bool listset_build_addr(struct listset_builder *b, const struct ip_addr *a);

/* Of lists.nets. What was in already is found out at the finish: always true. */
bool listset_build_net(struct listset_builder *b, const struct ip_net *net);

/* Of lists.hash.*: lower-case hexadecimal. */
bool listset_build_digest(struct listset_builder *b, struct text hex);

/* Of lists.domains_regexp: compiled once to see that it is right; 0, or a code with `err`, and it is not added. */
int listset_build_pattern(struct listset_builder *b, struct text pattern, struct error *err);

/* Of the entries so far, distinct where that is known. */
uint64_t listset_build_count(const struct listset_builder *b);

/*
 * The compiled lists in a sealed memfd, close-on-exec: the descriptor (owned by the caller), or ERR_NOMEM, ERR_TOO_BIG
 * (LIMIT_LIST_BYTES, LIMIT_LIST_PATTERNS), ERR_FULL, ERR_IO.
 */
int listset_build_fd(struct listset_builder *b);

#endif
