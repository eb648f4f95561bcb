/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long somebody who guessed wrong must wait: longer after each failure, by address and for all together.
 *
 * An address's wait doubles from one second on; the wait of all begins only after LIMIT_LOGIN_FREE failures and stays
 * short, so that who guesses from many places is slowed and still locks nobody out. Failures are forgotten after
 * LIMIT_LOGIN_FORGET_S without another. Times are CLOCK_BOOTTIME in nanoseconds, given by the caller.
 */
#ifndef API_THROTTLE_H
#define API_THROTTLE_H

#include <stdint.h>

#include "lib/addr.h"

struct throttle;

/* Returned owned, NULL when out of memory. */
struct throttle *throttle_new(void);
void throttle_free(struct throttle *t);

/* Seconds until this address may try again, rounded up; 0: now. IPv6 addresses of one /64 are one. */
unsigned throttle_wait_s(const struct throttle *t, const struct ip_addr *from, uint64_t now_ns);

/* A try failed. When the table is full the address whose last failure is the oldest is forgotten. */
void throttle_failed(struct throttle *t, const struct ip_addr *from, uint64_t now_ns);

/* A try succeeded: the address starts afresh. */
void throttle_passed(struct throttle *t, const struct ip_addr *from);

#endif
