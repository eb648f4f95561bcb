/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of handlers: status, headers, JSON, conditions. */
#include "config.h"

#include "api/http.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/problem.h"
#include "api/reply.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/sha256.h"
#include "lib/utf8.h"

const char *http_query(struct http_request *req, const char *name)
{
	return req->transport->query(req, name);
}

struct ip_addr http_client_address(struct http_request *req)
{
	return req->transport->address(req);
}

const char *http_header(struct http_request *req, const char *name)
{
	return req->transport->header(req, name);
}

/* ---- the reply */

void http_reply_done(struct http_reply *r)
{
	free(r->body);
	for (unsigned i = 0; i < r->n_headers; i++) {
		free(r->headers[i].name);
		free(r->headers[i].value);
	}
	memset(r, 0, sizeof(*r));
}

static void out_of_memory(struct http_reply *r)
{
	static const char text[] = "{\"type\":\"urn:opensnitch:problem:unavailable\",\"title\":"
				   "\"Service Unavailable\","
				   "\"status\":503,\"detail\":\"out of memory\"}";

	r->status = 503;
	r->content_type = "application/problem+json";
	r->fixed_body = text;
	r->len = sizeof(text) - 1;
}

/* Everything is in the reply: it can go. */
static void finish(struct http_request *req, unsigned status)
{
	struct http_reply *r = req->reply;

	assert(!r->ready);
	if (r->status == 0)
		r->status = status;
	r->ready = true;
	if (r->deferred)
		req->transport->wake(req);
}

void http_reply_header(struct http_request *req, const char *name, const char *value)
{
	struct http_reply *r = req->reply;
	char *n = strdup(name), *v = strdup(value);

	assert(r->n_headers < REPLY_HEADERS_MAX);
	if (!n || !v) {
		free(n);
		free(v);
		return;
	}
	r->headers[r->n_headers].name = n;
	r->headers[r->n_headers++].value = v;
}

void http_reply_text_as(
	struct http_request *req, unsigned status, const char *content_type, char *text, size_t len)
{
	struct http_reply *r = req->reply;

	if (text) {
		r->content_type = content_type;
		r->body = text;
		r->len = len;
	} else {
		out_of_memory(r);
	}
	finish(req, status);
}

void http_reply_json_text(struct http_request *req, unsigned status, char *text, size_t len)
{
	http_reply_text_as(req, status, "application/json", text, len);
}

static char *dump(json_t *body, size_t *ret_len)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	*ret_len = text ? strlen(text) : 0;
	json_decref(body);
	return text;
}

void http_reply_json(struct http_request *req, unsigned status, json_t *body)
{
	size_t len;
	char *text = dump(body, &len);

	http_reply_json_text(req, status, text, len);
}

void http_reply_problem_json(struct http_request *req, unsigned status, json_t *problem)
{
	size_t len;
	char *text = dump(problem, &len);

	http_reply_text_as(req, status, "application/problem+json", text, len);
}

void http_reply_empty(struct http_request *req)
{
	finish(req, 204);
}

void http_reply_resource_tagged(struct http_request *req, unsigned status, json_t *body,
	const json_t *tagged, const char *location)
{
	const char *match = http_header(req, "If-None-Match");
	char etag[HTTP_ETAG_LEN];

	if (!body || !tagged || !http_etag(tagged, etag)) {
		json_decref(body);
		http_reply_json(req, status, NULL);
		return;
	}
	http_reply_header(req, "ETag", etag);
	if (location)
		http_reply_header(req, "Location", location);
	if (req->method == HTTP_GET && match && http_etag_listed(match, etag)) {
		json_decref(body);
		finish(req, 304);
		return;
	}
	http_reply_json(req, status, body);
}

void http_reply_resource(
	struct http_request *req, unsigned status, json_t *body, const char *location)
{
	http_reply_resource_tagged(req, status, body, body, location);
}

void http_reply_static(struct http_request *req, const char *content_type, const char *etag,
	const void *data, size_t len)
{
	const char *match = http_header(req, "If-None-Match");
	struct http_reply *r = req->reply;

	http_reply_header(req, "ETag", etag);
	r->is_public = true;
	if (match && http_etag_listed(match, etag)) {
		finish(req, 304);
		return;
	}
	r->content_type = content_type;
	r->fixed_body = data;
	r->len = len;
	finish(req, 200);
}

void http_reply_stream(
	struct http_request *req, const char *content_type, http_stream_fn read, void *ctx)
{
	req->reply->content_type = content_type;
	req->reply->stream = read;
	req->reply->stream_ctx = ctx;
	finish(req, 200);
}

void http_stream_wake(struct http_request *req)
{
	req->transport->wake(req);
}

void http_defer(struct http_request *req)
{
	req->reply->deferred = true;
}

/* ---- conditions */

bool http_etag(const json_t *resource, char ret[static HTTP_ETAG_LEN])
{
	_cleanup_free_ char *text = json_dumps(resource, JSON_COMPACT | JSON_SORT_KEYS);
	uint8_t digest[SHA256_LEN];

	if (!text)
		return false;
	sha256_of(text, strlen(text), digest);
	ret[0] = '"';
	hex_write(digest, 16, ret + 1);
	memcpy(ret + 33, "\"", 2);
	return true;
}

bool http_etag_listed(const char *list, const char *etag)
{
	size_t n = strlen(etag);

	if (strcmp(list, "*") == 0)
		return true;
	for (const char *p = list; (p = strstr(p, etag)); p += n)
		if ((p == list || strchr(", \t/", p[-1])) && (!p[n] || strchr(", \t", p[n])))
			return true;
	return false;
}

bool http_if_match(struct http_request *req, const json_t *current)
{
	const char *match = http_header(req, "If-Match");
	char etag[HTTP_ETAG_LEN];

	if (!match)
		return true;
	if (current && http_etag(current, etag) && http_etag_listed(match, etag))
		return true;
	http_reply_problem(req, 412, NULL, "the resource is not what If-Match says: read it again");
	return false;
}

/* ---- JSON */

json_t *http_merge_patch(const json_t *target, const json_t *patch)
{
	json_t *result, *value;
	const char *key;

	if (!json_is_object(patch))
		return json_deep_copy(patch);
	result = json_is_object(target) ? json_copy((json_t *)(uintptr_t)target) : json_object();
	if (!result)
		return NULL;
	json_object_foreach ((json_t *)(uintptr_t)patch, key, value) {
		json_t *merged;

		if (json_is_null(value)) {
			json_object_del(result, key);
			continue;
		}
		merged = http_merge_patch(json_object_get(result, key), value);
		if (json_object_set_new(result, key, merged) < 0) {
			json_decref(result);
			return NULL;
		}
	}
	return result;
}

json_t *http_json_text(const char *s, size_t len)
{
	/* A byte becomes at most four: "\xHH". */
	_cleanup_free_ char *clean = malloc(len * 4 + 8);

	if (!clean)
		return NULL;
	return json_stringn(clean, utf8_sanitize(s, len, clean, len * 4 + 8));
}

json_t *http_json_time(uint64_t real_us)
{
	char buf[CLOCK_TEXT_LEN];

	return real_us ? json_string(clock_format(real_us, buf)) : json_null();
}

const char *caller_kind_str(enum caller_kind kind)
{
	switch (kind) {
	case CALLER_TOKEN:
		return "token";
	case CALLER_SESSION:
		return "session";
	case CALLER_SOCKET:
		return "user";
	case CALLER_NOBODY:
		break;
	}
	return "nobody";
}
