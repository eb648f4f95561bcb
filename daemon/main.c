/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opensnitchd: the table of contents of a start and an end. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/child.h"
#include "daemon/engine.h"
#include "daemon/netns.h"
#include "daemon/privileges.h"
#include "daemon/witness.h"
#include "lib/cleanup.h"
#include "lib/log.h"

#define FILES_WANTED 16384u /* as in the systemd unit */

enum { EXIT_CLEAN = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Each processor that the machine can have takes two descriptors for its rings. */
static void raise_descriptors(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= FILES_WANTED)
		return;
	files.rlim_cur = files.rlim_max < FILES_WANTED ? files.rlim_max : FILES_WANTED;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

static int run(const struct options *options, const struct ipc_config *config, struct error *err)
{
	struct engine_setup setup = { .options = options, .config = config, .home_netns = -1 };
	struct folders folders = { 0 };
	struct listeners listeners = { 0 };
	struct engine *engine = NULL;
	int r;

	r = folders_open(
		&folders, options->runtime_dir, options->state_dir, options->rules_dir, err);
	if (r == 0)
		r = listeners_open(&listeners, config->listen, config->n_listen,
			options->runtime_dir, folders.runtime_fd, folders.console_gid, err);
	if (r == 0 && options->netns)
		r = netns_enter(options->netns, &setup.home_netns, err);
	/* While all capabilities are there. */
	if (r == 0 && !options->no_bpf)
		setup.witness = witness_open();
	if (r == 0)
		r = privileges_drop(options->netns != NULL, err);
	if (r == 0)
		r = privileges_close(options->netns != NULL, err);
	setup.folders = &folders;
	setup.listeners = &listeners;
	if (r == 0)
		r = engine_new(&setup, &engine, err);
	if (r == 0)
		r = engine_run(engine, err);
	engine_free(engine);
	witness_close(setup.witness);
	listeners_close(&listeners);
	folders_close(&folders);
	if (setup.home_netns >= 0)
		close(setup.home_netns);
	return r;
}

/* A config that is bad has been explained on stderr by the process that read it. */
static int read_config(struct options *options, struct ipc_config *config, struct error *err)
{
	int r = child_read_config(options, config, err);

	if (r == 0)
		r = child_check_tls(options, config, err);
	if (r == 0)
		log_init("opensnitchd", (enum log_level)config->settings.log_level,
			options->has_log_format ? options->log_format
						: (enum log_format)config->log_format);
	return r;
}

int main(int argc, char **argv)
{
	struct options options;
	struct ipc_config config = { 0 };
	struct error err = { 0 };
	int r;

	switch (options_parse(argc, argv, &options)) {
	case OPTIONS_RUN:
		break;
	case OPTIONS_DONE:
		return EXIT_CLEAN;
	case OPTIONS_WRONG:
		return EXIT_USAGE;
	}
	log_init("opensnitchd", LOG_LEVEL_INFO,
		options.has_log_format ? options.log_format : LOG_FORMAT_TEXT);
	if (options.check_config) {
		r = read_config(&options, &config, &err);
		if (r == 0)
			printf("%s: good\n", options.config);
		else
			log_error("%s", err.message);
		return r == 0 ? EXIT_CLEAN : r == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
	}
	if (options.verify_audit) {
		r = child_verify_audit(&options, &err);
		if (r < 0)
			log_error("%s", err.message);
		return r == 0 ? EXIT_CLEAN : EXIT_FAILED;
	}
	r = privileges_check(&err);
	if (r == 0)
		r = read_config(&options, &config, &err);
	if (r < 0) {
		log_error("%s", err.message);
		return r == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED;
	}
	raise_descriptors();
	r = run(&options, &config, &err);
	if (r < 0)
		log_error("%s", err.message);
	return r < 0 ? EXIT_FAILED : EXIT_CLEAN;
}
