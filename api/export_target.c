/* SPDX-License-Identifier: GPL-2.0-or-later */
/* URLs of targets. */
#include "config.h"

#include "api/export_target.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/addr.h"
#include "lib/cleanup.h"

static const struct {
	const char *scheme;
	enum export_kind kind;
} schemes[] = {
	{ "syslog+tcp://", EXPORT_SYSLOG_TCP },
	{ "syslog+tls://", EXPORT_SYSLOG_TLS },
	{ "syslog+udp://", EXPORT_SYSLOG_UDP },
	{ "syslog+unix://", EXPORT_SYSLOG_UNIX },
	{ "json://", EXPORT_JSON },
};

static bool is_text(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~' || *s == '"' || *s == '\\')
			return false;
	return true;
}

/* What stands behind the scheme, or NULL. */
static const char *take_scheme(const char *url, enum export_kind *ret)
{
	for (size_t i = 0; i < array_len(schemes); i++) {
		size_t n = strlen(schemes[i].scheme);

		if (strncmp(url, schemes[i].scheme, n) == 0) {
			*ret = schemes[i].kind;
			return url + n;
		}
	}
	return NULL;
}

static bool is_host(const char *s, bool in_brackets)
{
	struct ip_addr addr;

	if (in_brackets)
		return ip_addr_parse(s, &addr) == 0 && strchr(s, ':');
	for (const char *p = s; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-._", *p))
			return false;
	return *s && *s != '-' && *s != '.';
}

/* HOST:PORT in the first `len` bytes. */
static bool take_authority(const char *s, size_t len, struct export_target *ret)
{
	const char *colon = memrchr(s, ':', len);
	size_t host = colon ? (size_t)(colon - s) : 0, port = colon ? len - host - 1 : 0;
	bool in_brackets = host > 2 && s[0] == '[' && s[host - 1] == ']';
	long n;

	if (in_brackets) {
		s++;
		host -= 2;
	}
	if (host == 0 || host >= sizeof(ret->host) || port == 0 || port >= sizeof(ret->port))
		return false;
	memcpy(ret->host, s, host);
	memcpy(ret->port, colon + 1, port);
	for (const char *p = ret->port; *p; p++)
		if (!isdigit((unsigned char)*p))
			return false;
	n = strtol(ret->port, NULL, 10);
	return n >= 1 && n <= 65535 && is_host(ret->host, in_brackets);
}

/* "?ca=FILE&cert=FILE&key=FILE", any of them once. */
static bool take_files(const char *s, struct export_target *ret)
{
	const struct {
		const char *name;
		char *to;
	} files[] = { { "ca=", ret->ca }, { "cert=", ret->cert }, { "key=", ret->key } };

	while (*s) {
		size_t len, i = 0;

		s++;
		while (i < array_len(files) &&
			strncmp(s, files[i].name, strlen(files[i].name)) != 0)
			i++;
		if (i == array_len(files) || *files[i].to)
			return false;
		s += strlen(files[i].name);
		len = strcspn(s, "&");
		if (*s != '/')
			return false;
		memcpy(files[i].to, s, len);
		s += len;
	}
	return !*ret->cert == !*ret->key;
}

static int take_path(const char *s, struct export_target *ret, struct error *err)
{
	size_t len = strlen(s);

	if (*s != '/' || len < 2 || s[len - 1] == '/')
		return error_set(err, ERR_INVALID, NULL,
			"must name an absolute path, as in "
			"json:///var/log/opensnitch/decisions.jsonl");
	if (ret->kind == EXPORT_SYSLOG_UNIX && len >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return error_set(
			err, ERR_INVALID, NULL, "has a path that is too long for a socket");
	memcpy(ret->path, s, len + 1);
	return 0;
}

int export_target_parse(const char *url, struct export_target *ret, struct error *err)
{
	size_t authority;
	const char *s;

	memset(ret, 0, sizeof(*ret));
	if (strlen(url) > EXPORT_URL_MAX || !is_text(url))
		return error_set(err, ERR_INVALID, NULL,
			"must be at most %d printable ASCII characters, without spaces, quotes "
			"and backslashes",
			EXPORT_URL_MAX);
	s = take_scheme(url, &ret->kind);
	if (!s)
		return error_set(err, ERR_INVALID, NULL,
			"must begin with syslog+tcp://, syslog+tls://, syslog+udp://, "
			"syslog+unix:///, or json:///");
	if (ret->kind == EXPORT_SYSLOG_UNIX || ret->kind == EXPORT_JSON)
		return take_path(s, ret, err);
	authority = strcspn(s, "/?");
	if (!take_authority(s, authority, ret))
		return error_set(err, ERR_INVALID, NULL,
			"must name HOST:PORT and nothing else, as in syslog+tcp://siem.example:601 "
			"or syslog+udp://[2001:db8::1]:514");
	s += authority;
	if (*s && (ret->kind != EXPORT_SYSLOG_TLS || *s != '?'))
		return error_set(err, ERR_INVALID, NULL, "must end with the port");
	if (!take_files(s, ret))
		return error_set(err, ERR_INVALID, NULL,
			"may end with ?ca=FILE&cert=FILE&key=FILE: absolute paths, cert and key "
			"only "
			"together");
	return 0;
}
