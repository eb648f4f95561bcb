/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of opensnitchd. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/options.h"
#include "lib/cleanup.h"

#define MAX_ARGS 8

static enum options_result parse(struct options *o, const char *const *args)
{
	char copy[MAX_ARGS][64], *argv[MAX_ARGS + 2];
	int argc = 0;

	argv[argc++] = (char[]) { "opensnitchd" };
	for (int i = 0; args[i]; i++, argc++) {
		snprintf(copy[i], sizeof(copy[i]), "%s", args[i]);
		argv[argc] = copy[i];
	}
	argv[argc] = NULL;
	return options_parse(argc, argv, o);
}

static void defaults_are_the_contract(void **state)
{
	const char *const args[] = { NULL };
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, args), OPTIONS_RUN);
	assert_string_equal(o.config, SYSCONFDIR "/opensnitchd/config.json");
	assert_string_equal(o.rules_dir, SYSCONFDIR "/opensnitchd/rules");
	assert_string_equal(o.runtime_dir, "/run/opensnitchd");
	assert_null(o.netns);
	assert_null(o.listen);
	assert_false(o.config_given);
	assert_int_equal(o.queue_num, 7370);
}

static void every_option_is_read(void **state)
{
	const char *const args[] = { "--netns=blue", "--queue-num=0", "--listen=127.0.0.1:1",
		"--check-config", "--foreground", "--log-format=json", "--config=/x", NULL };
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, args), OPTIONS_RUN);
	assert_int_equal(o.queue_num, 0);
	assert_true(o.check_config && o.config_given && o.has_log_format);
	assert_int_equal(o.log_format, LOG_FORMAT_JSON);
}

static void bad_usage_is_refused(void **state)
{
	static const char *const bad[] = { "--queue-num=65535", "--queue-num=-1",
		"--queue-num=", "--queue-num=7x", "--nonsense", "extra", "--log-format=xml",
		"--config" };

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++) {
		const char *const args[] = { bad[i], NULL };
		struct options o;

		assert_int_equal(parse(&o, args), OPTIONS_WRONG);
	}
}

static void help_and_version_end_well(void **state)
{
	static const char *const good[] = { "--help", "--version" };

	(void)state;
	for (size_t i = 0; i < array_len(good); i++) {
		const char *const args[] = { good[i], NULL };
		struct options o;

		assert_int_equal(parse(&o, args), OPTIONS_DONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_the_contract),
		cmocka_unit_test(every_option_is_read),
		cmocka_unit_test(bad_usage_is_refused),
		cmocka_unit_test(help_and_version_end_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
