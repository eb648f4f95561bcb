/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a request may come in: everything that is decided before a handler sees it. */
#ifndef API_ADMISSION_H
#define API_ADMISSION_H

#include <stdbool.h>

struct exchange;
struct http_request;

/*
 * Judges the head of a request, in this order: Host (403), Origin (403), path and method (404, 405), who calls (401), the
 * scope (403), a cookie used from elsewhere (403), the body's size and type (413, 415). Sets the route, the
 * parameters and the caller, or refuses: then the reply is there.
 */
void admission_check(struct exchange *x, const char *method);

/* Whether the client announced a body. */
bool admission_has_body(struct http_request *req);

#endif
