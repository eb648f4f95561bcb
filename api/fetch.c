/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which URLs lists come from, and results put in order. */
#include "config.h"

#include "api/fetch.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/log.h"
#include "lib/utf8.h"

#define HOST_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"
#define IPV6_CHARS "abcdefABCDEF0123456789:."

/* ---- URLs */

static bool is_text(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

/* "": none is said. Otherwise :1 to :65535. */
static bool is_port(const char *s, size_t len)
{
	unsigned port = 0;

	if (len == 0)
		return true;
	if (s[0] != ':' || len < 2 || len > 6)
		return false;
	for (size_t i = 1; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		port = port * 10 + (unsigned)(s[i] - '0');
	}
	return port >= 1 && port <= UINT16_MAX;
}

/* The length of [ADDRESS] at the start of `s`, or 0. */
static size_t ipv6_len(const char *s)
{
	char text[INET6_ADDRSTRLEN];
	size_t len = strspn(s + 1, IPV6_CHARS);
	struct in6_addr addr;

	if (s[len + 1] != ']' || len >= sizeof(text))
		return 0;
	memcpy(text, s + 1, len);
	text[len] = '\0';
	return inet_pton(AF_INET6, text, &addr) == 1 ? len + 2 : 0;
}

/* What stands between the two slashes and the path, RFC 3986 section 3.2, without the user. */
static int check_authority(const char *s, size_t len, struct error *err)
{
	bool is_ipv6 = *s == '[';
	size_t host = is_ipv6 ? ipv6_len(s) : strspn(s, HOST_CHARS);

	if (memchr(s, '@', len))
		return error_set(err, ERR_INVALID, NULL,
			"must not have a user or password in it: everybody who may read lists sees "
			"it");
	if (len == 0 || *s == ':')
		return error_set(err, ERR_INVALID, NULL, "has no host");
	if (is_ipv6 && !host)
		return error_set(err, ERR_INVALID, NULL, "has no IPv6 address between [ and ]");
	if (host == 0 || (host < len && s[host] != ':'))
		return error_set(
			err, ERR_INVALID, NULL, "has a character in its host that cannot be there");
	if (!is_port(s + host, len - host))
		return error_set(err, ERR_INVALID, NULL, "has a port that is none");
	return 0;
}

/* Past "SCHEME://", or NULL. Schemes know no case. */
static const char *past_scheme(const char *url, const char *scheme)
{
	size_t len = strlen(scheme);

	return strncasecmp(url, scheme, len) == 0 ? url + len : NULL;
}

int fetch_check_url(const char *url, struct error *err)
{
	const char *rest;

	if (!*url || strlen(url) > LIMIT_FETCH_URL)
		return error_set(
			err, ERR_INVALID, NULL, "must have 1 to %d bytes", LIMIT_FETCH_URL);
	if (!is_text(url))
		return error_set(err, ERR_INVALID, NULL,
			"must be printable ASCII without spaces: write others as %%XX, and names "
			"as A-labels");
	rest = past_scheme(url, "file:///");
	if (rest)
		return *rest ? 0 : error_set(err, ERR_INVALID, NULL, "names no file");
	rest = past_scheme(url, "https://");
	if (!rest)
		rest = past_scheme(url, "http://");
	if (!rest)
		return error_set(
			err, ERR_INVALID, NULL, "must begin with https://, http:// or file:///");
	return check_authority(rest, strcspn(rest, "/?#"), err);
}

/* ---- results */

void fetch_fail(struct fetch_result *ret, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	utf8_vprint(ret->message, sizeof(ret->message), fmt, args);
	va_end(args);
	ret->end = FETCH_FAILED;
}

void fetch_keep_tag(char ret[static LIMIT_FETCH_TAG + 1], const char *s, size_t len)
{
	ret[0] = '\0';
	while (len && (*s == ' ' || *s == '\t')) {
		s++;
		len--;
	}
	while (len && (s[len - 1] == '\r' || s[len - 1] == '\n' || s[len - 1] == ' '))
		len--;
	if (len > LIMIT_FETCH_TAG)
		return;
	for (size_t i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~')
			return;
	memcpy(ret, s, len);
	ret[len] = '\0';
}

int fetch_check_result(struct fetch_result *r, size_t len)
{
	char tag[LIMIT_FETCH_TAG + 1], text[sizeof(r->message)];

	if (len != sizeof(*r) || r->end < FETCH_FAILED || r->end > FETCH_DONE)
		return ERR_MALFORMED;
	r->etag[LIMIT_FETCH_TAG] = r->last_modified[LIMIT_FETCH_TAG] = '\0';
	r->message[sizeof(r->message) - 1] = '\0';
	memcpy(tag, r->etag, sizeof(tag));
	fetch_keep_tag(r->etag, tag, strlen(tag));
	memcpy(tag, r->last_modified, sizeof(tag));
	fetch_keep_tag(r->last_modified, tag, strlen(tag));
	memcpy(text, r->message, sizeof(text));
	utf8_sanitize(text, strlen(text), r->message, sizeof(r->message));
	return 0;
}

int fetch_check_request(struct fetch_request *r, size_t len)
{
	if (len != sizeof(*r) || r->max_bytes == 0 || r->timeout_ms == 0)
		return ERR_MALFORMED;
	r->log_format = r->log_format == LOG_FORMAT_JSON ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
	r->url[LIMIT_FETCH_URL] = '\0';
	r->etag[LIMIT_FETCH_TAG] = r->last_modified[LIMIT_FETCH_TAG] = '\0';
	return 0;
}
