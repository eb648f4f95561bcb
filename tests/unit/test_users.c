/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User names from a passwd file: read, read again, and hostile. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/limits.h"
#include "lib/users.h"

static char path[] = "/tmp/opensnitch-test-users-XXXXXX";

static void write_file(const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void test_look_up(void **state)
{
	struct users *u;

	(void)state;
	write_file("zoe:x:3000:3000::/home/zoe:/bin/sh\n"
		   "root:x:0:0:root:/root:/bin/bash\n"
		   "# a comment\n"
		   "\n"
		   "broken line\n"
		   "negative:x:-5:1::/:/bin/sh\n"
		   "nobody:x:65534:65534::/:/bin/false\n"
		   "ann:x:1000:1000::/home/ann:/bin/bash");
	u = users_new(path);
	assert_non_null(u);
	assert_string_equal(users_name(u, 0), "root");
	assert_string_equal(users_name(u, 1000), "ann");
	assert_string_equal(users_name(u, 3000), "zoe");
	assert_string_equal(users_name(u, 65534), "nobody");
	assert_null(users_name(u, 1));
	assert_null(users_name(u, 999));
	assert_null(users_name(u, 65535));
	users_free(u);
	users_free(NULL);
}

static void test_no_file(void **state)
{
	struct users *u = users_new("/nonexistent/passwd");

	(void)state;
	assert_non_null(u);
	assert_null(users_name(u, 0));
	users_free(u);
}

static void test_the_machines_own(void **state)
{
	struct users *u = users_new(NULL);

	(void)state;
	assert_string_equal(users_name(u, 0), "root");
	users_free(u);
}

static void test_long_names_are_cut(void **state)
{
	char line[LIMIT_USER_NAME + 100], name[LIMIT_USER_NAME + 50];
	struct users *u;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(line, sizeof(line), "%s:x:7:7::/:/bin/sh\n", name);
	write_file(line);
	u = users_new(path);
	assert_int_equal(strlen(users_name(u, 7)), LIMIT_USER_NAME);
	users_free(u);
}

static void test_changes_are_seen(void **state)
{
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct users *u;
	uint64_t deadline;
	const char *name;

	(void)state;
	write_file("old:x:5:5::/:/bin/sh\n");
	u = users_new(path);
	assert_string_equal(users_name(u, 5), "old");
	write_file("new:x:5:5::/:/bin/sh\n");
	/* A time that differs for certain from that of the first writing. */
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	/* It looks at most once a second: wait for that, not longer than a minute. */
	deadline = clock_mono_ns() + 60000000000u;
	while (strcmp(name = users_name(u, 5), "new") != 0 && clock_mono_ns() < deadline)
		usleep(20000);
	assert_string_equal(name, "new");
	users_free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look_up),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_the_machines_own),
		cmocka_unit_test(test_long_names_are_cut),
		cmocka_unit_test(test_changes_are_seen),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
