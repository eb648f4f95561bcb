/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routes of lists: the folders that rules name (GET alone), and the lists from a URL. */
#ifndef API_LIST_ROUTES_H
#define API_LIST_ROUTES_H

#include <jansson.h>

#include "lib/operand.h"

struct console;
struct http_request;
struct rule_book;
struct subscription;

void route_lists_list(struct http_request *req);
void route_lists_create(struct http_request *req);
void route_lists_get(struct http_request *req);
void route_lists_patch(struct http_request *req);
void route_lists_delete(struct http_request *req);
void route_lists_refresh(struct http_request *req);

/* The names of the enabled rules that name this folder for this operand. Returns owned, or NULL. */
json_t *list_rules_json(const struct rule_book *book, enum operand operand, const char *folder);

/* One list from a URL with its state. Returns owned, or NULL. */
json_t *subscription_json(const struct console *c, const struct subscription *sub);

#endif
