/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What fetches lists from the world, so that the console needs no way out: a launcher, and a program for each list.
 *
 * The launcher is forked before the console gives anything up or reads a byte from outside. It closes every inherited
 * descriptor, becomes the console's user, and closes a sandbox of its own: no file can be changed, and the one program that can be
 * executed is opensnitch-fetcher. Over the socket pair a struct fetch_request comes with the descriptor of an empty file, and a
 * struct fetch_result goes back when that one is written and nobody else holds it. It never sees a byte of a list.
 *
 * Each request is carried out by an opensnitch-fetcher for this one alone (api/fetcher_main.c). It reads the request from its
 * channel, closes its sandbox further (no program, process or code can be added), fetches, and answers there. What a hostile server
 * makes of it ends with it, and one that hangs is killed. So libcurl and its TLS library take memory only while a list is fetched.
 * Both end with the console.
 *
 * It is no exception for the firewall: its connections are those of opensnitch-fetcher, and the rules decide them.
 */
#ifndef API_FETCHER_H
#define API_FETCHER_H

#include "lib/err.h"

/* Descriptors that opensnitch-fetcher is born with, beside the standard ones. */
enum {
	FETCHER_FD_CHANNEL = 3, /* a struct fetch_request comes, a struct fetch_result goes */
	FETCHER_FD_FILE = 4, /* where the list goes: empty, for writing */
	FETCHER_FD_JOURNAL =
		6, /* the journal's socket, where standard error is the journal; or nothing */
};

/* Our end of the launcher's socket pair (SOCK_SEQPACKET, non-blocking, CLOEXEC), or a code with `err`. */
int fetcher_start(struct error *err);

#endif
