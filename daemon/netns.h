/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network namespace that is guarded. */
#ifndef DAEMON_NETNS_H
#define DAEMON_NETNS_H

#include "lib/err.h"

/*
 * Enters the namespace: a name under /run/netns, or a path with a '/'. *ret_home is a descriptor of the namespace left (owned, for
 * setns back), and 0; or a code with `err`, and nothing changed. network_namespaces(7)
 */
int netns_enter(const char *name, int *ret_home, struct error *err);

#endif
