/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The routes of decided connections. */
#ifndef API_CONNECTIONS_H
#define API_CONNECTIONS_H

struct http_request;

/* GET /api/v1/connections, GET /api/v1/connections/{id} */
void connections_list(struct http_request *req);
void connections_get(struct http_request *req);

#endif
