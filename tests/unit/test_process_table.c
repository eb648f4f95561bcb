/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process table by events alone, as of processes that nobody could look at: it outlives them, and is bounded. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "daemon/process.h"
#include "lib/clock.h"
#include "tests/unit/folder.h"

#define FIRST 1000

/* Process number `i` is born of `parent` and executes /bin/NUMBER. */
static void begin(struct process_table *t, int32_t parent, int32_t i)
{
	char path[32];

	snprintf(path, sizeof(path), "/bin/%d", i);
	process_on_fork(t, parent, i, false, clock_mono_ns());
	process_on_exec(t, &(struct process_exec) { i, path, strlen(path), clock_mono_ns(), 0, 0 });
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
		cmocka_unit_test_setup_teardown(test_it_is_bounded, folder_setup, folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
