/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opensnitch-console: the unprivileged half. The engine starts it (daemon/ipc.h); people do not. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/audit.h"
#include "api/configuration.h"
#include "api/console.h"
#include "api/exporter.h"
#include "api/fetcher.h"
#include "api/peers.h"
#include "api/rule_check.h"
#include "api/sandbox.h"
#include "api/tls.h"
#include "daemon/ipc.h"
#include "lib/cleanup.h"
#include "lib/log.h"

static int usage(void)
{
	fprintf(stderr,
		"opensnitch-console %s: started by opensnitchd as\n"
		"  opensnitch-console --fds N_LISTEN | --read-config | --check-tls | "
		"--verify-audit\n"
		"and by opensnitch-ruleman as\n"
		"  opensnitch-console --check-rules FOLDER\n",
		PACKAGE_VERSION);
	return 2;
}

/* What a console does that does not serve; each returns the exit status. */
struct task {
	const char *option;
	int (*run)(void);
};

static const struct task *find_task(const char *option)
{
	static const struct task tasks[] = { { "--read-config", console_read_config },
		{ "--check-tls", tls_check_main }, { "--verify-audit", audit_verify_main } };

	for (size_t i = 0; i < array_len(tasks); i++)
		if (strcmp(tasks[i].option, option) == 0)
			return &tasks[i];
	return NULL;
}

int main(int argc, char **argv)
{
	bool serve = argc == 3 && strcmp(argv[1], "--fds") == 0;
	struct error err = { 0 };
	struct console_start start = { .group = -1, .peers_fd = -1, .fetcher = -1 };
	int format = LOG_FORMAT_TEXT;
	long n;

	/* With the rights of who asks, over files of theirs. */
	if (argc == 3 && strcmp(argv[1], "--check-rules") == 0)
		return rule_check_folder(argv[2]);
	if (serve) {
		char *end;

		n = strtol(argv[2], &end, 10);
		if (*end || n < 0 || n > IPC_LISTEN_MAX + 1)
			return usage();
		start.n_listen = (unsigned)n;
	} else if (argc != 2 || !find_task(argv[1])) {
		return usage();
	}
	(void)config_log_format(&format);
	log_init("console", LOG_LEVEL_INFO, (enum log_format)format);
	/* Before anything is given up: what reaches out into the world are other processes. */
	if (serve) {
		start.fetcher = fetcher_start(&err);
		if (start.fetcher < 0)
			log_warning("lists cannot be fetched: %s", err.message);
		if (exporter_start(start.exporter, &err) < 0)
			log_warning("decisions cannot be exported: %s", err.message);
		/* It ends when nothing is to be exported, and nobody waits for it. */
		signal(SIGCHLD, SIG_IGN);
	}
	if (sandbox_drop(CONSOLE_USER, 0, &start.group, &err) < 0) {
		log_error("%s", err.message);
		return 1;
	}
	if (serve)
		start.peers_fd = peers_open();
	if (sandbox_close(&err) < 0) {
		log_error("%s", err.message);
		return 1;
	}
	if (serve)
		return console_serve(&start);
	return find_task(argv[1])->run();
}
