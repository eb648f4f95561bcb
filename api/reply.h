/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An answer as data, and what carries a request: the seam between api/http.c and libmicrohttpd.
 *
 * Handlers do not include this. The server makes a reply for each request and sends it when `ready`; a unit test
 * can do the same without any socket.
 */
#ifndef API_REPLY_H
#define API_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "api/http.h"

#define REPLY_HEADERS_MAX 8

/*
 * The bytes of a stream: writes at most `max` (more than 0) and returns how many; 0 when there is nothing now
 * (http_stream_wake() when there is); -1 to end it.
 */
typedef ssize_t (*http_stream_fn)(void *ctx, char *buf, size_t max);

struct http_reply {
	bool ready; /* answered: everything below holds */
	bool deferred;
	bool is_public; /* a page or asset: clients may keep it and ask by ETag */
	unsigned status;
	const char *content_type; /* static; NULL without a body */
	char *body; /* owned; NULL when fixed_body or stream is used */
	size_t len;
	const void *fixed_body; /* static bytes */
	http_stream_fn stream;
	void *stream_ctx;
	unsigned n_headers;
	struct {
		char *name, *value; /* owned */
	} headers[REPLY_HEADERS_MAX];
};

struct http_transport {
	const char *(*header)(struct http_request *req, const char *name);
	const char *(*query)(struct http_request *req, const char *name);
	/* Calls `fn` for each query parameter until it returns false; false then. */
	bool (*each_query)(struct http_request *req,
		bool (*fn)(void *ctx, const char *name, const char *value), void *ctx);
	/* The client's IP address; family 0 on a Unix socket. */
	struct ip_addr (*address)(struct http_request *req);
	/* A deferred request was answered, or its stream has bytes again. */
	void (*wake)(struct http_request *req);
};

/* Frees what the reply holds, and clears it. */
void http_reply_done(struct http_reply *r);

/* A body of static bytes, with its ETag; a matching If-None-Match makes it 304. */
void http_reply_static(struct http_request *req, const char *content_type, const char *etag,
	const void *data, size_t len);

/* An endless body made as it is read. The request's on_end is called when the client is gone. */
void http_reply_stream(
	struct http_request *req, const char *content_type, http_stream_fn read, void *ctx);

/* The stream of this request has bytes again. */
void http_stream_wake(struct http_request *req);

/* "urn:opensnitch:problem:" slug that is usual for a status, and its title. Never NULL. */
const char *http_status_slug(unsigned status);
const char *http_status_title(unsigned status);

#endif
