/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which UDP ports the tunnels of our network namespace send to: VXLAN and GENEVE devices. What carries a datagram through
 * such a tunnel is the kernel's, though it keeps the datagram's socket as its owner and is made in the sender's own context.
 *
 * The kernel tells of each change of a device; only then they are read again. Sources: rtnetlink(7), linux/if_link.h.
 */
#ifndef DAEMON_TUNNELS_H
#define DAEMON_TUNNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct tunnels;

/* Asks in the caller's network namespace from now on. 0, or a code with `err`. */
int tunnels_open(struct tunnels **ret, struct error *err);
void tunnels_close(struct tunnels *t); /* NULL is fine */

/* Whether these first bytes of a datagram's data begin as what such a tunnel sends (RFC 7348, RFC 8926). Anybody can write them. */
bool tunnels_is_header(const uint8_t *data, size_t len);

/* Whether a tunnel that there is now sends to this port. */
bool tunnels_has_port(struct tunnels *t, uint16_t port);

#endif
