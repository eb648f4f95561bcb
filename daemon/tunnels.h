/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which UDP ports the tunnels of our network namespace send to: VXLAN, GENEVE and bareudp devices. What carries a datagram through
 * such a tunnel is the kernel's, though it keeps the datagram's socket as its owner and is made in the sender's own context.
 *
 * The kernel tells of each change of a device; only then they are read again. Sources: rtnetlink(7), linux/if_link.h.
 */
#ifndef DAEMON_TUNNELS_H
#define DAEMON_TUNNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct tunnels;

/* Asks in the caller's network namespace from now on. 0, or a code with `err`. */
int tunnels_open(struct tunnels **ret, struct error *err);
void tunnels_close(struct tunnels *t); /* NULL is fine */

/* Whether a tunnel that there is now sends to this port. */
bool tunnels_has_port(struct tunnels *t, uint16_t port);

#endif
