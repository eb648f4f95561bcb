/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The API through libcurl: no proxies, no redirects, no other protocols, a bounded answer. */
#include "config.h"

#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define ANSWER_MAX (64u << 20) /* bytes: a page of 1,000 rules of the largest kind fits */
#define TIMEOUT_S 30L
#define CONNECT_TIMEOUT_S 5L

struct client {
	CURL *curl;
	char *socket_path; /* NULL: by url */
	char *base; /* "http://localhost" for the socket */
	char *authorization; /* a header line, or NULL */
	const char *if_match; /* an ETag, borrowed, or NULL */
	char *etag; /* of the answer that is being received, or NULL */
};

struct answer {
	char *data;
	size_t len;
	int error; /* why receiving stopped: ERR_TOO_BIG or ERR_NOMEM */
};

static int check_url(const char *url, struct error *e)
{
	size_t scheme = !strncasecmp(url, "http://", 7)	   ? 7
			: !strncasecmp(url, "https://", 8) ? 8
							   : 0;
	size_t host = scheme ? strcspn(url + scheme, "/?#@") : 0;

	if (!host || (url[scheme + host] && strcmp(url + scheme + host, "/") != 0))
		return error_set(e, ERR_INVALID, NULL,
			"not a URL of the form http://HOST:PORT or https://HOST:PORT: '%s'", url);
	return 0;
}

/* The URL without the slash at its end; for the socket a host name that the server accepts. */
static char *base_of(const struct client_target *target)
{
	size_t len;

	if (!target->url)
		return strdup("http://localhost");
	len = strlen(target->url);
	return strndup(target->url, target->url[len - 1] == '/' ? len - 1 : len);
}

static int set_token(struct client *c, const char *token, struct error *e)
{
	if (!token)
		return 0;
	if (!*token || token[strcspn(token, "\r\n")])
		return error_set(e, ERR_INVALID, NULL, "not a token: empty, or more than one line");
	if (asprintf(&c->authorization, "Authorization: Bearer %s", token) < 0) {
		c->authorization = NULL;
		return error_set(e, ERR_NOMEM, NULL, "out of memory");
	}
	return 0;
}

int client_new(struct client **ret, const struct client_target *target, struct error *e)
{
	struct client *c;
	int r = target->url ? check_url(target->url, e) : 0;

	if (r)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return error_set(e, ERR_NOMEM, NULL, "out of memory");
	c->curl = curl_easy_init();
	c->base = base_of(target);
	c->socket_path = target->url ? NULL : strdup(target->socket_path);
	r = set_token(c, target->token, e);
	if (!r && (!c->curl || !c->base || (!target->url && !c->socket_path)))
		r = error_set(e, ERR_NOMEM, NULL, "out of memory");
	if (r) {
		client_free(c);
		return r;
	}
	curl_easy_setopt(c->curl, CURLOPT_USERAGENT, target->agent);
	if (target->cacert) {
		curl_easy_setopt(c->curl, CURLOPT_CAINFO, target->cacert);
		curl_easy_setopt(c->curl, CURLOPT_CAPATH, NULL); /* nobody else's word */
	}
	*ret = c;
	return 0;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	free(c->socket_path);
	free(c->base);
	free(c->authorization);
	free(c->etag);
	free(c);
}

static size_t receive(char *data, size_t size, size_t n, void *arg)
{
	struct answer *a = arg;
	size_t len = size * n;
	char *more;

	if (len > ANSWER_MAX - a->len) {
		a->error = ERR_TOO_BIG;
		return 0;
	}
	more = realloc(a->data, a->len + len + 1);
	if (!more) {
		a->error = ERR_NOMEM;
		return 0;
	}
	memcpy(more + a->len, data, len);
	a->data = more;
	a->len += len;
	a->data[a->len] = '\0';
	return len;
}

/* One header line of the answer, with its line end. */
static size_t receive_header(char *data, size_t size, size_t n, void *arg)
{
	static const char name[] = "etag:";
	struct client *c = arg;
	size_t len = size * n, at = strlen(name);

	if (len <= at || strncasecmp(data, name, at) != 0)
		return len;
	while (at < len && data[at] == ' ')
		at++;
	free(c->etag);
	c->etag = strndup(data + at, len - at);
	if (c->etag)
		c->etag[strcspn(c->etag, "\r\n")] = '\0';
	return len;
}

void client_if_match(struct client *c, const char *etag)
{
	c->if_match = etag;
}

/* What went wrong below HTTP, in words that say what to do. */
static int transport_error(
	const struct client *c, CURLcode code, const struct answer *a, struct error *e)
{
	const char *where = c->socket_path ? c->socket_path : c->base;

	if (a->error)
		return error_set(
			e, a->error, NULL, "the answer of %s: %s", where, err_str(a->error));
	if (c->socket_path && access(c->socket_path, F_OK) && errno != EACCES)
		return error_set(e, ERR_NOT_FOUND, NULL,
			"%s is not there: is opensnitchd running? (--runtime-dir or --url for "
			"another one)",
			where);
	if (c->socket_path && access(c->socket_path, W_OK))
		return error_set(e, ERR_PERMISSION, NULL,
			"not permitted to use %s: be root or a member of group opensnitch", where);
	if (code == CURLE_SSL_CACERT_BADFILE)
		return error_set(e, ERR_IO, NULL,
			"the file of --cacert cannot be read, or holds no certificates");
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return error_set(e, ERR_CLOSED, NULL,
			"%s has no certificate that is good for this name and trusted (--cacert "
			"FILE names others to trust)",
			where);
	return error_set(
		e, ERR_CLOSED, NULL, "%s does not answer: %s", where, curl_easy_strerror(code));
}

static struct curl_slist *headers_of(const struct client *c, const char *method, bool has_body)
{
	char if_match[160];
	const char *lines[] = {
		"Accept: application/json",
		has_body ? "Expect:" : NULL, /* no waiting for 100-continue */
		!has_body		   ? NULL
		: !strcmp(method, "PATCH") ? "Content-Type: application/merge-patch+json"
					   : "Content-Type: application/json",
		c->authorization,
		c->if_match ? if_match : NULL,
	};
	struct curl_slist *list = NULL, *longer;

	snprintf(if_match, sizeof(if_match), "If-Match: %.120s", c->if_match ? c->if_match : "");
	for (size_t i = 0; i < array_len(lines); i++) {
		if (!lines[i])
			continue;
		longer = curl_slist_append(list, lines[i]);
		if (!longer) {
			curl_slist_free_all(list);
			return NULL;
		}
		list = longer;
	}
	return list;
}

static void set_options(struct client *c, const char *method, const char *url, const char *body,
	struct curl_slist *headers, struct answer *a)
{
	CURL *curl = c->curl;

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, receive_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); /* a rule may be called ".." */
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, c->socket_path);
	if (body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	} else {
		curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	}
}

static int read_answer(const struct answer *a, struct response *ret, struct error *e)
{
	json_error_t where;

	ret->body = NULL;
	if (!a->len)
		return 0;
	ret->body = json_loadb(a->data, a->len, JSON_REJECT_DUPLICATES, &where);
	if (!ret->body && ret->status < 400)
		return error_set(e, ERR_MALFORMED, NULL,
			"the answer is not JSON (status %ld): is this opensnitchd?", ret->status);
	return 0;
}

static int perform(struct client *c, const char *method, const char *url, const char *body,
	struct response *ret, struct error *e)
{
	struct curl_slist *headers = headers_of(c, method, body != NULL);
	struct answer a = { 0 };
	CURLcode code;
	int r;

	if (!headers)
		return error_set(e, ERR_NOMEM, NULL, "out of memory");
	set_options(c, method, url, body, headers, &a);
	code = curl_easy_perform(c->curl);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &ret->status);
	ret->etag = steal_ptr(c->etag);
	r = code == CURLE_OK ? read_answer(&a, ret, e) : transport_error(c, code, &a, e);
	curl_slist_free_all(headers);
	free(a.data);
	if (r)
		free(steal_ptr(ret->etag));
	return r;
}

int client_call(struct client *c, const char *method, const char *path, const json_t *body,
	struct response *ret, struct error *e)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *url = NULL;

	if (asprintf(&url, "%s%s", c->base, path) < 0) {
		url = NULL;
		return error_set(e, ERR_NOMEM, NULL, "out of memory");
	}
	if (body) {
		text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
		if (!text)
			return error_set(e, ERR_NOMEM, NULL, "out of memory");
	}
	return perform(c, method, url, text, ret, e);
}

void response_done(struct response *r)
{
	json_decref(r->body);
	free(r->etag);
	*r = (struct response) { 0 };
}

char *client_escape(const char *s)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	char *escaped = malloc(3 * strlen(s) + 1);
	char *end = escaped;

	if (!escaped)
		return NULL;
	for (; *s; s++) {
		if (strchr(plain, *s))
			*end++ = *s;
		else
			end += sprintf(end, "%%%02X", (unsigned char)*s);
	}
	*end = '\0';
	return escaped;
}

char *client_rule_path(const char *name)
{
	_cleanup_free_ char *escaped = client_escape(name);
	char *path = NULL;

	return escaped && asprintf(&path, "/api/v1/rules/%s", escaped) >= 0 ? path : NULL;
}
