/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of answering that api/http.c and api/problem.c share, and nobody else. */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include "api/http.h"

/* A problem document (taken) as application/problem+json. */
void http_reply_problem_json(struct http_request *req, unsigned status, json_t *problem);

/* Text of some type (static). Takes `text`; NULL makes it a 503. */
void http_reply_text_as(struct http_request *req, unsigned status, const char *content_type,
	char *text, size_t len);

/* Whether `etag` stands in an If-Match or If-None-Match list ("*" lists all; weak ones count). */
bool http_etag_listed(const char *list, const char *etag);

#endif
