/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Live flows as the engine tells them, each tied to the connection in the history that began it; their events and routes.
 *
 * What went over a flow is written into that connection's row when it ends.
 */
#ifndef API_FLOWS_H
#define API_FLOWS_H

#include <stdint.h>

#include "daemon/ipc.h"

struct console;
struct flow_views;
struct http_request;

/* Returns owned, or NULL. Borrows `c`. */
struct flow_views *flow_views_new(struct console *c);
void flow_views_free(struct flow_views *v); /* NULL is fine */

/* Messages of the engine. `id` is the connection's in the history; 0: it is not recorded. */
void flows_begun(struct flow_views *v, const struct ipc_connection *msg, uint64_t id);
void flows_told(struct flow_views *v, const struct ipc_flow *msg);
void flows_traffic(struct flow_views *v, const struct ipc_flow_traffic *msg);
void flows_table(struct flow_views *v, const struct ipc_flow_table *msg);
void flows_end_result(struct flow_views *v, const struct ipc_flow_end_result *msg);

/* ---- handlers: /api/v1/flows */
void flows_list(struct http_request *req);
void flows_get(struct http_request *req);
void flows_delete(struct http_request *req);

#endif
