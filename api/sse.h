/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Server-sent events: one ring of recent events, and clients that each stand somewhere in it.
 *
 * Events are kept once, whoever listens, so that a client can come back with Last-Event-ID; a client
 * costs a position, not a queue. One that falls behind (LIMIT_SSE_CLIENT_BYTES, or the ring went round)
 * gets `reset` and goes on from now. A connection event is kept as the engine's bytes and made
 * JSON when somebody reads it: thousands a second cost next to nothing while nobody looks.
 */
#ifndef API_SSE_H
#define API_SSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/http.h"
#include "daemon/ipc.h"

enum sse_type {
	SSE_PROMPT_OPENED,
	SSE_PROMPT_UPDATED,
	SSE_PROMPT_CLOSED,
	SSE_CONNECTION,
	SSE_RULE_CREATED,
	SSE_RULE_UPDATED,
	SSE_RULE_DELETED,
	SSE_FLOW_UPDATED,
	SSE_FLOW_CLOSED,
	SSE_STATS,
	SSE_ALERT,
	SSE_CONFIG_CHANGED,
	SSE_RESET,
	SSE_TYPE_COUNT_,
};

/* "prompt.opened" ...; never NULL. */
const char *sse_type_str(enum sse_type t);

struct loop;
struct sse;
struct sse_client;

struct sse_hooks {
	/* The number of clients that take prompt events and may answer them has changed. */
	void (*clients_changed)(void *ctx, unsigned n);
	/* A client came: tell it what is open, with sse_greet(). */
	void (*greet)(void *ctx, struct sse_client *client);
	void *ctx;
};

/* Returns owned, or NULL. Borrows `loop`. */
struct sse *sse_new(struct loop *loop, const struct sse_hooks *hooks);

/* All clients must be gone (the server stopped). NULL is fine. */
void sse_free(struct sse *s);

/* Publishes an event; `data` is the same object as the REST resource. Takes `data`; NULL (no memory) is dropped. */
void sse_publish(struct sse *s, enum sse_type type, json_t *data);

/* The same with ready JSON text (borrowed, without line breaks). */
void sse_publish_text(struct sse *s, enum sse_type type, const char *text, size_t len);

/*
 * A decided connection: the engine's checked message (borrowed) and its id in the history. Kept as it is until a
 * client reads it; clients are woken for it a few times a second at most.
 */
void sse_publish_connection(struct sse *s, const struct ipc_connection *msg, uint64_t id);

/* An event for one client only, at its start. Borrows. */
void sse_greet(struct sse_client *client, enum sse_type type, const char *text, size_t len);

/* Whether any client takes events of this type. */
bool sse_is_wanted(const struct sse *s, enum sse_type type);

/* Clients now: all, and those that can answer prompts. */
unsigned sse_clients(const struct sse *s);
unsigned sse_prompt_clients(const struct sse *s);

/* GET /api/v1/events */
void events_get(struct http_request *req);

/*
 * "prompt.opened,connection", also "prompt.*"; NULL is everything. Sets *ret to bits 1 << enum sse_type and returns
 * NULL, or the name that is unknown (inside `text`, up to the next comma).
 */
const char *sse_types_parse(const char *text, unsigned *ret);

#endif
