/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets, files and pipes that decisions go to. */
#include "config.h"

#include "api/export_sink.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/utf8.h"

#define CONNECT_TIMEOUT_MS 10000L
#define LOOK_NS UINT64_C(1000000000)

static int fail(struct export_sink *s, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct export_sink *s, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	utf8_vprint(s->why, sizeof(s->why), fmt, args);
	va_end(args);
	return code;
}

static int fail_errno(struct export_sink *s, int code)
{
	return fail(s, code, "%s", strerror(errno));
}

/* What libcurl met, with the word of the kernel where there is one. */
static int fail_curl(struct export_sink *s, CURLcode code, const char *message)
{
	long error = 0;

	curl_easy_getinfo(s->curl, CURLINFO_OS_ERRNO, &error);
	if (code == CURLE_COULDNT_CONNECT && error)
		return fail(s, ERR_IO, "%s", strerror((int)error));
	return fail(s, ERR_IO, "%s", *message ? message : curl_easy_strerror(code));
}

/* ---- TCP and TLS: libcurl connects, and then is told nothing of HTTP */

static void set_up(CURL *c, const struct export_target *t, char *error)
{
	bool is_tls = t->kind == EXPORT_SYSLOG_TLS;
	bool is_ip6 = strchr(t->host, ':');
	char url[LIMIT_HOST + 32];

	snprintf(url, sizeof(url), "%s://%s%s%s:%s/", is_tls ? "https" : "http", is_ip6 ? "[" : "",
		t->host, is_ip6 ? "]" : "", t->port);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https,http");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
	if (!is_tls)
		return;
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_SSL_ENABLE_ALPN, 0L);
	if (*t->ca)
		curl_easy_setopt(c, CURLOPT_CAINFO, t->ca);
	if (*t->cert) {
		curl_easy_setopt(c, CURLOPT_SSLCERT, t->cert);
		curl_easy_setopt(c, CURLOPT_SSLKEY, t->key);
	}
}

static int open_stream(struct export_sink *s)
{
	char error[CURL_ERROR_SIZE] = "";
	curl_socket_t fd = CURL_SOCKET_BAD;
	CURLcode code;

	s->curl = curl_easy_init();
	if (!s->curl)
		return fail(s, ERR_IO, "out of memory");
	set_up(s->curl, s->target, error);
	code = curl_easy_perform(s->curl);
	/* The buffer is ours, and gone soon. */
	curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, NULL);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(s->curl, CURLINFO_ACTIVESOCKET, &fd);
	if (code != CURLE_OK || fd == CURL_SOCKET_BAD)
		return fail_curl(s, code, error);
	s->fd = fd;
	s->is_framed = true;
	return 0;
}

/* ---- datagrams */

static int open_udp(struct export_sink *s)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *all = NULL;
	int r = getaddrinfo(s->target->host, s->target->port, &hints, &all), error = 0;

	if (r != 0)
		return fail(s, ERR_IO, "%s", gai_strerror(r));
	for (const struct addrinfo *a = all; a && s->fd < 0; a = a->ai_next) {
		int fd = socket(a->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
			s->fd = fd;
			break;
		}
		error = errno;
		cleanup_close(&fd);
	}
	freeaddrinfo(all);
	s->is_datagram = true;
	errno = error;
	return s->fd < 0 ? fail_errno(s, ERR_IO) : 0;
}

/* A socket of datagrams as syslog daemons have, or else one of a stream. */
static int open_unix(struct export_sink *s)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	memcpy(addr.sun_path, s->target->path, strlen(s->target->path));
	for (int type = SOCK_DGRAM;; type = SOCK_STREAM) {
		int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
			s->fd = fd;
			s->is_datagram = type == SOCK_DGRAM;
			s->is_framed = !s->is_datagram;
			return 0;
		}
		fail_errno(s, ERR_IO);
		if (fd < 0 || errno != EPROTOTYPE || type == SOCK_STREAM) {
			cleanup_close(&fd);
			return ERR_IO;
		}
		close(fd);
	}
}

/* ---- files and pipes */

static int open_file(struct export_sink *s)
{
	int fd = open(s->target->path,
		O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
	struct stat st;

	if (fd < 0 && errno == ENXIO)
		return fail(s, ERR_IO, "nobody reads the pipe");
	if (fd < 0 || fstat(fd, &st) < 0) {
		fail_errno(s, ERR_IO);
		cleanup_close(&fd);
		return ERR_IO;
	}
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode)) {
		close(fd);
		return fail(s, ERR_IO, "it is neither a file nor a pipe");
	}
	s->fd = fd;
	s->keeps_parts = S_ISREG(st.st_mode);
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	s->looked_ns = clock_mono_ns();
	return 0;
}

/* Log files are moved away; then a new one is begun. */
static bool is_same_file(struct export_sink *s)
{
	uint64_t now = clock_mono_ns();
	struct stat st;

	if (now - s->looked_ns < LOOK_NS)
		return true;
	s->looked_ns = now;
	if (stat(s->target->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
		return true;
	fail(s, 0, "the file was moved away");
	return false;
}

/* ---- all of them */

int export_sink_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : ERR_IO;
}

int export_sink_open(struct export_sink *s)
{
	int r = ERR_IO;

	s->is_framed = s->is_datagram = s->keeps_parts = false;
	switch (s->target->kind) {
	case EXPORT_SYSLOG_TCP:
	case EXPORT_SYSLOG_TLS:
		r = open_stream(s);
		break;
	case EXPORT_SYSLOG_UDP:
		r = open_udp(s);
		break;
	case EXPORT_SYSLOG_UNIX:
		r = open_unix(s);
		break;
	case EXPORT_JSON:
		r = open_file(s);
		break;
	}
	if (r < 0)
		export_sink_close(s);
	return r;
}

void export_sink_close(struct export_sink *s)
{
	if (s->curl)
		curl_easy_cleanup(s->curl);
	else
		cleanup_close(&s->fd);
	s->curl = NULL;
	s->fd = -1;
}

ssize_t export_sink_write(struct export_sink *s, const void *data, size_t len)
{
	size_t sent = 0;
	CURLcode code;
	ssize_t n;

	if (s->curl) {
		code = curl_easy_send(s->curl, data, len, &sent);
		if (code == CURLE_AGAIN)
			return ERR_AGAIN;
		if (code != CURLE_OK)
			return fail(s, ERR_CLOSED, "%s", curl_easy_strerror(code));
		return sent ? (ssize_t)sent : ERR_AGAIN;
	}
	do
		n = write(s->fd, data, len);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n == 0 || errno == EAGAIN)
		return ERR_AGAIN;
	return fail_errno(s, ERR_CLOSED);
}

bool export_sink_is_good(struct export_sink *s)
{
	char away[1024];
	size_t got = 0;
	CURLcode code = CURLE_AGAIN;
	ssize_t n;

	if (s->target->kind == EXPORT_JSON)
		return is_same_file(s);
	if (s->curl) {
		do
			code = curl_easy_recv(s->curl, away, sizeof(away), &got);
		while (code == CURLE_OK && got > 0);
		if (code == CURLE_AGAIN)
			return true;
		fail(s, 0, "%s",
			code == CURLE_OK ? "the receiver ended the connection"
					 : curl_easy_strerror(code));
		return false;
	}
	do
		n = recv(s->fd, away, sizeof(away), MSG_DONTWAIT);
	while (n > 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n == 0)
		fail(s, 0, "the receiver ended the connection");
	else
		fail_errno(s, 0);
	return false;
}
