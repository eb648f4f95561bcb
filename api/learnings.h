/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Learnings whose proposal was dealt with, so that no browser offers it again. A learning itself is a rule that allows for a while; when
 * it was, its history knows.
 */
#ifndef API_LEARNINGS_H
#define API_LEARNINGS_H

struct http_request;

/* GET /api/v1/learnings/done: {"items":[{"name","from"}]}, newest first. */
void learnings_done_get(struct http_request *req);

/* POST /api/v1/learnings/done {"name","from"}: 204, also again. */
void learnings_done_post(struct http_request *req);

#endif
