/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs beside the console's own, that it starts before it gives anything up. */
#ifndef API_PROGRAM_H
#define API_PROGRAM_H

#include "lib/err.h"
#include "lib/log.h"

/*
 * Opens the program of that name beside this one (O_PATH, CLOEXEC; owned by the caller), or a code with `err`. While we are root, as
 * the user who then runs it may not come past the folders above.
 */
int program_open(const char *name, struct error *err);

#define PROGRAM_ENVIRONMENT_MAX 6

/* The environment for it: how it logs, what the sanitizers are told, and nothing else. Strings are static or of our own. Returns `ret`. */
char **program_environment(enum log_format format, char *ret[static PROGRAM_ENVIRONMENT_MAX]);

/* In such a program: the format that it was given. */
enum log_format program_log_format(void);

#endif
