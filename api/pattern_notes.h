/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a regular expression means one thing here and another in OpenSnitch.
 *
 * OpenSnitch is written in Go, whose package regexp takes RE2's syntax; this daemon matches with PCRE2, which takes more. A rule
 * that uses more works here, but not there; a few escapes mean something else.
 */
#ifndef API_PATTERN_NOTES_H
#define API_PATTERN_NOTES_H

#include <jansson.h>

/* What is different about this pattern, as a sentence without its subject; NULL where nothing is. Static. */
const char *pattern_difference(const char *pattern);

/*
 * Tells each such pattern of a rule's operator (OpenSnitch's JSON, borrowed) with its place ("operator.list[1].data"). As deep as a
 * rule may be.
 */
void pattern_notes(const json_t *operator_,
	void (*fn)(void *ctx, const char *place, const char *what), void *ctx);

#endif
