/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hash tables of elements that carry their own node: uthash behind four functions, so that its macros unfold in one place.
 *
 * Keys come from packets and processes, so the hash is keyed with a random secret: nobody outside can choose keys that all fall
 * into one bucket. A table that cannot grow refuses the element instead of ending the program.
 *
 *     struct thing { struct flow flow; struct hash_node node; };
 *     hash_add(&table, &thing->node, &thing->flow, sizeof(thing->flow));
 *     thing = hash_entry(hash_find(&table, &flow, sizeof(flow)), struct thing, node);
 */
#ifndef LIB_HASH_H
#define LIB_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

struct hash_node {
	UT_hash_handle hh;
};

/* Zeroed = empty. */
struct hash {
	struct hash_node *first;
};

/* The element that a node is part of; NULL for NULL. */
#define hash_entry(node, type, member)                                                             \
	__extension__({                                                                            \
		struct hash_node *node_ = (node);                                                  \
		(type *)(node_ ? (void *)((char *)node_ - offsetof(type, member)) : NULL);         \
	})

/* The node with these key bytes, or NULL. */
struct hash_node *hash_find(const struct hash *h, const void *key, size_t len);

/*
 * Adds a node whose key is `len` bytes at `key`, which stay there unchanged until it is removed. False when out of memory. No look
 * whether the key is in already.
 */
bool hash_add(struct hash *h, struct hash_node *node, const void *key, size_t len);

/* Removes a node that is in. The last removal frees all that the table holds. */
void hash_del(struct hash *h, struct hash_node *node);

unsigned hash_count(const struct hash *h);

/* The node added after this one, or NULL: from h->first on, all in the order they were added. */
struct hash_node *hash_next(const struct hash_node *node);

/* SipHash-1-3 with a secret of this process. Aumasson and Bernstein, "SipHash: a fast short-input PRF". */
uint64_t hash_bytes(const void *bytes, size_t len);

/* The same with another secret, for hashes that outlive the process. */
uint64_t hash_bytes_with(const uint64_t key[static 2], const void *bytes, size_t len);

#endif
