/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages and assets. */
#include "config.h"

#include "api/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http.h"
#include "api/reply.h"
#include "lib/embedded.h"

extern const struct embedded web_assets[];
extern const size_t web_assets_n;
extern const struct embedded openapi_files[];

static int compare(const void *name, const void *asset)
{
	return strcmp(name, ((const struct embedded *)asset)->name);
}

static void reply_asset(struct http_request *req, const char *name)
{
	const struct embedded *a =
		bsearch(name, web_assets, web_assets_n, sizeof(*web_assets), compare);

	if (a)
		http_reply_static(req, a->content_type, a->etag, a->data, a->len);
	else
		http_reply_problem(req, 404, NULL, "there is nothing at this path");
}

void page_app(struct http_request *req)
{
	reply_asset(req, "templates/app.html");
}

void page_login(struct http_request *req)
{
	reply_asset(req, "templates/login.html");
}

void page_asset(struct http_request *req)
{
	char name[256];

	snprintf(name, sizeof(name), "static/%s", req->param[0]);
	reply_asset(req, name);
}

void openapi_get(struct http_request *req)
{
	const struct embedded *f = &openapi_files[0];

	http_reply_static(req, "application/json", f->etag, f->data, f->len);
}
