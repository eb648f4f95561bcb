/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A transfer by libcurl: bounded, whole or nothing. */
#include "config.h"

#include "api/transfer.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define CONNECT_TIMEOUT_MS 45000L /* longer than a prompt waits, unless set otherwise */
#define SLOW_BYTES 100L /* a second, for SLOW_S: that is a server that wants to keep us */
#define SLOW_S 60L

struct transfer {
	const struct fetch_request *request;
	struct fetch_result *result;
	int fd;
	int write_error; /* an errno */
	bool too_big;
	bool is_chunked;
	char error[CURL_ERROR_SIZE];
};

static size_t on_data(char *data, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	size_t len = size * n, done = 0;

	if (len > t->request->max_bytes - t->result->bytes) {
		t->too_big = true;
		return 0;
	}
	while (done < len) {
		ssize_t w = write(t->fd, data + done, len - done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0) {
			t->write_error = w < 0 ? errno : EIO;
			return 0;
		}
		done += (size_t)w;
	}
	t->result->bytes += len;
	return len;
}

static bool header_is(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && strncasecmp(line, name, n) == 0;
}

static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	size_t len = size * n;

	/* Another answer begins: what a redirection said is not about the list. */
	if (header_is(line, len, "HTTP/")) {
		t->result->etag[0] = t->result->last_modified[0] = '\0';
		t->is_chunked = false;
	} else if (header_is(line, len, "etag:")) {
		fetch_keep_tag(t->result->etag, line + 5, len - 5);
	} else if (header_is(line, len, "last-modified:")) {
		fetch_keep_tag(t->result->last_modified, line + 14, len - 14);
	} else if (header_is(line, len, "transfer-encoding:")) {
		t->is_chunked = true;
	}
	return len;
}

static struct curl_slist *add_condition(
	struct curl_slist *list, const char *name, const char *value)
{
	char line[LIMIT_FETCH_TAG + 32];
	struct curl_slist *more;

	if (!*value)
		return list;
	snprintf(line, sizeof(line), "%s: %s", name, value);
	more = curl_slist_append(list, line);
	return more ? more : list;
}

/* https is never left for http, nor either for a file of this machine. */
static const char *redirections(const char *url)
{
	return strncasecmp(url, "https:", 6) == 0 ? "https" : "https,http";
}

static void set_up(CURL *c, struct transfer *t, struct curl_slist *headers)
{
	const struct fetch_request *r = t->request;

	curl_easy_setopt(c, CURLOPT_URL, r->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https,http,file");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, redirections(r->url));
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)LIMIT_FETCH_REDIRECTS);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, SLOW_S);
	curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)r->max_bytes);
	curl_easy_setopt(c, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error);
}

/* What curl made of an HTTP answer that came without an error. */
static void conclude_http(CURL *c, struct transfer *t)
{
	const struct fetch_request *q = t->request;
	struct fetch_result *r = t->result;
	long code = 0, version = 0;
	curl_off_t told = -1;

	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
	curl_easy_getinfo(c, CURLINFO_HTTP_VERSION, &version);
	curl_easy_getinfo(c, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &told);
	if (code == 304 && (*q->etag || *q->last_modified)) {
		r->end = FETCH_UNCHANGED;
	} else if (code != 200) {
		fetch_fail(r, "the server answered with status %ld", code);
	} else if (told < 0 && !t->is_chunked && version <= CURL_HTTP_VERSION_1_1) {
		fetch_fail(r, "the server did not say how long the list is: a part of it would "
			      "look like all of it");
	} else {
		r->end = FETCH_DONE;
	}
}

static void conclude(CURL *c, struct transfer *t, CURLcode code)
{
	struct fetch_result *r = t->result;

	if (t->too_big || code == CURLE_FILESIZE_EXCEEDED)
		fetch_fail(r, "the list is bigger than %llu bytes",
			(unsigned long long)t->request->max_bytes);
	else if (t->write_error)
		fetch_fail(r, "the list cannot be written: %s", strerror(t->write_error));
	else if (code != CURLE_OK)
		fetch_fail(r, "%s", *t->error ? t->error : curl_easy_strerror(code));
	else if (strncasecmp(t->request->url, "file:", 5) == 0)
		r->end = FETCH_DONE;
	else
		conclude_http(c, t);
}

/* A pipe or a device would keep us waiting where no timeout of curl's holds. False after a failure. */
static bool check_file(const char *url, struct fetch_result *ret)
{
	_cleanup_free_ char *path = NULL;
	CURLU *u = curl_url();
	struct stat st;
	bool good = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		    curl_url_get(u, CURLUPART_PATH, &path, CURLU_URLDECODE) == CURLUE_OK;

	curl_url_cleanup(u);
	if (!good)
		fetch_fail(ret, "the URL names no file");
	else if (stat(path, &st) < 0)
		fetch_fail(ret, "the file cannot be read: %s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		fetch_fail(ret, "it is no regular file");
	else
		return true;
	return false;
}

int transfer_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : ERR_IO;
}

void transfer_run(const struct fetch_request *request, int fd, struct fetch_result *ret)
{
	struct transfer t = { .request = request, .result = ret, .fd = fd };
	struct curl_slist *headers = NULL;
	CURL *c;

	memset(ret, 0, sizeof(*ret));
	ret->id = request->id;
	if (strncasecmp(request->url, "file:", 5) == 0 && !check_file(request->url, ret))
		return;
	c = curl_easy_init();
	if (!c) {
		fetch_fail(ret, "out of memory");
		return;
	}
	headers = add_condition(headers, "If-None-Match", request->etag);
	headers = add_condition(headers, "If-Modified-Since", request->last_modified);
	set_up(c, &t, headers);
	conclude(c, &t, curl_easy_perform(c));
	curl_slist_free_all(headers);
	curl_easy_cleanup(c);
}
