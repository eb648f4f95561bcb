/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET /api/v1/stats: how many connections, by what, and when.
 *
 * Counted slice by slice between other work (db/history_stats.h), so that a question about a million rows holds up nobody.
 */
#ifndef API_STATS_H
#define API_STATS_H

struct http_request;

void stats_get(struct http_request *req);

#endif
