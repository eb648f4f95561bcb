/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests that wait for an answer of the engine: a number goes with the question, the answer brings it back. A client that goes away,
 * and an engine that does not answer in time (503), are taken care of here.
 */
#ifndef API_ENGINE_ASK_H
#define API_ENGINE_ASK_H

#include <jansson.h>
#include <stdint.h>

struct console;
struct engine_asks;
struct http_request;
struct ipc_builder;

/* Returns owned, or NULL. Borrows `c`. */
struct engine_asks *engine_asks_new(struct console *c);

/* The server has stopped. NULL is fine. */
void engine_asks_free(struct engine_asks *a);

/* The number for a new question. */
uint64_t engine_ask_number(struct engine_asks *a);

/* Sends the question in `b`, whose number is `request`, and defers the answer of `req`; or answers it with 503. */
void engine_ask(
	struct engine_asks *a, struct http_request *req, uint64_t request, struct ipc_builder *b);

/* One item of an answer: kept until the end. Takes `item`; one that nobody waits for is dropped. */
void engine_ask_item(struct engine_asks *a, uint64_t request, json_t *item);

/*
 * The answer is complete: the request (NULL: nobody waits any more), with the items so far in *ret_items (owned; an empty array when there
 * were none). The caller answers it.
 */
struct http_request *engine_ask_end(struct engine_asks *a, uint64_t request, json_t **ret_items);

#endif
