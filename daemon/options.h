/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of opensnitchd. */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/log.h"

struct options {
	const char *config; /* path; may not exist */
	const char *state_dir;
	const char *runtime_dir;
	const char *rules_dir;
	const char *listen; /* "ADDR:PORT", or NULL: as the config says */
	const char *netns; /* name under /run/netns or a path, or NULL: our own */
	uint16_t queue_num; /* and the next one, for held packets */
	bool config_given; /* then it must exist */
	bool check_config;
	bool verify_audit;
	bool no_bpf;
	bool has_log_format;
	enum log_format log_format;
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_DONE, /* --help or --version was printed: exit 0 */
	OPTIONS_WRONG, /* one line on stderr says what: exit 2 */
};

/* Reads argv (strings are borrowed). Fills the defaults of the API contract. */
enum options_result options_parse(int argc, char **argv, struct options *ret);

#endif
