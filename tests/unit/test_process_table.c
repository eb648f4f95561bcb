/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process table by events alone, as of processes that nobody could look at: it outlives them, and is bounded. */
#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cmocka.h>

#include "daemon/process.h"
#include "lib/clock.h"
#include "lib/process_flag.h"
#include "tests/unit/folder.h"

#define FIRST 1000

/* Process number `i` is born of `parent` and executes /bin/NUMBER. */
static void begin(struct process_table *t, int32_t parent, int32_t i)
{
	char path[32];

	snprintf(path, sizeof(path), "/bin/%d", i);
	process_on_fork(t, parent, i, false, clock_mono_ns());
	process_on_exec(t, &(struct process_exec) { .tid = i,
				   .filename = path,
				   .filename_len = strlen(path),
				   .time_ns = clock_mono_ns() });
}

static void check_known(struct process_table *t, int32_t i)
{
	struct process *p = process_get(t, i);
	char path[32];

	snprintf(path, sizeof(path), "/bin/%d", i);
	assert_non_null(p);
	assert_int_equal(p->pid, i);
	assert_string_equal(p->path, path);
	process_unref(p);
}

static struct process_table *open_table(void **state)
{
	const struct folder *empty = *state;
	struct process_table *t = process_table_new(empty->path);

	assert_non_null(t);
	process_table_set_traced(t, true);
	return t;
}

static void test_the_dead_are_remembered_with_their_parents(void **state)
{
	struct process_table *t = open_table(state);
	struct process *p;

	begin(t, 1, FIRST);
	begin(t, FIRST, FIRST + 1);
	begin(t, FIRST + 1, FIRST + 2);
	for (int32_t i = FIRST; i <= FIRST + 2; i++)
		process_on_exit(t, i, true, clock_mono_ns());
	check_known(t, FIRST + 2);
	p = process_get(t, FIRST + 2);
	assert_true(p->n_parents >= 2);
	assert_int_equal(p->parents[0].pid, FIRST + 1);
	assert_string_equal(p->parents[0].path, "/bin/1001");
	assert_int_equal(p->parents[1].pid, FIRST);
	assert_string_equal(p->parents[1].path, "/bin/1000");
	process_unref(p);
	process_table_free(t);
}

/* A process as /proc shows it whose file cannot be read: there is no "exe". */
static void write_process(const struct folder *f, int pid, int ppid, const char *name)
{
	char path[300], text[512];

	snprintf(path, sizeof(path), "%s/%d", f->path, pid);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%d/comm", pid);
	snprintf(text, sizeof(text), "%s\n", name);
	folder_write(f, path, text);
	snprintf(path, sizeof(path), "%d/stat", pid);
	snprintf(text, sizeof(text), "%d (%s) S %d 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 77 0\n", pid,
		name, ppid);
	folder_write(f, path, text);
	snprintf(path, sizeof(path), "%d/status", pid);
	snprintf(text, sizeof(text), "Name:\t%s\nTgid:\t%d\nPPid:\t%d\nUid:\t5\t6\t5\t5\n", name,
		pid, ppid);
	folder_write(f, path, text);
}

static void test_an_ancestor_without_a_path_has_a_name(void **state)
{
	struct process_table *t;
	struct process *p;

	write_process(*state, 1, 0, "init");
	write_process(*state, FIRST, 1, "(x) \x01 and more");
	t = open_table(state);
	begin(t, FIRST, FIRST + 1);
	p = process_get(t, FIRST + 1);
	assert_non_null(p);
	assert_int_equal(p->n_parents, 1);
	assert_string_equal(p->parents[0].path, "");
	assert_string_equal(p->parents[0].who.name, "(x) \x01 and more");
	assert_int_equal(p->parents[0].who.euid, 6);
	process_unref(p);
	process_table_free(t);
}

/* A file in the folder: its path, device and inode. */
struct program {
	char path[300];
	struct stat st;
};

static struct program write_program(const struct folder *f, const char *name, const char *text)
{
	struct program p;

	snprintf(p.path, sizeof(p.path), "%s/%s", f->path, name);
	folder_write(f, name, text);
	assert_int_equal(stat(p.path, &p.st), 0);
	return p;
}

/* It is a program for this machine, as far as its first bytes go. */
static void make_native(const struct program *p)
{
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out = open(p->path, O_WRONLY | O_CLOEXEC);
	char head[64];

	assert_true(in >= 0 && out >= 0);
	assert_int_equal(read(in, head, sizeof(head)), sizeof(head));
	assert_int_equal(write(out, head, sizeof(head)), sizeof(head));
	close(in);
	close(out);
}

static bool is_plain(const char *path)
{
	struct statfs fs;

	assert_int_equal(statfs(path, &fs), 0);
	return file_identity_is_plain_on((uint64_t)fs.f_type);
}

/* Process FIRST executed `is` by the name `given`; NULL: it was not seen what. */
static void execute(struct process_table *t, const char *given, const struct program *is)
{
	struct process_exec exec = { .tid = FIRST,
		.filename = given,
		.filename_len = strlen(given),
		.time_ns = clock_mono_ns(),
		.is_seen = is };

	if (is)
		exec.file = (struct file_identity) { .dev = is->st.st_dev, .inode = is->st.st_ino };
	process_on_exec(t, &exec);
}

static void check_told(struct process_table *t, const char *path, bool forged)
{
	struct process *p = process_get(t, FIRST);

	assert_non_null(p);
	assert_string_equal(p->path, path);
	assert_int_equal(!!(p->flags & PROCESS_EXE_FORGED), forged);
	process_unref(p);
}

static void test_what_was_executed_counts(void **state)
{
	struct program trusted = write_program(*state, "trusted", "t");
	struct program real = write_program(*state, "real", "r");
	struct process_table *t = open_table(state);
	char exe[300], cwd[300];

	write_process(*state, FIRST, 1, "x");
	snprintf(exe, sizeof(exe), "%s/%d/exe", ((const struct folder *)*state)->path, FIRST);
	snprintf(cwd, sizeof(cwd), "%s/%d/cwd", ((const struct folder *)*state)->path, FIRST);
	assert_int_equal(symlink(trusted.path, exe), 0);
	execute(t, trusted.path, &trusted);
	check_told(t, trusted.path, false);
	execute(t, real.path, &real);
	check_told(t, real.path, true);
	/* By a name that leads to it from where the process is; then from nowhere. */
	assert_int_equal(symlink(((const struct folder *)*state)->path, cwd), 0);
	execute(t, "./real", &real);
	check_told(t, real.path, true);
	assert_int_equal(unlink(real.path), 0);
	execute(t, "./real", &real);
	check_told(t, "./real", true);
	/* Not seen: then /proc is believed. */
	execute(t, "./real", NULL);
	check_told(t, trusted.path, false);
	/* On a file system of other numbers than the one of what /proc names, where that is a plain one. */
	execute(t, "./real", &(const struct program) { 0 });
	if (is_plain(exe))
		check_told(t, "./real", true);
	/* Events were lost, perhaps that of another exec. */
	execute(t, "./real", &real);
	process_on_lost(t);
	check_told(t, trusted.path, false);
	process_table_free(t);
}

static void test_a_path_is_ours_only_where_it_leads_to_what_was_executed(void **state)
{
	struct program trusted = write_program(*state, "trusted", "#!/bin/sh\n");
	struct program real = write_program(*state, "real", "r");
	struct process_table *t = open_table(state);
	char path[340];

	execute(t, real.path, &real);
	check_told(t, real.path, false);
	/* A script: what was executed is its interpreter. */
	execute(t, trusted.path, &real);
	check_told(t, trusted.path, false);
	make_native(&trusted);
	execute(t, trusted.path, &real);
	snprintf(path, sizeof(path), "other-root:%s", trusted.path);
	check_told(t, path, false);
	execute(t, trusted.path, &trusted);
	check_told(t, trusted.path, false);
	/* On a file system of other numbers. */
	execute(t, trusted.path, &(const struct program) { 0 });
	check_told(t, is_plain(trusted.path) ? path : trusted.path, false);
	/* Nothing is there; no file is there; it was not seen what was executed. */
	assert_int_equal(unlink(trusted.path), 0);
	execute(t, trusted.path, &real);
	check_told(t, path, false);
	assert_int_equal(mkdir(trusted.path, 0700), 0);
	execute(t, trusted.path, &real);
	check_told(t, path, false);
	execute(t, trusted.path, NULL);
	check_told(t, trusted.path, false);
	process_table_free(t);
}

static void test_it_is_bounded(void **state)
{
	struct process_table *t = open_table(state);
	const int32_t end = FIRST + 3 * LIMIT_PROCESSES;

	for (int32_t i = FIRST; i < end; i++) {
		begin(t, 1, i);
		assert_true(process_table_count(t) <= LIMIT_PROCESSES);
		/* Every second one ends: those go first. */
		if (i % 2)
			process_on_exit(t, i, true, clock_mono_ns());
	}
	assert_int_equal(process_table_count(t), LIMIT_PROCESSES);
	check_known(t, end - 1);
	check_known(t, end - 2);
	process_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_dead_are_remembered_with_their_parents,
			folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(
			test_an_ancestor_without_a_path_has_a_name, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(
			test_what_was_executed_counts, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_path_is_ours_only_where_it_leads_to_what_was_executed, folder_setup,
			folder_teardown),
		cmocka_unit_test_setup_teardown(test_it_is_bounded, folder_setup, folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
