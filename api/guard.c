/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Host, Origin, media type, cookie. */
#include "config.h"

#include "api/guard.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/addr.h"

bool guard_host_name(const char *host, char name[static LIMIT_HOST + 1], bool *ret_bracketed)
{
	const char *end, *port;
	size_t n;

	*ret_bracketed = *host == '[';
	if (*host == '[') {
		end = strchr(++host, ']');
		port = end ? end + 1 : NULL;
	} else {
		end = port = host + strcspn(host, ":");
	}
	n = end ? (size_t)(end - host) : 0;
	if (n == 0 || n > LIMIT_HOST)
		return false;
	memcpy(name, host, n);
	name[n] = '\0';
	if (*port == '\0')
		return true;
	return *port == ':' && strlen(port) <= 6 &&
	       strspn(port + 1, "0123456789") == strlen(port + 1);
}

bool guard_host_is_ours(const char *host, const struct config_list *hosts)
{
	char name[LIMIT_HOST + 1];
	struct ip_addr addr;
	bool bracketed;

	if (!guard_host_name(host, name, &bracketed))
		return false;
	if (ip_addr_parse(name, &addr) == 0 && ip_addr_is_loopback(&addr))
		return bracketed == (strchr(name, ':') != NULL);
	if (!bracketed && strcasecmp(name, "localhost") == 0)
		return true;
	for (unsigned i = 0; i < hosts->n; i++) {
		const char *item = hosts->items[i];
		size_t n = strlen(item);

		if (item[0] == '[' ? bracketed && n == strlen(name) + 2 &&
					     strncasecmp(item + 1, name, n - 2) == 0
				   : strcasecmp(item, name) == 0)
			return true;
	}
	return false;
}

bool guard_origin_is_same(const char *origin, const char *host, bool is_tls)
{
	if (!is_tls && strncasecmp(origin, "http://", 7) == 0)
		return strcasecmp(origin + 7, host) == 0;
	/* The browser may stand on the other side of a proxy that speaks TLS. */
	return strncasecmp(origin, "https://", 8) == 0 && strcasecmp(origin + 8, host) == 0;
}

enum guard_site guard_site(
	const char *origin, const char *fetch_site, const char *host, bool is_tls)
{
	if (origin)
		return host && guard_origin_is_same(origin, host, is_tls) ? GUARD_SAME
									  : GUARD_FOREIGN;
	if (!fetch_site)
		return GUARD_UNTOLD;
	/* "none": typed by the user, which changes nothing by itself. */
	return strcmp(fetch_site, "same-origin") == 0 ? GUARD_SAME
	       : strcmp(fetch_site, "none") == 0      ? GUARD_UNTOLD
						      : GUARD_FOREIGN;
}

bool guard_media_type_is(const char *content_type, const char *type)
{
	size_t n = strlen(type);

	if (strncasecmp(content_type, type, n) != 0)
		return false;
	content_type += n;
	return content_type[strspn(content_type, " \t")] == '\0' ||
	       content_type[strspn(content_type, " \t")] == ';';
}

bool guard_cookie(const char *header, const char *name, char *ret, unsigned size)
{
	size_t n = strlen(name);

	for (const char *p = header; *p;) {
		size_t len;

		p += strspn(p, " \t;");
		len = strcspn(p, ";");
		if (len > n && strncmp(p, name, n) == 0 && p[n] == '=') {
			const char *value = p + n + 1;

			len -= n + 1;
			while (len && isspace((unsigned char)value[len - 1]))
				len--;
			if (len >= size)
				return false;
			memcpy(ret, value, len);
			ret[len] = '\0';
			return true;
		}
		p += len;
	}
	return false;
}
