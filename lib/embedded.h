/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files built into the program by tools/embed.c: pages, scripts, styles, SQL. */
#ifndef LIB_EMBEDDED_H
#define LIB_EMBEDDED_H

#include <stddef.h>

struct embedded {
	const char *
		name; /* path below the room: "static/js/app.js", "001_initial.sql"; sorted bytewise */
	const char *content_type; /* by the file's ending */
	const char *etag; /* strong, quoted: from the SHA-256 of the bytes */
	const unsigned char
		*data; /* a NUL stands behind the last byte, so that text is a C string */
	size_t len;
};

#endif
