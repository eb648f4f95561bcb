/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose program is at the other end of a TCP connection from this machine: the kernel says it (sock_diag), as
 * SO_PEERCRED does for Unix sockets. With `tcp_peer_users` set, only some may try.
 *
 * Nothing is cached: a look-up is two system calls, and only callers who have proven nothing cost one.
 */
#ifndef API_PEERS_H
#define API_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "api/options.h"
#include "lib/addr.h"

struct peers;

/*
 * A sock_diag socket of the network namespace of the caller, or a negative code. To be called before the seccomp filter closes:
 * afterwards no socket can be made.
 */
int peers_open(void);

/* Takes `fd` of peers_open(), which may be a code: then nobody is ever found. Returns owned, NULL when out of memory. */
struct peers *peers_new(int fd, int64_t group);
void peers_free(struct peers *p);

/* The address that a TCP connection was made to; false when there is none. */
bool peers_own_address(int fd, struct ip_addr *ret);

/*
 * Whether an unproven caller on this accepted TCP socket may try: always where `users` is empty; otherwise root, members of
 * the group and these users, as told by the owner of the socket at the other end. Callers from other machines may: only their
 * credentials count. One from this machine whose owner cannot be found may not.
 */
bool peers_may_try(struct peers *p, int fd, const struct config_list *users);

#endif
