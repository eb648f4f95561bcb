/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs beside the console's own, that it starts before it gives anything up. */
#ifndef API_PROGRAM_H
#define API_PROGRAM_H

#include "lib/err.h"

/*
 * Opens the program of that name beside this one (O_PATH, CLOEXEC; owned by the caller), or a code with `err`. While we are root, as
 * the user who then runs it may not come past the folders above.
 */
int program_open(const char *name, struct error *err);

/* The environment for it: what the sanitizers are told, and nothing else. Returns `ret`. */
char **program_environment(char *ret[static 4]);

#endif
