/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keeps pages from elsewhere away from the API: Host and Origin. Pure functions on header values. */
#ifndef API_GUARD_H
#define API_GUARD_H

#include <stdbool.h>

#include "api/options.h"

/*
 * Whether a Host header names this dashboard: localhost, a loopback address, or one of `hosts`, each with any port
 * (an SSH tunnel changes it). A name that only resolves to us (DNS rebinding) does not.
 */
bool guard_host_is_ours(const char *host, const struct config_list *hosts);

/* The host part of "name:port", "1.2.3.4", "[::1]:80", without brackets; false when it is none. */
bool guard_host_name(const char *host, char name[static LIMIT_HOST + 1], bool *ret_bracketed);

/*
 * Whether an Origin header is the origin that `host` (the Host header) stands for. On a TLS connection (`is_tls`) only an https
 * one is: what pretends to be us without TLS may come from anybody on the way.
 */
bool guard_origin_is_same(const char *origin, const char *host, bool is_tls);

enum guard_site { GUARD_SAME, GUARD_FOREIGN, GUARD_UNTOLD };

/* Who made the browser ask, by Origin and Sec-Fetch-Site (each may be NULL). */
enum guard_site guard_site(
	const char *origin, const char *fetch_site, const char *host, bool is_tls);

/*
 * Whether a Content-Type is `type` with any parameters ("application/json; charset=utf-8").
 */
bool guard_media_type_is(const char *content_type, const char *type);

/* The value of a cookie in a Cookie header, into `ret`; false when it is not there or does not fit. */
bool guard_cookie(const char *header, const char *name, char *ret, unsigned size);

#endif
