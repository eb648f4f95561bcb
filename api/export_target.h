/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where decisions are exported to, as the config writes it: one URL.
 *
 *   syslog+tcp://HOST:PORT                              RFC 5424 messages, counted octets (RFC 6587)
 *   syslog+tls://HOST:PORT[?ca=FILE&cert=FILE&key=FILE]  the same over TLS (RFC 5425)
 *   syslog+udp://HOST:PORT                              a datagram each (RFC 5426)
 *   syslog+unix:///PATH                                 a socket of this machine
 *   json:///PATH                                        JSON lines to a file or a named pipe
 */
#ifndef API_EXPORT_TARGET_H
#define API_EXPORT_TARGET_H

#include "lib/err.h"
#include "lib/limits.h"

#define EXPORT_URL_MAX 255 /* bytes: what an item of a list in the config holds */

enum export_kind {
	EXPORT_SYSLOG_TCP,
	EXPORT_SYSLOG_TLS,
	EXPORT_SYSLOG_UDP,
	EXPORT_SYSLOG_UNIX,
	EXPORT_JSON,
};

struct export_target {
	enum export_kind kind;
	char host[LIMIT_HOST + 1]; /* a name or an address, without brackets; "" where a path is */
	char port[6]; /* decimal, 1 to 65535 */
	char path[EXPORT_URL_MAX + 1]; /* absolute */
	char ca[EXPORT_URL_MAX + 1]; /* certificates to trust; "": the system's */
	char cert[EXPORT_URL_MAX + 1], key[EXPORT_URL_MAX + 1]; /* ours; "": none */
};

/* 0 and *ret, or ERR_INVALID with a message that goes on from the field's name ("must ..."). */
int export_target_parse(const char *url, struct export_target *ret, struct error *err);

#endif
