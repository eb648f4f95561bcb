/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One list to be fetched from its URL: what is asked for, and what came of it.
 *
 * Requests and results travel as these structs from the console over its launcher to opensnitch-fetcher and back (api/fetcher.h);
 * fetch_check_request() and fetch_check_result() are for who receives one.
 */
#ifndef API_FETCH_H
#define API_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/limits.h"

struct fetch_request {
	uint64_t id; /* the caller's */
	uint64_t max_bytes; /* of the list; 1 or more */
	uint32_t timeout_ms; /* for all of it; 1 or more */
	uint32_t log_format; /* enum log_format: how the program that fetches logs */
	char url[LIMIT_FETCH_URL + 1]; /* one that fetch_check_url() took */
	char etag[LIMIT_FETCH_TAG + 1]; /* of the copy that is there; "": none */
	char last_modified[LIMIT_FETCH_TAG + 1];
};

enum fetch_end {
	FETCH_FAILED = 1, /* `message` says why */
	FETCH_UNCHANGED = 2, /* the copy that is there is as good as ever */
	FETCH_DONE = 3, /* it is in the file, whole */
};

struct fetch_result {
	uint64_t id;
	uint64_t bytes;
	uint32_t end; /* enum fetch_end */
	char etag[LIMIT_FETCH_TAG + 1]; /* "": the server told none that is worth keeping */
	char last_modified[LIMIT_FETCH_TAG + 1];
	char message[256];
};

/*
 * Whether this is a URL that lists may come from: https, http or file; a host where there must be one and none where there must
 * not; no user or password in it, as everybody who may read sees it; at most LIMIT_FETCH_URL bytes. 0, or ERR_INVALID with `err`.
 */
int fetch_check_url(const char *url, struct error *err);

/* Ends a result as a failure. */
void fetch_fail(struct fetch_result *ret, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Keeps the value of a header line (`len` bytes after its colon) without the white space around it; "" for one that is no text or too long. */
void fetch_keep_tag(char ret[static LIMIT_FETCH_TAG + 1], const char *s, size_t len);

/* Puts bytes from another process in order: strings end. ERR_MALFORMED for what is no request. */
int fetch_check_request(struct fetch_request *r, size_t len);

/* The same for a result, whose text is text as well. ERR_MALFORMED for what is no result. */
int fetch_check_result(struct fetch_result *r, size_t len);

#endif
