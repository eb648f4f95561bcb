/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The optional password for logging in without a shell on the machine. None is set at first.
 *
 * Hashed with argon2id (libsodium): unlike tokens and cookies, which have 256 random bits and need no more than SHA-256, a
 * password can be guessed, so each guess is made slow and costly. The cost is bounded as well (PASSWORD_MEMORY,
 * PASSWORD_PASSES): the one loop of the console stands still meanwhile, and a prompt's answer must not wait for long.
 */
#ifndef API_PASSWORD_H
#define API_PASSWORD_H

#include "api/http.h"
#include "lib/addr.h"

struct password;
struct store;

/* Returns owned, NULL when out of memory. Borrows `store`; NULL, or one that cannot be read: no password is set. */
struct password *password_new(struct store *store);
void password_free(struct password *p);

/*
 * Holds a guess from this address against the password. 0; ERR_PERMISSION when it is wrong or none is set; ERR_BUSY, and
 * *ret_wait_s, when this address, or everybody, has to wait first: then the guess was not looked at.
 */
int password_check(
	struct password *p, const char *guess, const struct ip_addr *from, unsigned *ret_wait_s);

/* ---- handlers: /api/v1/password */
void password_get(struct http_request *req);
void password_put(struct http_request *req);
void password_delete(struct http_request *req);

#endif
