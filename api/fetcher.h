/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that fetches lists from the world, so that the console needs no way out.
 *
 * It is forked before the console gives anything up or reads a byte from outside, closes every inherited descriptor, becomes the
 * console's user, and closes a sandbox of its own: sockets of IPv4 and IPv6, no file that can be changed. Over the socket pair a
 * struct fetch_request comes with the descriptor of an empty file, and a struct fetch_result goes back when that one is written
 * and nobody else holds it. Each request is carried out by a worker, a process for this one alone: what a hostile server makes of it ends
 * with it, and one that hangs is killed. It ends with the console.
 *
 * It is no exception for the firewall: its connections are those of the console's executable, and the rules decide them.
 */
#ifndef API_FETCHER_H
#define API_FETCHER_H

#include "lib/err.h"

/* Our end of the socket pair (SOCK_SEQPACKET, non-blocking, CLOEXEC), or a code with `err`. */
int fetcher_start(struct error *err);

#endif
