/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of opensnitch-ruleman. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/rule.h"
#include "lib/err.h"

enum command {
	COMMAND_LIST,
	COMMAND_SHOW,
	COMMAND_ADD,
	COMMAND_DELETE,
	COMMAND_ENABLE,
	COMMAND_DISABLE,
	COMMAND_EDIT,
	COMMAND_EXPORT,
	COMMAND_IMPORT,
	COMMAND_CHECK,
	COMMAND_TEST,
	COMMAND_EXPLAIN,
	COMMAND_REPORT,
	COMMAND_LEARN,
	COMMAND_SUGGEST,
	COMMAND_HISTORY,
	COMMAND_REVERT,
	COMMAND_HELP,
	COMMAND_VERSION,
	COMMAND_COUNT_,
};

struct options {
	enum command command;
	bool json;
	const char *runtime_dir;
	const char *url; /* NULL: the socket in runtime_dir */
	const char *token;
	const char *token_file;
	const char *cacert; /* NULL: the system's authorities */
	char *const *
		names; /* what follows the command: rule names, a file, a folder, an id, a program */
	size_t n_names;
	bool replace, dry_run; /* import */
	const char *remove; /* test; NULL: not given, as the next two */
	const char *from, *to; /* test, suggest */
	bool stop; /* learn */
	bool accept; /* suggest */
	const char *days; /* report */
	const char *change; /* revert */
	bool has_spec; /* add, test, explain: by options, not from a file */
	struct rule_spec spec;
};

/*
 * Reads argv (which it may reorder; strings are borrowed). 0, or ERR_INVALID with a message that says what is
 * wrong. Options may stand before or after the command. Not reentrant: getopt_long(3).
 */
int options_parse(struct options *o, int argc, char **argv, struct error *e);

/* The text of --help. */
extern const char options_help[];

#endif
