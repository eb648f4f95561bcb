/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which file is executed, seen by the program in the real kernel. */
#include "config.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/witness_code.h"
#include "lib/clock.h"
#include "tests/net/witness_kit.h"

#define TRIES 10

/* Where its numbers are those that stat(2) tells. */
static void need_execs(const struct witness *w, const char *path)
{
	struct statfs fs;

	assert_int_equal(statfs(path, &fs), 0);
	if (sees(w, "executed files") && file_identity_is_plain_on((uint64_t)fs.f_type))
		return;
	print_message("eBPF sees %s; %s is on a file system of type %lx\n", witness_what(w), path,
		(unsigned long)fs.f_type);
	skip();
}

/* A child that stands still after its exec. */
static pid_t execute(const char *path)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		ptrace(PTRACE_TRACEME);
		execl(path, path, (char *)NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Executes `path`, by which `file` becomes the program. Another process of the same place may execute something in between: then again. */
static pid_t execute_and_see(const struct witness *w, const char *path, const char *file)
{
	struct file_identity seen;
	struct stat st;
	bool is_seen = false;
	pid_t pid = 0;

	assert_int_equal(stat(file, &st), 0);
	for (unsigned i = 0; i < TRIES && !is_seen; i++) {
		if (pid)
			end(pid);
		pid = execute(path);
		is_seen = witness_find_exec(w, pid, clock_mono_ns(), &seen);
	}
	assert_true(is_seen);
	assert_true(seen.dev == st.st_dev);
	assert_true(seen.inode == st.st_ino);
	return pid;
}

static void the_file(void **state)
{
	const struct witness *w = *state;
	uint64_t before = clock_mono_ns();
	struct file_identity seen;
	pid_t pid;

	need_execs(w, "/bin/true");
	pid = execute_and_see(w, "/bin/true", "/bin/true");
	/* An exec before this one, one long ago, and another process of the same place. */
	assert_false(witness_find_exec(w, pid, before, &seen));
	assert_false(witness_find_exec(w, pid, clock_mono_ns() + 120000000000, &seen));
	assert_false(witness_find_exec(w, pid + (int32_t)WITNESS_EXECS, clock_mono_ns(), &seen));
	end(pid);
}

static void the_interpreter_of_a_script(void **state)
{
	static const char text[] = "#!/bin/sh\n";
	const struct witness *w = *state;
	int out = memfd_create("script", 0), in;
	char path[32];
	pid_t pid;

	need_execs(w, "/bin/sh");
	assert_true(out >= 0);
	assert_int_equal(write(out, text, strlen(text)), strlen(text));
	/* What is open for writing cannot be executed. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", out);
	in = open(path, O_RDONLY);
	assert_true(in >= 0);
	close(out);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", in);
	pid = execute_and_see(w, path, "/bin/sh");
	end(pid);
	close(in);
}

/* There stat(2) tells numbers of its own. */
static void that_it_is_on_an_overlay(void **state)
{
	const struct witness *w = *state;
	struct file_identity seen;
	bool is_seen = false;
	struct statfs fs;

	need_execs(w, "/bin/true");
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (mount("overlay", "/mnt", "overlay", 0, "lowerdir=/usr/bin:/usr/sbin") < 0) {
		print_message("no overlayfs in this kernel\n");
		skip();
	}
	assert_int_equal(statfs("/mnt/true", &fs), 0);
	assert_int_equal(fs.f_type, OVERLAYFS_SUPER_MAGIC);
	for (unsigned i = 0; i < TRIES && !is_seen; i++) {
		pid_t pid = execute("/mnt/true");

		is_seen = witness_find_exec(w, pid, clock_mono_ns(), &seen);
		end(pid);
	}
	assert_true(is_seen);
	assert_int_equal(seen.inode, 0);
	assert_int_equal(seen.dev, 0);
	assert_int_equal(umount("/mnt"), 0);
}

/* What was not written as one is not believed. */
static void an_entry_is_whole(void **state)
{
	const struct witness_exec_slot one = { 0, 1000, 20, 30 }, other = { 0, 1000, 21, 30 },
				       third = { 0, 1001, 20, 30 }, fourth = { 0, 1000, 20, 31 };

	(void)state;
	assert_int_equal(witness_exec_check(&one) & UINT32_MAX, 0);
	assert_true(witness_exec_check(&one) == witness_exec_check(&one));
	assert_true(witness_exec_check(&one) != witness_exec_check(&other));
	assert_true(witness_exec_check(&one) != witness_exec_check(&third));
	assert_true(witness_exec_check(&one) != witness_exec_check(&fourth));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(the_interpreter_of_a_script, setup, teardown),
		cmocka_unit_test_setup_teardown(that_it_is_on_an_overlay, setup, teardown),
		cmocka_unit_test(an_entry_is_whole),
	};

	return cmocka_run_group_tests(tests, netns_group_setup, NULL);
}
