/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All list files of one folder, compiled: how they travel from the console to the engine, one sealed memfd a folder and operand.
 *
 * A list can be big (a million names) and is swapped while packets wait, so nothing in it needs to be read before it is
 * believed: apart from the regular expressions, which are few, the file holds no offset, and every search is bounded by numbers in the
 * header that are held against the file's length. Whatever stands in the tables, a search reads inside them and ends.
 *
 * names, addresses, digests:   a hash table of 64-bit slots. The upper 8 bits are the source (1 .. 255, see below; an empty slot is
 *                              0), the lower 56 the upper bits of the SipHash-1-3 of the entry under the header's key. The place is
 *                              the hash's low bits; collisions go to the next slots, at most `max_probe` of them. The key is random
 *                              and secret, so two things are taken for one another with probability below 2^-40 and nobody can aim.
 * networks:                    two sorted tables of disjoint ranges, IPv4 first.
 * regular expressions:         a table of (offset, length, source) and their text.
 *
 * A source is the number of the list file that an entry came from first; files from the 255th on share 255.
 */
#ifndef LIB_LISTWIRE_H
#define LIB_LISTWIRE_H

#include <stdint.h>

#include "lib/limits.h"

#define LISTWIRE_MAGIC 0x314c534fu /* "OSL1" */
#define LISTWIRE_VERSION 1
#define LISTWIRE_SOURCE_SHIFT 56
#define LISTWIRE_SOURCES 255

/* A name entry stands for the name itself, for what lies below it ("*.example.com"), or for both (two entries). */
#define LISTWIRE_HAS_SUFFIXES 1u

struct listwire_header {
	uint32_t magic;
	uint32_t version;
	uint64_t total_len; /* of the whole file */
	uint64_t key[2];
	uint32_t operand; /* enum operand: one of lists.* */
	uint32_t flags;
	uint32_t n_slots; /* a power of two, or 0; the first table */
	uint32_t max_probe;
	uint32_t n_nets4, n_nets6; /* the tables behind it */
	uint32_t n_patterns;
	uint32_t strings_len; /* of patterns, at the end */
	uint64_t n_entries; /* distinct ones, for people */
	uint32_t folder_len;
	uint32_t pad;
	char folder[LIMIT_PATH]; /* as rules name it, zero-padded */
};

struct listwire_net4 {
	uint32_t first, last; /* host order, inclusive */
	uint32_t source;
};

struct listwire_net6 {
	uint8_t first[16], last[16];
	uint32_t source;
};

struct listwire_pattern {
	uint32_t off; /* from the start of the file */
	uint32_t len;
	uint32_t source;
};

#endif
