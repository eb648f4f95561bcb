/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON for standard output. */
#ifndef CLI_JSON_OUT_H
#define CLI_JSON_OUT_H

#include <jansson.h>
#include <stdio.h>

/*
 * Prints `value` indented, with a newline. Everything past printable ASCII is escaped as \uXXXX, so that it is
 * the same JSON and safe on a terminal. 0, ERR_NOMEM or ERR_IO.
 */
int json_out(const json_t *value, FILE *out);

#endif
