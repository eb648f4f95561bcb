/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule set as it travels from the console to the engine: one sealed memfd, flat, little machine words.
 *
 * The console has parsed, validated, sorted (enabled rules only, by name, bytewise) and flattened; the
 * engine maps it read-only, checks every offset once (ruleset_load) and compiles its own indexes. All
 * offsets count from the start of the file. Strings are UTF-8, not NUL-terminated, and hold no NUL.
 *
 *     struct rulewire_header | struct rulewire_rule[n_rules] | struct rulewire_op[n_ops] | strings
 */
#ifndef LIB_RULEWIRE_H
#define LIB_RULEWIRE_H

#include <stdint.h>

#define RULEWIRE_MAGIC 0x314e534fu /* "OSN1" */
#define RULEWIRE_VERSION 1

struct rulewire_str {
	uint32_t off;
	uint32_t len;
};

struct rulewire_header {
	uint32_t magic;
	uint32_t version;
	uint64_t total_len; /* of the whole file */
	uint64_t generation;
	uint32_t n_rules;
	uint32_t rules_off; /* 8-aligned */
	uint32_t n_ops;
	uint32_t ops_off; /* 8-aligned */
	uint32_t strings_off;
	uint32_t strings_len;
};

struct rulewire_rule {
	struct rulewire_str name;
	uint64_t expires_boot_ns; /* CLOCK_BOOTTIME; 0 = never */
	uint32_t root_op; /* index of its operator */
	uint8_t action; /* enum action */
	uint8_t precedence; /* 0 or 1 */
	uint8_t nolog; /* 0 or 1 */
	uint8_t pad;
};

/* Children of a list stand in one run after their parent: first_child > own index (so no cycles). */
struct rulewire_op {
	uint8_t type; /* enum operator_type */
	uint8_t operand; /* enum operand */
	uint8_t sensitive; /* 0 or 1 */
	uint8_t pad;
	uint32_t first_child; /* type list only, otherwise 0 */
	uint32_t n_children;
	struct rulewire_str data;
	struct rulewire_str
		extra; /* NAME of process.env.NAME; of type network with an alias: its networks, a space between */
};

#endif
