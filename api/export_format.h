/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One decision as a syslog message (RFC 5424) or as a JSON line. Every string of a decision may be hostile. */
#ifndef API_EXPORT_FORMAT_H
#define API_EXPORT_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "api/connection_json.h"
#include "api/textbuf.h"

/* Who says it. */
struct export_origin {
	char host[256]; /* HOSTNAME: printable ASCII without spaces, or "-" */
	int32_t pid; /* PROCID */
};

/* Fills it with this machine's name and that pid. */
void export_origin_init(struct export_origin *o, int32_t pid);

/*
 * Writes the message into `out` (`size` bytes, at least 1024; no NUL) and returns its length. `sequence` is its number among all
 * that this target should get (RFC 5424, 7.3.1): a gap tells of a loss. It is always well-formed: what does not fit is cut at the
 * end of a value, or left out. Command lines are not in it, as passwords may be.
 */
size_t export_format_syslog(const struct connection_view *v, const struct export_origin *o,
	uint32_t sequence, char *out, size_t size);

/* Appends the connection object of the API and a newline. */
void export_format_json(struct textbuf *b, const struct connection_view *v);

#endif
