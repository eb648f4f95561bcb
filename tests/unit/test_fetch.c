/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists from a URL: which URLs, when, and what a fetcher may say. libcurl is the referee of the URLs. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "api/fetch.h"
#include "api/subscriptions.h"
#include "lib/cleanup.h"
#include "lib/utf8.h"
#include "tests/unit/random_kit.h"

#define MINUTE UINT64_C(60000000) /* µs */
#define HOUR (60 * MINUTE)

/* ---- URLs */

static void test_urls_that_lists_come_from(void **state)
{
	static const char *const good[] = { "http://localhost", "HTTPS://LISTS.example/hosts.txt",
		"https://lists.example:8443/a?b=c#d", "http://127.0.0.1:1/", "http://[::1]/",
		"http://[2001:db8::1]:65535/x", "https://xn--bcher-kva.example/%20",
		"http://a_b.example?x", "file:///x", "FILE:///etc/lists/a%20b", "https://h/a@b:c",
		"https://h?user@host", "http://h#a@b" };

	(void)state;
	for (size_t i = 0; i < array_len(good); i++) {
		struct error err = { 0 };

		if (fetch_check_url(good[i], &err) < 0)
			fail_msg("%s: %s", good[i], err.message);
	}
}

static void test_urls_that_they_do_not_come_from(void **state)
{
	static const struct {
		const char *url, *why;
	} bad[] = {
		{ "", "bytes" },
		{ "x", "begin with" },
		{ "-x", "begin with" },
		{ "//host/x", "begin with" },
		{ "http:/host", "begin with" },
		{ "http:host", "begin with" },
		{ "ftp://host/", "begin with" },
		{ "httpx://host/", "begin with" },
		{ "javascript:alert(1)", "begin with" },
		{ "file:x", "begin with" },
		{ "file:/x", "begin with" },
		{ "file://x", "begin with" },
		{ "file://host/x", "begin with" },
		{ "file:///", "no file" },
		{ "http://", "no host" },
		{ "http:///", "no host" },
		{ "http:///x", "no host" },
		{ "http://?x", "no host" },
		{ "http://#x", "no host" },
		{ "http://:80/", "no host" },
		{ "https://u:p@host/", "password" },
		{ "https://u@host/", "password" },
		{ "https://@host/", "password" },
		{ "https://[::1]@host/", "password" },
		{ "http://h%6fst/", "character" },
		{ "http://ho\\st/", "character" },
		{ "http://ho,st/", "character" },
		{ "http://ho[st]/", "character" },
		{ "http://[]/", "IPv6" },
		{ "http://[::1/", "IPv6" },
		{ "http://[::1%25eth0]/", "IPv6" },
		{ "http://[x]/", "IPv6" },
		{ "http://[::1::1]/", "IPv6" },
		{ "http://[127.0.0.1]/", "IPv6" },
		{ "http://[::1]x/", "character" },
		{ "http://host:/", "port" },
		{ "http://host:0/", "port" },
		{ "http://host:65536/", "port" },
		{ "http://host:99999/", "port" },
		{ "http://host:4294967376/", "port" },
		{ "http://host:8o/", "port" },
		{ "http://host:-1/", "port" },
		{ "http://host:80:80/", "port" },
		{ "http://h/ x", "printable" },
		{ " http://h/", "printable" },
		{ "http://h/\t", "printable" },
		{ "http://h/\r\nX: y", "printable" },
		{ "http://h/\xc3\xa4", "printable" },
		{ "http://h/\x7f", "printable" },
	};

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++) {
		struct error err = { 0 };

		if (fetch_check_url(bad[i].url, &err) != ERR_INVALID)
			fail_msg("%s was taken", bad[i].url);
		if (!strstr(err.message, bad[i].why))
			fail_msg("%s: %s", bad[i].url, err.message);
	}
}

static void test_length_of_a_url(void **state)
{
	char url[LIMIT_FETCH_URL + 2] = "https://h/";

	(void)state;
	memset(url + 10, 'x', LIMIT_FETCH_URL - 10);
	assert_int_equal(fetch_check_url(url, NULL), 0);
	strcat(url, "x");
	assert_int_equal(fetch_check_url(url, NULL), ERR_INVALID);
}

/* What the console takes, libcurl takes for the same: the same scheme, no user, the host that stands there. */
static void compare_with_curl(const char *url)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL, *user = NULL;
	const char *there = strstr(url, "://") + 3;

	bool is_taken = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK;

	/* But for the letter of a drive at the start of a file's path, which is its fetcher's to tell. */
	if (!is_taken && strncasecmp(url, "file:", 5) != 0)
		fail_msg("libcurl does not take %s", url);
	if (!is_taken) {
		curl_url_cleanup(u);
		return;
	}
	assert_int_equal(curl_url_get(u, CURLUPART_SCHEME, &scheme, 0), CURLUE_OK);
	assert_int_equal(strncasecmp(url, scheme, strlen(scheme)), 0);
	assert_int_not_equal(curl_url_get(u, CURLUPART_USER, &user, 0), CURLUE_OK);
	if (strcmp(scheme, "file") != 0) {
		assert_int_equal(curl_url_get(u, CURLUPART_HOST, &host, 0), CURLUE_OK);
		if (strchr(host, '.') == NULL && strncasecmp(there, host, strlen(host)) != 0)
			fail_msg("%s: libcurl goes to %s", url, host);
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	curl_url_cleanup(u);
}

static void test_libcurl_reads_them_the_same(void **state)
{
	static const char *const parts[] = { "http", "https", "file", "://", ":", "/", "//", "@",
		"[", "]", "::1", "h", "host", "x.example", "%", "%41", "?", "#", "80", "65535", "0",
		".", "..", "-", "_", "\\", "a", "=", "&", ";", "," };
	struct random_state rnd = { 1 };
	unsigned taken = 0;

	(void)state;
	for (int n = 0; n < 200000; n++) {
		char url[256] = "";
		unsigned n_parts = 1 + random_below(&rnd, 8);

		if (random_below(&rnd, 4))
			snprintf(url, sizeof(url), "%s://", parts[random_below(&rnd, 3)]);
		for (unsigned i = 0; i < n_parts; i++)
			strcat(url, parts[random_below(&rnd, array_len(parts))]);
		if (fetch_check_url(url, NULL) == 0) {
			taken++;
			compare_with_curl(url);
		}
	}
	assert_in_range(taken, 1000, 199000);
}

/* ---- when */

static void test_the_first_and_the_next_time(void **state)
{
	struct subscription sub = { .row.enabled = true, .interval_ms = 24 * HOUR / 1000 };
	uint64_t now = 1000 * HOUR;

	(void)state;
	/* Never fetched: at once. Then after the interval, also where that is over. */
	assert_int_equal(subscription_due_us(&sub, now), now);
	sub.row.checked_us = now;
	assert_int_equal(subscription_due_us(&sub, now), now + 24 * HOUR);
	assert_int_equal(subscription_due_us(&sub, now + 100 * HOUR), now + 24 * HOUR);
	/* The clock was set back behind the last fetch. */
	assert_int_equal(subscription_due_us(&sub, now - 1), now - 1);
	/* Somebody asks, also for one that is off. */
	sub.is_wanted = true;
	assert_int_equal(subscription_due_us(&sub, now + 5), now + 5);
	sub.row.enabled = false;
	assert_int_equal(subscription_due_us(&sub, now + 5), now + 5);
	sub.is_wanted = false;
	assert_int_equal(subscription_due_us(&sub, now + 5), 0);
}

static void test_failures_are_tried_again(void **state)
{
	static const unsigned minutes[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024 };
	struct subscription sub = { .row.enabled = true, .interval_ms = 24 * HOUR / 1000 };
	uint64_t now = 1000 * HOUR;

	(void)state;
	sub.row.checked_us = now;
	for (uint32_t i = 0; i < array_len(minutes); i++) {
		sub.row.failures = i + 1;
		assert_int_equal(subscription_due_us(&sub, now), now + minutes[i] * MINUTE);
	}
	/* Never later than the interval, however often it failed. */
	for (uint32_t n = 12; n < 200; n++) {
		sub.row.failures = n;
		assert_int_equal(subscription_due_us(&sub, now), now + 24 * HOUR);
	}
	sub.row.failures = UINT32_MAX;
	assert_int_equal(subscription_due_us(&sub, now), now + 24 * HOUR);
	sub.interval_ms = 90 * 24 * HOUR / 1000;
	assert_int_equal(subscription_due_us(&sub, now), now + 4096 * MINUTE);
	sub.interval_ms = 5 * MINUTE / 1000;
	sub.row.failures = 3;
	assert_int_equal(subscription_due_us(&sub, now), now + 4 * MINUTE);
	sub.row.failures = 4;
	assert_int_equal(subscription_due_us(&sub, now), now + 5 * MINUTE);
}

/* ---- what a fetcher says */

static void test_results_are_put_in_order(void **state)
{
	struct fetch_result r = { .id = 7, .end = FETCH_DONE };

	(void)state;
	memset(r.etag, 'x', sizeof(r.etag));
	snprintf(r.last_modified, sizeof(r.last_modified), "  Mon\r\n");
	memset(r.message, '\xff', sizeof(r.message));
	assert_int_equal(fetch_check_result(&r, sizeof(r)), 0);
	assert_int_equal(strlen(r.etag), LIMIT_FETCH_TAG);
	assert_string_equal(r.last_modified, "Mon");
	assert_true(strlen(r.message) < sizeof(r.message));
	assert_true(utf8_valid(r.message, strlen(r.message)));
	snprintf(r.etag, sizeof(r.etag), "a\nX-Evil: b");
	assert_int_equal(fetch_check_result(&r, sizeof(r)), 0);
	assert_string_equal(r.etag, "");
	for (size_t len = 0; len < 2 * sizeof(r); len++)
		if (len != sizeof(r))
			assert_int_equal(fetch_check_result(&r, len), ERR_MALFORMED);
	for (uint32_t end = 0; end < 100; end++) {
		r.end = end;
		assert_int_equal(fetch_check_result(&r, sizeof(r)),
			end >= FETCH_FAILED && end <= FETCH_DONE ? 0 : ERR_MALFORMED);
	}
}

static void test_requests_are_put_in_order(void **state)
{
	struct fetch_request r = { .max_bytes = 1, .timeout_ms = 1 };

	(void)state;
	memset(r.url, 'x', sizeof(r.url));
	memset(r.etag, 'x', sizeof(r.etag));
	memset(r.last_modified, 'x', sizeof(r.last_modified));
	assert_int_equal(fetch_check_request(&r, sizeof(r) - 1), ERR_MALFORMED);
	assert_int_equal(fetch_check_request(&r, sizeof(r)), 0);
	assert_int_equal(strlen(r.url), LIMIT_FETCH_URL);
	assert_int_equal(strlen(r.etag), LIMIT_FETCH_TAG);
	assert_int_equal(strlen(r.last_modified), LIMIT_FETCH_TAG);
	r.timeout_ms = 0;
	assert_int_equal(fetch_check_request(&r, sizeof(r)), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls_that_lists_come_from),
		cmocka_unit_test(test_urls_that_they_do_not_come_from),
		cmocka_unit_test(test_length_of_a_url),
		cmocka_unit_test(test_libcurl_reads_them_the_same),
		cmocka_unit_test(test_the_first_and_the_next_time),
		cmocka_unit_test(test_failures_are_tried_again),
		cmocka_unit_test(test_results_are_put_in_order),
		cmocka_unit_test(test_requests_are_put_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
