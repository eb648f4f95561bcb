/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libmicrohttpd 0.9 reads over in the head of a request (1.0 and later refuse it themselves).
 *
 * It cuts the head in place: the space behind the method, the one before the version, each colon and each end of a line become NULs.
 * A NUL that was sent looks like one of them, ends a word as well, and what stands behind it is lost. So the words that it found are
 * held against the whole: they and what may stand between them must fill the head, byte for byte. RFC 9110, section 5.5, and RFC 9112,
 * sections 2.2 and 5.2, have the rest refused, or let it be: NULs, carriage returns that end no line, folded fields, and lines that end
 * now with CR LF, now with LF.
 *
 * Two things look the same afterwards and pass: a line that begins with a NUL, before the request, is an empty line, which is ignored
 * there; and a NUL before a line feed, where all other lines end with CR LF, is a carriage return.
 */
#ifndef API_HEAD_H
#define API_HEAD_H

#include <microhttpd.h>
#include <stdbool.h>

#define HEAD_ROOM                                                                                  \
	32768u /* bytes for the head of a request: libmicrohttpd's memory for a connection */

/* For MHD_OPTION_URI_LOG_CALLBACK. What it returns becomes con_cls: a note of where the target ends, before it is cut as well. */
void *head_note(void *cls, const char *target, struct MHD_Connection *connection);

/* Whether con_cls is (still) such a note. */
bool head_is_note(const void *con_cls);

/* What is wrong with the head, for a person, or NULL. The words are those of the access handler's first call, the note is its con_cls. */
const char *head_fault(struct MHD_Connection *connection, const char *method, const char *url,
	const char *version, const void *note);

#endif
