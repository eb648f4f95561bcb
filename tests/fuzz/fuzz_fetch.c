/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a fetcher says to the console: 'r' and a result, 'q' and a request, 'u' and a URL. */
#include "config.h"

#include <string.h>

#include "api/fetch.h"
#include "lib/utf8.h"
#include "tests/fuzz/fuzz.h"

static void check_tag(const char *s, size_t size)
{
	size_t len = strnlen(s, size);

	FUZZ_ASSERT(len < size);
	/* A line of a request's head can be made of it, and that line only. */
	for (size_t i = 0; i < len; i++)
		FUZZ_ASSERT(s[i] >= ' ' && s[i] <= '~');
	FUZZ_ASSERT(!len || (s[0] != ' ' && s[len - 1] != ' '));
}

static void check_result(const uint8_t *bytes, size_t size)
{
	struct fetch_result r;
	size_t len;

	/* As much as was received, as far as there is room: the rest is what stood there before. */
	memset(&r, 'x', sizeof(r));
	memcpy(&r, bytes, size < sizeof(r) ? size : sizeof(r));
	if (fetch_check_result(&r, size) < 0)
		return;
	FUZZ_ASSERT(size == sizeof(r) && r.end >= FETCH_FAILED && r.end <= FETCH_DONE);
	check_tag(r.etag, sizeof(r.etag));
	check_tag(r.last_modified, sizeof(r.last_modified));
	len = strnlen(r.message, sizeof(r.message));
	FUZZ_ASSERT(len < sizeof(r.message) && utf8_valid(r.message, len));
	/* Once more changes nothing. */
	FUZZ_ASSERT(fetch_check_result(&r, size) == 0 && strlen(r.message) == len);
}

static void check_request(const uint8_t *bytes, size_t size)
{
	struct fetch_request r;

	memset(&r, 'x', sizeof(r));
	memcpy(&r, bytes, size < sizeof(r) ? size : sizeof(r));
	if (fetch_check_request(&r, size) < 0)
		return;
	FUZZ_ASSERT(size == sizeof(r) && r.max_bytes && r.timeout_ms);
	FUZZ_ASSERT(strnlen(r.url, sizeof(r.url)) < sizeof(r.url));
	FUZZ_ASSERT(strnlen(r.etag, sizeof(r.etag)) < sizeof(r.etag));
	FUZZ_ASSERT(strnlen(r.last_modified, sizeof(r.last_modified)) < sizeof(r.last_modified));
}

static void check_url(const uint8_t *bytes, size_t size)
{
	char *url = calloc(1, size + 1);
	struct error err = { 0 };
	const char *authority;

	FUZZ_ASSERT(url);
	memcpy(url, bytes, size);
	if (fetch_check_url(url, &err) < 0) {
		FUZZ_ASSERT(err.message[0]);
	} else {
		FUZZ_ASSERT(strlen(url) <= LIMIT_FETCH_URL);
		authority = strstr(url, "://");
		FUZZ_ASSERT(authority);
		authority += 3;
		FUZZ_ASSERT(!memchr(authority, '@', strcspn(authority, "/?#")));
		for (const char *c = url; *c; c++)
			FUZZ_ASSERT(*c > ' ' && *c <= '~');
	}
	free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (!size)
		return 0;
	copy = fuzz_copy(data + 1, size - 1);
	if (data[0] == 'r')
		check_result(copy, size - 1);
	else if (data[0] == 'q')
		check_request(copy, size - 1);
	else if (data[0] == 'u')
		check_url(copy, size - 1);
	free(copy);
	return 0;
}
