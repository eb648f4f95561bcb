/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The compiled lists of one folder (lib/listwire.h), and the one question put to them. Immutable; shared by rule sets through
 * references, whose count is safe over threads. Searching never allocates and never locks.
 */
#ifndef LIB_LISTSET_H
#define LIB_LISTSET_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/operand.h"
#include "lib/subject.h"

struct listset;

/*
 * Maps a memfd that must be sealed (F_SEAL_WRITE and F_SEAL_SHRINK) and at most LIMIT_LIST_BYTES, read-only. Costs the same for
 * every size, but for regular expressions, which are compiled. Borrows `fd`. 0 and *ret (one reference, the caller's), or
 * ERR_INVALID, ERR_MALFORMED, ERR_TOO_BIG, ERR_NOMEM, ERR_IO with `err`.
 */
int listset_load_fd(int fd, struct listset **ret, struct error *err);

/* The same from `len` bytes, copied. */
int listset_load(const void *data, size_t len, struct listset **ret, struct error *err);

struct listset *listset_ref(struct listset *l); /* returns it */
void listset_unref(struct listset *l); /* NULL is fine */

enum operand listset_operand(const struct listset *l);
struct text listset_folder(const struct listset *l); /* borrowed */
uint64_t listset_count(const struct listset *l); /* distinct entries */
size_t listset_bytes(const struct listset *l);

/*
 * The number of the list file that has the subject's value (1 .. LISTWIRE_SOURCES), or 0: none. A host name that is not known, and a
 * digest that is not, are in no list.
 */
unsigned listset_find(const struct listset *l, const struct subject *s);

/* The key bytes of an entry of the slots, and their hash: shared with the builder. */
uint64_t listset_hash(const uint64_t key[static 2], const void *bytes, size_t len);

/* The hash of what lies below a name. */
uint64_t listset_hash_below(const uint64_t key[static 2], const void *name, size_t len);

#endif
