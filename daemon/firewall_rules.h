/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our netfilter rules as the kernel wants them: `struct ipt_entry` or `struct ip6t_entry`, then
 * matches, then a target. Built once, then compared with what stands in the kernel. Sources:
 * linux/netfilter/x_tables.h, net/ipv4/netfilter/ip_tables.c.
 */
#ifndef DAEMON_FIREWALL_RULES_H
#define DAEMON_FIREWALL_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/firewall.h"

#define FW_RULE_SIZE 1024
#define FW_CHAIN_RULES 10
#define FW_TABLE_CHAINS 3
#define FW_COMMENT_LEN 32
#define FW_CHAIN_NAME_LEN 32 /* xt_chainlabel */

/* Where the two families' entries differ. */
struct fw_layout {
	int af; /* AF_INET or AF_INET6 */
	const char *name; /* "IPv4" */
	size_t entry_size; /* of the fixed part */
	size_t ip_size; /* bytes at its start that say what is matched */
	size_t offsets; /* where target_offset and next_offset (uint16_t each) stand in it */
};

extern const struct fw_layout fw_layout_v4;
extern const struct fw_layout fw_layout_v6;

struct fw_rule {
	_Alignas(8) uint8_t entry[FW_RULE_SIZE];
};

/* The rules that ought to stand in one chain, in this order; none, where those of an earlier run are to go. */
struct fw_chain {
	char name[FW_CHAIN_NAME_LEN];
	unsigned n_rules;
	struct fw_rule rules[FW_CHAIN_RULES];
};

struct fw_table {
	const struct fw_layout *layout;
	const char *name;
	char comment[FW_COMMENT_LEN]; /* tells our rules */
	unsigned n_chains;
	struct fw_chain chains[FW_TABLE_CHAINS];
};

/* All rules of daemon/firewall.h for one family. */
void fw_build_filter(
	struct fw_table *t, const struct fw_layout *layout, const struct firewall_config *config);
void fw_build_mangle(
	struct fw_table *t, const struct fw_layout *layout, const struct firewall_config *config);

/* Whether an entry of the kernel has a comment match with exactly this text. */
bool fw_entry_has_comment(const struct fw_layout *layout, const void *entry, const char *comment);

/* Whether two entries match and do the same; counters do not count. */
bool fw_entry_equal(const struct fw_layout *layout, const void *a, const void *b);

#endif
