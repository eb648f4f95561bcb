/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one epoll loop: watched descriptors, timers, and what runs before each wait. */
#ifndef API_LOOP_H
#define API_LOOP_H

#include <stdint.h>

struct loop;
struct watch;
struct timer;

typedef void (*watch_fn)(void *ctx, uint32_t events); /* EPOLLIN ... */
typedef void (*timer_fn)(void *ctx);

/* Returns owned, or NULL (no memory, or the kernel gives no epoll set). */
struct loop *loop_new(void);

/* Frees the loop with what is still on it; watched descriptors stay open. NULL is fine. */
void loop_free(struct loop *l);

/* Watches `fd` (borrowed, non-blocking). Returned until loop_unwatch(); NULL when out of memory. */
struct watch *loop_watch(struct loop *l, int fd, uint32_t events, watch_fn fn, void *ctx);

/* Safe inside any callback, also the watch's own. Call before closing the descriptor. NULL is fine. */
void loop_unwatch(struct loop *l, struct watch *w);

/* A timer that is off until loop_timer_set(). Belongs to the loop until loop_timer_free(). */
struct timer *loop_timer_new(struct loop *l, timer_fn fn, void *ctx);
void loop_timer_free(struct loop *l, struct timer *t);

/* Once, after `ms` (CLOCK_MONOTONIC; 0 = on the next turn). Setting again replaces. */
void loop_timer_set(struct timer *t, uint64_t ms);
void loop_timer_stop(struct timer *t);

/*
 * A hook for libraries with own timeouts: `fn` runs before each wait and returns the longest wait in ms that
 * it can bear, or -1. At most 16.
 */
int loop_before_wait(struct loop *l, int64_t (*fn)(void *ctx), void *ctx);

/* Runs until loop_stop(). 0, or ERR_IO when waiting fails. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
