/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages and assets, built in: they hold no data and need no log-in. */
#ifndef API_PAGES_H
#define API_PAGES_H

struct http_request;

void page_app(
	struct http_request *req); /* every page of the dashboard: its script looks at the path */
void page_login(struct http_request *req);
void page_asset(struct http_request *req);

/* GET /api/v1/openapi.json: the contract, to everybody. */
void openapi_get(struct http_request *req); /* /static/{*} */

#endif
