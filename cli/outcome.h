/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a command ended: its exit code, and what is told about it on stderr. */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include <stdio.h>

#include "cli/client.h"

enum outcome {
	OUTCOME_OK = 0,
	OUTCOME_FAILED = 1, /* not reachable, not permitted, or the daemon failed */
	OUTCOME_USAGE = 2,
	OUTCOME_NOT_FOUND = 3,
	OUTCOME_INVALID = 4, /* the rule is wrong */
	OUTCOME_CONFLICT = 5, /* it exists, or changed meanwhile */
};

/* What an HTTP status means for the exit code. */
enum outcome outcome_of_status(long status);

/*
 * Prints why on `err`, each line made safe: "PROGRAM: SUBJECT: DETAIL", then "  FIELD: MESSAGE" for each
 * error of a problem+json body. `subject` may be NULL. Returns outcome_of_status().
 */
enum outcome outcome_report(
	FILE *err, const char *program, const char *subject, const struct response *r);

/* The same for an error of our own; OUTCOME_INVALID for ERR_INVALID and ERR_MALFORMED, else FAILED. */
enum outcome outcome_error(
	FILE *err, const char *program, const char *subject, const struct error *e);

#endif
