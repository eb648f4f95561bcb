/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the route of a request in the one table. */
#ifndef API_ROUTER_H
#define API_ROUTER_H

#include "api/http.h"

struct route_match {
	const struct route *route;
	const char *param[HTTP_PARAMS_MAX]; /* inside the path given */
	unsigned
		allowed; /* methods of the path when the method does not fit: bits 1 << enum http_method */
};

/*
 * Finds the first of `n` routes for a raw path (still percent-encoded; changed in place: parameters are decoded and
 * terminated). 0; ERR_NOT_FOUND with `allowed` (0: no such path at all); ERR_MALFORMED when a parameter is no valid
 * UTF-8 or holds control characters.
 */
int router_find(const struct route *table, size_t n, enum http_method method, char *path,
	struct route_match *ret);

/* By name ("GET", "HEAD" as GET); false for one that we do not know. */
bool http_method_parse(const char *name, enum http_method *ret);

/* "GET, HEAD, POST" for the Allow header, into `buf`. */
const char *http_methods_str(unsigned allowed, char buf[static 64]);

/* Decodes %XX in place. False for a bad escape, a NUL, a control character or what is no UTF-8. */
bool http_percent_decode(char *s);

#endif
