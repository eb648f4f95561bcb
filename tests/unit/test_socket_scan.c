/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a search of /proc looks at first, in a /proc of our own. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/socket_scan.h"
#include "tests/unit/folder.h"

#define MAX_MS 60000

/* A process with one open file: the socket `inode`. */
static void process(const struct folder *proc, int pid, unsigned inode)
{
	char path[320], target[32];

	snprintf(path, sizeof(path), "%s/%d", proc->path, pid);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%d/fd", proc->path, pid);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%d/fd/3", proc->path, pid);
	snprintf(target, sizeof(target), "socket:[%u]", inode);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static void test_finds_the_holder(void **state)
{
	const struct folder *proc = *state;
	struct socket_scan s = { 0 };

	for (int pid = 1; pid <= 600; pid++)
		process(proc, pid, 5000 + (unsigned)pid);
	folder_write(proc, "version", "no process");
	assert_int_equal(socket_scan_find(&s, proc->path, 5001, getuid(), MAX_MS), 1);
	assert_int_equal(socket_scan_find(&s, proc->path, 5600, getuid(), MAX_MS), 600);
	/* The user of a socket is a hint, not a condition. */
	assert_int_equal(socket_scan_find(&s, proc->path, 5300, getuid() + 1, MAX_MS), 300);
	assert_int_equal(socket_scan_find(&s, proc->path, 77, getuid(), MAX_MS), 0);
	assert_int_equal(socket_scan_find(&s, proc->path, 5300, getuid(), 0), 300); /* known */
	assert_int_equal(socket_scan_find(&s, proc->path, 5301, getuid(), 0), 0); /* no time */
	assert_int_equal(s.n, 6);
}

static void test_known_ones_first(void **state)
{
	const struct folder *proc = *state;
	struct socket_scan s = { 0 };

	/* Two have it open: whoever is asked first is the answer. */
	process(proc, 100, 7);
	process(proc, 200, 8);
	assert_int_equal(socket_scan_find(&s, proc->path, 7, getuid(), MAX_MS), 100);
	process(proc, 200, 7);
	assert_int_equal(socket_scan_find(&s, proc->path, 7, getuid(), MAX_MS), 100);
	/* The list of those is bounded, and one that comes again goes to its front. */
	for (int i = 0; i < SOCKET_SCAN_KNOWN; i++) {
		process(proc, 300 + i, 1000 + (unsigned)i);
		assert_int_equal(
			socket_scan_find(&s, proc->path, 1000 + (unsigned)i, getuid(), MAX_MS),
			300 + i);
		assert_int_equal(s.known[0], 300 + i);
	}
	assert_int_equal(socket_scan_find(&s, proc->path, 1003, getuid(), MAX_MS), 303);
	assert_int_equal(s.known[0], 303);
	assert_int_equal(s.known[SOCKET_SCAN_KNOWN - 1], 300);
	/* It forgot the first one, and so asks the youngest holder. */
	assert_int_equal(socket_scan_find(&s, proc->path, 7, getuid(), MAX_MS), 200);
}

/* Numbers begin again at some point: then the highest are not the youngest. */
static void test_numbers_begin_again(void **state)
{
	const struct folder *proc = *state;
	struct socket_scan s = { 0 };

	process(proc, 10, 9);
	process(proc, 300, 7);
	process(proc, 500, 8);
	process(proc, 30000, 7);
	folder_write(proc, "loadavg", "0.50 0.25 0.10 1/300 400\n");
	assert_int_equal(socket_scan_find(&s, proc->path, 7, getuid(), MAX_MS), 300);
	/* The others are found all the same. */
	assert_int_equal(socket_scan_find(&s, proc->path, 8, getuid(), MAX_MS), 500);
	assert_int_equal(socket_scan_find(&s, proc->path, 9, getuid(), MAX_MS), 10);
	memset(&s, 0, sizeof(s));
	folder_write(proc, "loadavg", "what is this");
	assert_int_equal(socket_scan_find(&s, proc->path, 7, getuid(), MAX_MS), 30000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_finds_the_holder, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(
			test_known_ones_first, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(
			test_numbers_begin_again, folder_setup, folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
