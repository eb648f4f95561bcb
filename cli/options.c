/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opensnitch-ruleman's options: one table says which command takes which, and where its value goes. */
#include "config.h"

#include "cli/options.h"

#include <getopt.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "lib/cleanup.h"

#define RUNTIME_DIR "/run/opensnitchd"
#define OPTION_FIRST 256 /* values of getopt_long: past any character */

const char options_help[] =
	"usage: opensnitch-ruleman [OPTION...] COMMAND\n"
	"\n"
	"Commands:\n"
	"  list                      every rule, in the order in which they are matched\n"
	"  show NAME...              one rule in full\n"
	"  add FILE|-                add the rule of a JSON file, or of standard input\n"
	"  add --action A MATCH...   add a rule made of options\n"
	"  delete NAME...\n"
	"  enable NAME...\n"
	"  disable NAME...\n"
	"  edit NAME                 change a rule in $VISUAL or $EDITOR\n"
	"  export [FILE]             all rules as a JSON array\n"
	"  import FILE|-             such an array, all of it or nothing\n"
	"  check FOLDER              the rule files of a folder, without a daemon\n"
	"  test FILE|- | --action A MATCH... | --remove NAME\n"
	"                            what a rule would have done to the recorded connections\n"
	"  explain ID|FILE|- | MATCH...\n"
	"                            why a connection is decided as it is\n"
	"  report                    what is wrong with the rules as a whole\n"
	"  learn [PROGRAM|everything]\n"
	"                            allow and record it for a while; without one, what learns or "
	"did\n"
	"  suggest PROGRAM [N...]    the fewest rules for what it was allowed to do\n"
	"  history NAME              what became of a rule, and who changed it\n"
	"  revert NAME               put a rule back to what it was before its last change\n"
	"\n"
	"Options:\n"
	"  --json                    print JSON\n"
	"  --runtime-dir DIR         the daemon whose socket is DIR/api.sock [" RUNTIME_DIR "]\n"
	"  --url URL                 the daemon at http://HOST:PORT; needs a token\n"
	"  --token TOKEN             (other users can see it: better --token-file)\n"
	"  --token-file FILE         the token is the first line of FILE\n"
	"  --cacert FILE             certificates (PEM) to trust with https://, instead of the "
	"system's\n"
	"  --help, --version\n"
	"\n"
	"Options of add; every MATCH that is given must match:\n"
	"  --action A                allow, deny or reject\n"
	"  --duration D              always [default], until restart, 12h, 1h, 30m, 15m, 5m, 30s\n"
	"  --name NAME               [made from the rest]\n"
	"  --description TEXT\n"
	"  --disabled                add it without effect\n"
	"  --path FILE               MATCH: the program's executable\n"
	"  --host NAME               MATCH: the host name; *.NAME for all names below NAME\n"
	"  --ip ADDRESS              MATCH: the destination\n"
	"  --net NETWORK             MATCH: the destination, as 10.0.0.0/8\n"
	"  --port PORT               MATCH: the destination's port, or FROM-TO\n"
	"  --protocol PROTO          MATCH: tcp, udp, ...; tcp6, udp6, ... over IPv6\n"
	"  --user USER               MATCH: the program's user, by name or number\n"
	"  --any                     MATCH: every connection\n"
	"\n"
	"Options of other commands:\n"
	"  --replace                 import: take the place of rules of the same name\n"
	"  --dry-run                 import: change nothing, only say what is wrong\n"
	"  --remove NAME             test: the rule goes\n"
	"  --from TIME, --to TIME    test, suggest: connections of this time (RFC 3339)\n"
	"                            [the last day, the last week]\n"
	"  --days N                  report: unused is what decided nothing for N days [30]\n"
	"  --stop                    learn: end it now; --duration: so long [1h]\n"
	"  --accept                  suggest: put the rules N, or all, in force\n"
	"  --change ID               revert: an older change (see history)\n"
	"\n"
	"Exit codes: 0 ok, 1 failed, 2 usage, 3 no such rule, 4 invalid rule, 5 conflict.\n";

static const struct {
	const char *name;
	enum command command;
	size_t least, most; /* names that follow */
} commands[] = {
	{ "list", COMMAND_LIST, 0, 0 },
	{ "show", COMMAND_SHOW, 1, SIZE_MAX },
	{ "add", COMMAND_ADD, 0, 1 },
	{ "delete", COMMAND_DELETE, 1, SIZE_MAX },
	{ "enable", COMMAND_ENABLE, 1, SIZE_MAX },
	{ "disable", COMMAND_DISABLE, 1, SIZE_MAX },
	{ "edit", COMMAND_EDIT, 1, 1 },
	{ "export", COMMAND_EXPORT, 0, 1 },
	{ "import", COMMAND_IMPORT, 1, 1 },
	{ "check", COMMAND_CHECK, 1, 1 },
	{ "test", COMMAND_TEST, 0, 1 },
	{ "explain", COMMAND_EXPLAIN, 0, 1 },
	{ "report", COMMAND_REPORT, 0, 0 },
	{ "learn", COMMAND_LEARN, 0, 1 },
	{ "suggest", COMMAND_SUGGEST, 1, SIZE_MAX },
	{ "history", COMMAND_HISTORY, 1, 1 },
	{ "revert", COMMAND_REVERT, 1, 1 },
	{ "help", COMMAND_HELP, 0, 0 },
};

enum option_kind { KIND_TEXT, KIND_FLAG, KIND_COMMAND };

#define OF(command) (1u << (command))
#define OF_ALL 0u
#define OF_RULES (OF(COMMAND_ADD) | OF(COMMAND_TEST)) /* make a rule */
#define OF_MATCHES (OF_RULES | OF(COMMAND_EXPLAIN)) /* or describe a connection */

static const struct {
	const char *name;
	enum option_kind kind;
	unsigned of; /* the commands that take it: bits */
	size_t at; /* in struct options; for KIND_COMMAND the command */
} table[] = {
	{ "json", KIND_FLAG, OF_ALL, offsetof(struct options, json) },
	{ "runtime-dir", KIND_TEXT, OF_ALL, offsetof(struct options, runtime_dir) },
	{ "url", KIND_TEXT, OF_ALL, offsetof(struct options, url) },
	{ "token", KIND_TEXT, OF_ALL, offsetof(struct options, token) },
	{ "token-file", KIND_TEXT, OF_ALL, offsetof(struct options, token_file) },
	{ "cacert", KIND_TEXT, OF_ALL, offsetof(struct options, cacert) },
	{ "help", KIND_COMMAND, OF_ALL, COMMAND_HELP },
	{ "version", KIND_COMMAND, OF_ALL, COMMAND_VERSION },
	{ "action", KIND_TEXT, OF_RULES, offsetof(struct options, spec.action) },
	{ "duration", KIND_TEXT, OF_RULES | OF(COMMAND_LEARN),
		offsetof(struct options, spec.duration) },
	{ "name", KIND_TEXT, OF_RULES, offsetof(struct options, spec.name) },
	{ "description", KIND_TEXT, OF_RULES, offsetof(struct options, spec.description) },
	{ "disabled", KIND_FLAG, OF_RULES, offsetof(struct options, spec.disabled) },
	{ "path", KIND_TEXT, OF_MATCHES, offsetof(struct options, spec.path) },
	{ "host", KIND_TEXT, OF_MATCHES, offsetof(struct options, spec.host) },
	{ "ip", KIND_TEXT, OF_MATCHES, offsetof(struct options, spec.ip) },
	{ "net", KIND_TEXT, OF_RULES, offsetof(struct options, spec.net) },
	{ "port", KIND_TEXT, OF_MATCHES, offsetof(struct options, spec.port) },
	{ "protocol", KIND_TEXT, OF_MATCHES, offsetof(struct options, spec.protocol) },
	{ "user", KIND_TEXT, OF_MATCHES, offsetof(struct options, spec.user) },
	{ "any", KIND_FLAG, OF_RULES, offsetof(struct options, spec.any) },
	{ "replace", KIND_FLAG, OF(COMMAND_IMPORT), offsetof(struct options, replace) },
	{ "dry-run", KIND_FLAG, OF(COMMAND_IMPORT), offsetof(struct options, dry_run) },
	{ "remove", KIND_TEXT, OF(COMMAND_TEST), offsetof(struct options, remove) },
	{ "from", KIND_TEXT, OF(COMMAND_TEST) | OF(COMMAND_SUGGEST),
		offsetof(struct options, from) },
	{ "to", KIND_TEXT, OF(COMMAND_TEST) | OF(COMMAND_SUGGEST), offsetof(struct options, to) },
	{ "days", KIND_TEXT, OF(COMMAND_REPORT), offsetof(struct options, days) },
	{ "stop", KIND_FLAG, OF(COMMAND_LEARN), offsetof(struct options, stop) },
	{ "accept", KIND_FLAG, OF(COMMAND_SUGGEST), offsetof(struct options, accept) },
	{ "change", KIND_TEXT, OF(COMMAND_REVERT), offsetof(struct options, change) },
};

static void fill_long_options(struct option long_options[static array_len(table) + 1])
{
	memset(long_options, 0, (array_len(table) + 1) * sizeof(*long_options));
	for (size_t i = 0; i < array_len(table); i++) {
		long_options[i].name = table[i].name;
		long_options[i].has_arg =
			table[i].kind == KIND_TEXT ? required_argument : no_argument;
		long_options[i].val = OPTION_FIRST + (int)i;
	}
}

static void apply(struct options *o, size_t i, const char *value)
{
	char *base = (char *)o;

	switch (table[i].kind) {
	case KIND_TEXT:
		*(const char **)(base + table[i].at) = value;
		break;
	case KIND_FLAG:
		*(bool *)(base + table[i].at) = true;
		break;
	case KIND_COMMAND:
		/* --help wins over --version, the first of two wins */
		if (o->command == COMMAND_COUNT_)
			o->command = (enum command)table[i].at;
		break;
	}
	o->has_spec = o->has_spec || (table[i].of & OF_RULES) == OF_RULES;
}

/* Marks in `given` (one an entry of the table) what was given. */
static int read_options(struct options *o, int argc, char **argv, bool *given, struct error *e)
{
	struct option long_options[array_len(table) + 1];
	int value;

	fill_long_options(long_options);
	optind = 0; /* glibc: start anew, also after an earlier parse */
	opterr = 0;
	while ((value = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (value == ':')
			return error_set(
				e, ERR_INVALID, NULL, "%s needs a value", argv[optind - 1]);
		if (value == '?')
			return error_set(e, ERR_INVALID, NULL, "no such option, or not so: %s",
				argv[optind - 1]);
		given[value - OPTION_FIRST] = true;
		apply(o, (size_t)(value - OPTION_FIRST), optarg);
	}
	return 0;
}

static int read_command(struct options *o, int argc, char **argv, struct error *e)
{
	size_t i;

	if (optind >= argc)
		return error_set(e, ERR_INVALID, NULL, "no command given");
	for (i = 0; i < array_len(commands); i++)
		if (!strcmp(commands[i].name, argv[optind]))
			break;
	if (i == array_len(commands))
		return error_set(e, ERR_INVALID, NULL, "no such command: '%s'", argv[optind]);
	o->command = commands[i].command;
	o->names = argv + optind + 1;
	o->n_names = (size_t)(argc - optind - 1);
	if (o->n_names < commands[i].least)
		return error_set(e, ERR_INVALID, NULL,
			"%s: an argument is missing: the name of a rule, a file, a folder or a "
			"program",
			commands[i].name);
	if (o->n_names > commands[i].most)
		return error_set(e, ERR_INVALID, NULL, "%s: too many arguments: '%s'",
			commands[i].name, o->names[commands[i].most]);
	return 0;
}

static const char *command_name(enum command command)
{
	for (size_t i = 0; i < array_len(commands); i++)
		if (commands[i].command == command)
			return commands[i].name;
	return "?";
}

static int check_given(const struct options *o, const bool *given, struct error *e)
{
	for (size_t i = 0; i < array_len(table); i++)
		if (given[i] && table[i].of && !(table[i].of & OF(o->command)))
			return error_set(e, ERR_INVALID, NULL, "%s takes no option --%s",
				command_name(o->command), table[i].name);
	return 0;
}

/* A number of digits, as an id or a count of days is. */
static int check_number(const char *text, const char *name, struct error *e)
{
	if (!text || (*text && strlen(text) < 16 && text[strspn(text, "0123456789")] == '\0'))
		return 0;
	return error_set(e, ERR_INVALID, NULL, "--%s: a number is expected: '%s'", name, text);
}

/* What the command is about: one of a file, options that describe it, or (test) a name to remove. */
static int check_source(const struct options *o, struct error *e)
{
	unsigned n = (o->n_names > 0) + o->has_spec + (o->remove != NULL);

	if (!(OF(o->command) & OF_MATCHES) || n == 1)
		return 0;
	if (n > 1)
		return error_set(e, ERR_INVALID, NULL, "%s: either a file or options, not both",
			command_name(o->command));
	return error_set(e, ERR_INVALID, NULL,
		"%s: give a file, - for standard input, or options that describe the %s",
		command_name(o->command), o->command == COMMAND_EXPLAIN ? "connection" : "rule");
}

/* A program is a whole path; of suggestions some may be named by their numbers. */
static int check_program(const struct options *o, struct error *e)
{
	bool is_learn = o->command == COMMAND_LEARN;

	if (!is_learn && o->command != COMMAND_SUGGEST)
		return 0;
	if (!o->n_names && (o->stop || o->spec.duration))
		return error_set(e, ERR_INVALID, NULL, "learn: name a program, or: everything");
	if (o->stop && o->spec.duration)
		return error_set(e, ERR_INVALID, NULL, "learn: either --stop or --duration");
	if (o->n_names && o->names[0][0] != '/' &&
		!(is_learn && strcmp(o->names[0], "everything") == 0))
		return error_set(e, ERR_INVALID, NULL,
			"%s: the program is its whole path, as /usr/bin/curl: '%s'",
			command_name(o->command), o->names[0]);
	if (o->n_names > 1 && !o->accept)
		return error_set(e, ERR_INVALID, NULL, "suggest: numbers go with --accept");
	for (size_t i = 1; i < o->n_names; i++)
		if (check_number(o->names[i], "accept", e) < 0)
			return ERR_INVALID;
	return 0;
}

static int check_target(const struct options *o, struct error *e)
{
	if (o->token && o->token_file)
		return error_set(e, ERR_INVALID, NULL, "either --token or --token-file, not both");
	if ((o->token || o->token_file) && !o->url)
		return error_set(
			e, ERR_INVALID, NULL, "a token goes with --url: the socket needs none");
	if (o->cacert && (!o->url || strncasecmp(o->url, "https:", 6) != 0))
		return error_set(
			e, ERR_INVALID, NULL, "--cacert goes with --url https://HOST:PORT");
	return 0;
}

int options_parse(struct options *o, int argc, char **argv, struct error *e)
{
	bool given[array_len(table)] = { false };
	int r;

	*o = (struct options) { .command = COMMAND_COUNT_, .runtime_dir = RUNTIME_DIR };
	r = read_options(o, argc, argv, given, e);
	if (r || o->command != COMMAND_COUNT_)
		return r;
	r = read_command(o, argc, argv, e);
	if (!r)
		r = check_given(o, given, e);
	if (!r)
		r = check_source(o, e);
	if (!r)
		r = check_number(o->days, "days", e);
	if (!r)
		r = check_number(o->change, "change", e);
	if (!r)
		r = check_program(o, e);
	return r ? r : check_target(o, e);
}
