/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opensnitch-ruleman: rules from a shell. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/outcome.h"
#include "cli/text.h"
#include "lib/cleanup.h"

#define PROGRAM "opensnitch-ruleman"

/* The first line of the token file; owned. */
static int read_token(const char *path, char **ret, struct error *e)
{
	_cleanup_fclose_ FILE *in = fopen(path, "re");
	size_t room = 0;

	*ret = NULL;
	if (!in || getline(ret, &room, in) < 0)
		return error_set(e, ERR_IO, path, "cannot read the token: %s",
			errno ? strerror(errno) : "the file is empty");
	(*ret)[strcspn(*ret, "\r\n")] = '\0';
	return 0;
}

static enum outcome run(const struct options *o)
{
	struct streams io = { .in = stdin, .out = stdout, .err = stderr };
	struct client_target target = {
		.url = o->url,
		.token = o->token,
		.cacert = o->cacert,
		.agent = PROGRAM "/" PACKAGE_VERSION,
	};
	_cleanup_free_ char *socket_path = NULL;
	_cleanup_free_ char *token = NULL;
	struct client *client = NULL;
	struct error e = { 0 };
	enum outcome outcome;

	if (o->token_file && read_token(o->token_file, &token, &e))
		return outcome_error(stderr, PROGRAM, NULL, &e);
	if (token)
		target.token = token;
	if (asprintf(&socket_path, "%s/api.sock", o->runtime_dir) < 0)
		return OUTCOME_FAILED;
	target.socket_path = socket_path;
	if (client_new(&client, &target, &e)) {
		outcome_error(stderr, PROGRAM, NULL, &e);
		return e.code == ERR_INVALID ? OUTCOME_USAGE : OUTCOME_FAILED;
	}
	outcome = command_run(o, client, &io);
	client_free(client);
	return outcome;
}

int main(int argc, char **argv)
{
	struct options o;
	struct error e = { 0 };

	text_locale();
	if (options_parse(&o, argc, argv, &e)) {
		outcome_error(stderr, PROGRAM, NULL, &e);
		fputs("Try '" PROGRAM " --help'.\n", stderr);
		return OUTCOME_USAGE;
	}
	switch (o.command) {
	case COMMAND_HELP:
		fputs(options_help, stdout);
		return OUTCOME_OK;
	case COMMAND_VERSION:
		puts(PROGRAM " " PACKAGE_VERSION);
		return OUTCOME_OK;
	default:
		return (int)run(&o);
	}
}
