/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which network namespaces are behind an interface of the guarded one: at the other end of a veth pair, or of one that is a port of
 * a bridge. A namespace is known to the kernel here by a number (nsid), which is asked for and compared; so who merely says
 * that it sends from such an address is told from who can.
 *
 * What the kernel said of an interface is believed for 2 s. Sources: rtnetlink(7), linux/net_namespace.h, ip-netns(8).
 */
#ifndef DAEMON_INGRESS_H
#define DAEMON_INGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/limits.h"

struct ingress;
struct process;

/* Asks in the caller's network namespace from now on. `proc_root` is "/proc", `names_dir` where ip-netns(8) has its names. 0, or a code with `err`. */
int ingress_open(
	const char *proc_root, const char *names_dir, struct ingress **ret, struct error *err);
void ingress_close(struct ingress *in); /* NULL is fine */

/* Whether the namespace that this process was seen in is behind the interface. False also where that cannot be told any more. */
bool ingress_leads_to(struct ingress *in, uint32_t ifindex, const struct process *p);

/* Whether any namespace is behind the interface; another machine is behind all others. */
bool ingress_has_any(struct ingress *in, uint32_t ifindex);

/*
 * The name of the namespace that a process behind the interface is in: as ip-netns(8) knows it, else the container that its processes are
 * in. With NULL, of the only namespace behind it; of several behind a bridge, of the one at whose port the sender of a packet with the
 * hardware address `mac` (6 bytes; NULL: not known) was seen last, which is where this packet came in. False: there is no name, or it may be any.
 */
bool ingress_name(struct ingress *in, uint32_t ifindex, const uint8_t *mac, const struct process *p,
	char ret[static LIMIT_NETNS_NAME + 1]);

#endif
