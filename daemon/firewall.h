/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our netfilter rules: installed, verified, put back, removed. A facade; the back end is libiptc
 * (ip4tc and ip6tc, under the xtables lock), one commit a table and family.
 *
 * For IPv4 and IPv6, straight in the built-in chains and each with a comment match
 * "opensnitch:QUEUE_NUM", by which they are found again after a crash and told from those of
 * another daemon:
 *
 *     filter OUTPUT  -m connmark --mark REJECT/BOTH -p tcp -j REJECT --reject-with tcp-reset
 *     filter OUTPUT  -m connmark --mark REJECT/BOTH -j REJECT
 *     mangle INPUT   -p udp --sport 53 -j NFLOG --nflog-group N       answers, to learn names from
 *     mangle INPUT   -p udp --sport 5353:5355 -j NFLOG --nflog-group N    mDNS, LLMNR
 *     mangle INPUT   -p tcp --sport 53 -j NFLOG --nflog-group N
 *     mangle OUTPUT  the same three with --dport: questions, also of flows that are decided
 *     mangle OUTPUT  -m conntrack --ctstate NEW -m connmark ! --mark ALLOW/ALLOW
 *                    -j NFQUEUE --queue-num N --queue-bypass
 *     mangle OUTPUT  -p tcp --syn -m conntrack --ctstate NEW -m connmark --mark ALLOW/ALLOW
 *                    -j NFQUEUE --queue-num N --queue-bypass          another SYN before the answer to the first
 *
 * With read_sni a flow may begin before it is decided; both bits together say so:
 *
 *     mangle OUTPUT  -p tcp -m conntrack --ctdir ORIGINAL -m connmark --mark BOTH/BOTH
 *                    -j NFQUEUE --queue-num N+1 --queue-bypass      before the last rule
 *
 * With queue_forwarded, what other network namespaces and machines send through this one meets the same rules: those of filter
 * OUTPUT in filter FORWARD, those of mangle INPUT and OUTPUT in mangle FORWARD.
 *
 * On a kernel whose verdicts cannot write the conntrack mark (see queue_has_conntrack()) the packet
 * mark carries the same bits as far as filter OUTPUT, where these rules stand instead:
 *
 *     filter OUTPUT  -m mark --mark REJECT/BOTH -p tcp -j REJECT --reject-with tcp-reset
 *     filter OUTPUT  -m mark --mark REJECT/BOTH -j REJECT
 *     filter OUTPUT  -m mark --mark ALLOW/ALLOW -j CONNMARK --save-mark --mask BOTH
 *     filter OUTPUT  -m mark --mark ALLOW/ALLOW -j MARK --set-xmark 0/BOTH
 *
 * Filter first and mangle last when installing, the reverse when removing: nothing is queued before
 * the reject rules stand. The NFQUEUE rules lack --queue-bypass when fail_closed.
 */
#ifndef DAEMON_FIREWALL_H
#define DAEMON_FIREWALL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct firewall;

struct firewall_config {
	uint16_t queue_num;
	uint32_t mark_allow; /* one bit */
	uint32_t mark_reject; /* one bit */
	bool fail_closed;
	bool read_sni;
	bool queue_forwarded;
	bool packet_marks; /* verdicts set the packet mark: !queue_has_conntrack() */
};

int firewall_new(const struct firewall_config *config, struct firewall **ret);
void firewall_free(struct firewall *fw); /* leaves the rules alone */

/*
 * Puts exactly our rules in place, ours first in each chain; leftovers of a crashed run are
 * replaced, not doubled. A table that is as it should be is not touched. The first time it waits up
 * to 5 s for the xtables lock; after that, when packets wait for us, 100 ms. 0; ERR_BUSY (the lock
 * is taken: try again); or a code with a clear `err`.
 */
int firewall_install(struct firewall *fw, struct error *err);

/*
 * 0: all rules stand, once each, in our order (rules of others may stand between or before them);
 * ERR_NOT_FOUND: something is missing, doubled or changed, and `err` says what; or a code. Costs
 * one system call a table while nothing changed; every tenth call reads the tables in any case.
 */
int firewall_verify(struct firewall *fw, struct error *err);

/* Removes all rules with our comment (of this queue number). Nothing there is fine. */
int firewall_remove(struct firewall *fw, struct error *err);

#endif
