/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET /api/v1/names: which host names an address has, which addresses a name, and from where that is known. */
#ifndef API_NAMES_H
#define API_NAMES_H

struct console;
struct http_request;
struct ipc_name;
struct ipc_names_end;

/* ?address= or ?name=, one of them. */
void names_list_handler(struct http_request *req);

/* Messages of the engine. */
void names_told(struct console *c, const struct ipc_name *msg);
void names_end(struct console *c, const struct ipc_names_end *msg);

#endif
