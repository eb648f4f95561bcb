/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A new password from the person at the terminal, or from a pipe. */
#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include <stddef.h>

#include "lib/err.h"

/*
 * Reads one line of standard input into `buf`, without its end. From a terminal: unseen, and twice, with the question on standard
 * error. 0; ERR_INVALID when both differ or the line is empty or too long; ERR_IO. Clear `buf` after use.
 */
int password_read(char *buf, size_t size, struct error *e);

#endif
