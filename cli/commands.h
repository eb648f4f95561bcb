/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each command of opensnitch-ruleman does. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include <stdio.h>

#include "cli/client.h"
#include "cli/options.h"
#include "cli/outcome.h"

/* Where a command reads and writes; all borrowed. */
struct streams {
	FILE *in, *out, *err;
};

/*
 * Carries out o->command (not HELP or VERSION) through `c`. With several names each is tried, and the first
 * failure is the outcome.
 */
enum outcome command_run(const struct options *o, struct client *c, const struct streams *io);

#endif
