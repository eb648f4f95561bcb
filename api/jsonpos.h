/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a member stands in a JSON text, so that a message can name the line. */
#ifndef API_JSONPOS_H
#define API_JSONPOS_H

#include <stddef.h>

/*
 * The line (from 1) of the member or element at `path` ("prompt.timeout", "listen[2]"; "" is the top) in `text`, which a
 * parser has accepted before; the line of the deepest part that is there when the rest is not. Keys with escapes in the text
 * are compared as written. Never fails: at worst it says 1.
 */
unsigned json_line_of(const char *text, size_t len, const char *path);

#endif
