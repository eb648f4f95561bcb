/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every way in which a file gets other contents is seen, and nothing else. */
#include "config.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/file_watch.h"
#include "tests/unit/folder.h"

#define DEADLINE_MS 60000

static const char *in(const struct folder *f, const char *name)
{
	static char path[2][300];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", f->path, name);
	return path[turn];
}

/* What happened before is told at once. */
static bool is_told(struct file_watch *w)
{
	struct pollfd p = { .fd = file_watch_fd(w), .events = POLLIN };

	return poll(&p, 1, DEADLINE_MS) == 1 && file_watch_read(w);
}

static bool is_quiet(struct file_watch *w)
{
	return !file_watch_read(w);
}

static void test_written_and_replaced(void **state)
{
	const struct folder *f = *state;
	struct file_watch *w;

	folder_write(f, "hosts", "1");
	folder_write(f, "other", "1");
	w = file_watch_new(in(f, "hosts"));
	assert_non_null(w);
	assert_true(is_quiet(w));
	folder_write(f, "hosts", "2");
	assert_true(is_told(w));
	assert_true(is_quiet(w));
	/* Others in the folder do not count. */
	folder_write(f, "other", "2");
	folder_write(f, "hosts~", "2");
	assert_true(is_quiet(w));
	/* As editors do; and the new one is watched in its turn. */
	assert_int_equal(rename(in(f, "other"), in(f, "hosts")), 0);
	assert_true(is_told(w));
	folder_write(f, "hosts", "4");
	assert_true(is_told(w));
	assert_true(is_quiet(w));
	assert_int_equal(rename(in(f, "hosts"), in(f, "away")), 0);
	assert_true(is_told(w));
	folder_write(f, "away", "5");
	assert_true(is_quiet(w));
	file_watch_free(w);
}

static void test_removed_and_made(void **state)
{
	const struct folder *f = *state;
	struct file_watch *w = file_watch_new(in(f, "hosts"));

	assert_non_null(w);
	folder_write(f, "hosts", "1");
	assert_true(is_told(w));
	folder_write(f, "hosts", "2");
	assert_true(is_told(w));
	assert_int_equal(unlink(in(f, "hosts")), 0);
	assert_true(is_told(w));
	assert_true(is_quiet(w));
	file_watch_free(w);
	assert_null(file_watch_new(in(f, "no/hosts")));
}

static void test_through_a_link(void **state)
{
	const struct folder *f = *state;
	struct file_watch *w;

	assert_int_equal(mkdir(in(f, "run"), 0700), 0);
	folder_write(f, "run/hosts", "1");
	folder_write(f, "run/new", "2");
	assert_int_equal(symlink("run/hosts", in(f, "hosts")), 0);
	w = file_watch_new(in(f, "hosts"));
	assert_non_null(w);
	folder_write(f, "run/hosts", "2");
	assert_true(is_told(w));
	/* Another file there, in a folder that is not watched. */
	assert_int_equal(rename(in(f, "run/new"), in(f, "run/hosts")), 0);
	assert_true(is_told(w));
	while (!is_quiet(w))
		;
	folder_write(f, "run/hosts", "3");
	assert_true(is_told(w));
	file_watch_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_written_and_replaced, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(
			test_removed_and_made, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_through_a_link, folder_setup, folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
