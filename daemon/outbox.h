/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages on their way to the console. Nothing here waits: what the socket does not take stays in a bounded
 * backlog; past the bound connection events are lost (and counted), and a console that takes nothing
 * at all is reported as stuck.
 *
 * Two lanes: urgent messages (prompts, results, status) go at once and before all else; connection events gather
 * and go together from a timer, so that the console wakes up some fifty times a second at most.
 */
#ifndef DAEMON_OUTBOX_H
#define DAEMON_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Messages here are those of ipc.h, finished by ipc_end(). */
struct outbox;

struct outbox *outbox_new(void);
void outbox_free(struct outbox *o);

/* Where to send; -1: nowhere just now. Urgent messages of the old console are forgotten, events are kept. */
void outbox_set_fd(struct outbox *o, int fd);

/* Queues an urgent message (bytes are copied). False: no console, or no memory or room (the console is stuck). */
bool outbox_urgent(struct outbox *o, const void *msg, size_t len);

/*
 * Queues an event. False: it is lost. One process gets two thirds of the room that the others leave, and so does the traffic of all
 * flows: who floods loses its own connections, and not those of others.
 */
bool outbox_event(struct outbox *o, const void *msg, size_t len);

/* Bytes of the events that wait, of LIMIT_IPC_BACKLOG / 2 at most. */
size_t outbox_events_size(const struct outbox *o);

/* Whether events wait. */
bool outbox_has_events(const struct outbox *o);

/*
 * Sends urgent messages, and events too with `events`. 0: all is sent; ERR_AGAIN: the socket is full (wait for
 * EPOLLOUT); ERR_CLOSED or ERR_IO: the console is gone.
 */
int outbox_flush(struct outbox *o, bool events);

/* CLOCK_MONOTONIC of the moment since which the socket has taken nothing; 0: it takes. */
uint64_t outbox_stuck_since_ns(const struct outbox *o);

#endif
