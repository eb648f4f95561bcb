/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One list fetched from its URL by libcurl, which nothing else of the console knows.
 *
 * The requests and results travel as these structs over a socket pair (api/fetcher.h); fetch_check_result() is for who receives one.
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
	uint32_t pad;
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

/* Before the first fetch_run(), while files may still be opened and code mapped. 0 or ERR_IO. */
int fetch_init(void);

/*
 * Fetches it into `fd`, an empty file: *ret always. Waits as long as it takes, at most request->timeout_ms. A list counts as whole
 * where the server said how long it is, or that this was all of it.
 */
void fetch_run(const struct fetch_request *request, int fd, struct fetch_result *ret);

/* Ends a result as a failure. */
void fetch_fail(struct fetch_result *ret, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts bytes from another process in order: strings end, text is text. ERR_MALFORMED for what is no result. */
int fetch_check_result(struct fetch_result *r, size_t len);

#endif
