/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One netfilter table of one family, read and changed through libiptc. The caller holds the xtables
 * lock for changes.
 */
#ifndef DAEMON_FIREWALL_TABLE_H
#define DAEMON_FIREWALL_TABLE_H

#include "daemon/firewall_rules.h"

enum fw_table_state {
	FW_TABLE_GOOD, /* exactly our rules, first in each chain */
	FW_TABLE_BEHIND, /* exactly our rules, but somebody else's stand before or between them */
	FW_TABLE_WRONG, /* a rule is missing, doubled, changed or out of order */
};

/* Reads the table; *ret_what (static text) names what is wrong. 0, or a code with `err`. */
int fw_table_check(const struct fw_table *t, enum fw_table_state *ret, const char **ret_what,
	struct error *err);

/*
 * Takes all rules with our comment out, and puts ours in first when `want`; one commit, tried again
 * when another program changed the table meanwhile. No commit where nothing would change. 0, or a
 * code with `err`.
 */
int fw_table_sync(const struct fw_table *t, bool want, struct error *err);

#endif
