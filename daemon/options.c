/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command line options: one table of getopt, one line of help each. */
#include "config.h"

#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_QUEUE 7370

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "state-dir", required_argument, NULL, 's' },
	{ "runtime-dir", required_argument, NULL, 'r' },
	{ "rules-dir", required_argument, NULL, 'R' },
	{ "listen", required_argument, NULL, 'l' },
	{ "netns", required_argument, NULL, 'n' },
	{ "queue-num", required_argument, NULL, 'q' },
	{ "log-format", required_argument, NULL, 'L' },
	{ "no-bpf", no_argument, NULL, 'B' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "check-config", no_argument, NULL, 'C' },
	{ "verify-audit", no_argument, NULL, 'A' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print_help(void)
{
	puts("Usage: opensnitchd [OPTION]...\n"
	     "An application firewall: holds every new connection until a rule or a person "
	     "decides.\n\n"
	     "  --config FILE        configuration (" SYSCONFDIR "/opensnitchd/config.json)\n"
	     "  --state-dir DIR      database (" LOCALSTATEDIR "/lib/opensnitchd)\n"
	     "  --runtime-dir DIR    token, api.sock, pid file (/run/opensnitchd)\n"
	     "  --rules-dir DIR      rules as files (" SYSCONFDIR "/opensnitchd/rules)\n"
	     "  --listen ADDR:PORT   the dashboard's address (127.0.0.1:7373 and [::1]:7373)\n"
	     "  --netns NAME|PATH    guard this network namespace instead of our own\n"
	     "  --queue-num N        netfilter queue N, and N+1 for held packets (7370)\n"
	     "  --log-format FORMAT  text or json\n"
	     "  --no-bpf             do not load eBPF programs that see who sends\n"
	     "  --foreground         stay in the foreground (always so; for service managers)\n"
	     "  --check-config       check the configuration and exit\n"
	     "  --verify-audit       look for changes in the audit log, and exit\n"
	     "  --version            print the version and exit\n"
	     "  --help               print this and exit\n\n"
	     "Exit status: 0 clean, 1 failed at run time, 2 bad usage or configuration.");
}

static int parse_queue(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || v > 65534)
		return -1;
	*ret = (uint16_t)v;
	return 0;
}

static enum options_result wrong(const char *what, const char *value)
{
	char quoted[200];

	fprintf(stderr, "opensnitchd: %s: %s; see opensnitchd --help\n", what,
		log_quote(value, strlen(value), quoted, sizeof(quoted)));
	return OPTIONS_WRONG;
}

static enum options_result apply(int opt, struct options *o)
{
	switch (opt) {
	case 'c':
		o->config = optarg;
		o->config_given = true;
		break;
	case 's':
		o->state_dir = optarg;
		break;
	case 'r':
		o->runtime_dir = optarg;
		break;
	case 'R':
		o->rules_dir = optarg;
		break;
	case 'l':
		o->listen = optarg;
		break;
	case 'n':
		o->netns = optarg;
		break;
	case 'q':
		if (parse_queue(optarg, &o->queue_num) < 0)
			return wrong("--queue-num must be a number from 0 to 65534", optarg);
		break;
	case 'L':
		if (log_format_parse(optarg, &o->log_format) < 0)
			return wrong("--log-format must be text or json", optarg);
		o->has_log_format = true;
		break;
	case 'B':
		o->no_bpf = true;
		break;
	case 'f':
		break;
	case 'C':
		o->check_config = true;
		break;
	case 'A':
		o->verify_audit = true;
		break;
	case 'V':
		puts("opensnitchd " PACKAGE_VERSION);
		return OPTIONS_DONE;
	case 'h':
		print_help();
		return OPTIONS_DONE;
	default:
		fputs("see opensnitchd --help\n", stderr);
		return OPTIONS_WRONG;
	}
	return OPTIONS_RUN;
}

enum options_result options_parse(int argc, char **argv, struct options *ret)
{
	int opt;

	memset(ret, 0, sizeof(*ret));
	ret->config = SYSCONFDIR "/opensnitchd/config.json";
	ret->state_dir = LOCALSTATEDIR "/lib/opensnitchd";
	ret->runtime_dir = "/run/opensnitchd";
	ret->rules_dir = SYSCONFDIR "/opensnitchd/rules";
	ret->queue_num = DEFAULT_QUEUE;
	optind = 1;
	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		enum options_result r = apply(opt, ret);

		if (r != OPTIONS_RUN)
			return r;
	}
	if (optind < argc)
		return wrong("unexpected argument", argv[optind]);
	return OPTIONS_RUN;
}
