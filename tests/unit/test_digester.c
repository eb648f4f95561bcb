/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Digests of real programs while they run: read once for each state of a file, and of the very file that is executed. */
#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/digester.h"
#include "lib/sha1_md5.h"
#include "lib/sha256.h"
#include "tests/unit/folder.h"

#define CAT "/bin/cat"
#define DEADLINE_MS 60000
#define TAIL_LEN 16 /* behind the program's own bytes: nothing runs it */

struct kit {
	struct folder *folder;
	struct digester *digester;
	char program[300];
};

static int setup(void **state)
{
	struct kit *k = calloc(1, sizeof(*k));
	struct error err;

	if (folder_setup(state) < 0 || digester_open(&k->digester, &err) < 0)
		return -1;
	k->folder = *state;
	snprintf(k->program, sizeof(k->program), "%s/program", k->folder->path);
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	struct kit *k = *state;

	digester_close(k->digester);
	*state = k->folder;
	free(k);
	return folder_teardown(state);
}

/* A copy of a program that waits for its input, with some bytes behind. */
static void write_program(const char *path, const char *tail)
{
	int in = open(CAT, O_RDONLY | O_CLOEXEC);
	int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	struct stat st;

	assert_true(in >= 0 && out >= 0);
	assert_int_equal(fstat(in, &st), 0);
	while (lseek(in, 0, SEEK_CUR) < st.st_size)
		assert_true(sendfile(out, in, NULL, (size_t)st.st_size) > 0);
	assert_int_equal(write(out, tail, TAIL_LEN), TAIL_LEN);
	close(in);
	close(out);
}

/* The digests that this file should have, in hexadecimal. */
static void digests_of(const char *path, char sha256[2 * SHA256_LEN + 1], char md5[2 * MD5_LEN + 1])
{
	uint8_t strong[SHA256_LEN], sha1[SHA1_LEN], weak[MD5_LEN], chunk[4096];
	struct sha1_md5 h;
	struct sha256 s;
	FILE *f = fopen(path, "re");
	size_t n;

	assert_non_null(f);
	sha256_init(&s);
	sha1_md5_init(&h);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
		sha256_update(&s, chunk, n);
		sha1_md5_update(&h, chunk, n);
	}
	fclose(f);
	sha256_final(&s, strong);
	sha1_md5_final(&h, sha1, weak);
	hex_write(strong, sizeof(strong), sha256);
	hex_write(weak, sizeof(weak), md5);
}

/* One that runs it, and has executed it when this returns. */
struct runner {
	struct process process;
	int input;
};

static void run(struct runner *r, const char *path)
{
	int in[2], out[2];
	char byte = 'x', link[64];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	memset(r, 0, sizeof(*r));
	r->process.pid = fork();
	assert_true(r->process.pid >= 0);
	if (r->process.pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	assert_int_equal(write(in[1], &byte, 1), 1);
	assert_int_equal(read(out[0], &byte, 1), 1); /* it answers: it runs */
	close(out[0]);
	r->input = in[1];
	snprintf(link, sizeof(link), "/proc/%d/exe", r->process.pid);
	assert_true(file_identity_read(AT_FDCWD, link, &r->process.exe));
}

static void end(struct runner *r)
{
	close(r->input);
	assert_int_equal(waitpid(r->process.pid, NULL, 0), r->process.pid);
}

/* Asks until it is read. */
static enum digester_answer wait_digest(
	struct kit *k, const struct process *p, enum digest which, struct text *ret)
{
	struct pollfd ready = { .fd = digester_fd(k->digester), .events = POLLIN };
	enum digester_answer answer;

	while ((answer = digester_get(k->digester, p, which, ret)) == DIGESTER_PENDING) {
		assert_int_equal(poll(&ready, 1, DEADLINE_MS), 1);
		digester_collect(k->digester);
	}
	return answer;
}

/* It is not known yet, and then it is that of what the file holds now. */
static void check_is_read(struct kit *k, const struct process *p, const char *path)
{
	char sha256[2 * SHA256_LEN + 1], md5[2 * MD5_LEN + 1];
	struct text got;

	digests_of(path, sha256, md5);
	assert_int_equal(digester_get(k->digester, p, DIGEST_SHA256, &got), DIGESTER_PENDING);
	assert_int_equal(wait_digest(k, p, DIGEST_SHA256, &got), DIGESTER_KNOWN);
	assert_string_equal(got.s, sha256);
	/* All of them come of one reading. */
	assert_int_equal(digester_get(k->digester, p, DIGEST_MD5, &got), DIGESTER_KNOWN);
	assert_string_equal(got.s, md5);
}

static void test_a_file_is_read_once(void **state)
{
	struct kit *k = *state;
	struct runner one, two;
	struct text got;

	write_program(k->program, "aaaaaaaaaaaaaaaa");
	run(&one, k->program);
	check_is_read(k, &one.process, k->program);
	end(&one);
	/* Another process, the same file. */
	run(&two, k->program);
	assert_int_equal(
		digester_get(k->digester, &two.process, DIGEST_SHA256, &got), DIGESTER_KNOWN);
	end(&two);
}

/* Other bytes in the same inode, of the same length and with the old mtime: the time of change gives it away. */
static void overwrite(const char *path, const struct stat *old)
{
	struct stat now;

	do {
		const struct timespec times[2] = { old->st_atim, old->st_mtim };
		int fd = open(path, O_WRONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		assert_int_equal(pwrite(fd, "bbbbbbbbbbbbbbbb", TAIL_LEN, old->st_size - TAIL_LEN),
			TAIL_LEN);
		assert_int_equal(futimens(fd, times), 0);
		assert_int_equal(fstat(fd, &now), 0);
		close(fd);
		/* The kernel's clock for it has ticks. */
	} while (now.st_ctim.tv_sec == old->st_ctim.tv_sec &&
		 now.st_ctim.tv_nsec == old->st_ctim.tv_nsec);
	assert_true(now.st_ino == old->st_ino && now.st_size == old->st_size &&
		    now.st_mtim.tv_sec == old->st_mtim.tv_sec &&
		    now.st_mtim.tv_nsec == old->st_mtim.tv_nsec);
}

static void test_a_file_that_changed_is_read_anew(void **state)
{
	struct kit *k = *state;
	struct runner r;
	struct stat st;

	write_program(k->program, "aaaaaaaaaaaaaaaa");
	run(&r, k->program);
	check_is_read(k, &r.process, k->program);
	end(&r);
	assert_int_equal(stat(k->program, &st), 0);
	overwrite(k->program, &st);
	run(&r, k->program);
	check_is_read(k, &r.process, k->program);
	end(&r);
}

static void test_what_stands_at_the_path_now_does_not_count(void **state)
{
	struct kit *k = *state;
	char other[320];
	struct runner r;

	write_program(k->program, "aaaaaaaaaaaaaaaa");
	run(&r, k->program);
	snprintf(other, sizeof(other), "%s/other", k->folder->path);
	assert_int_equal(rename(k->program, other), 0);
	write_program(k->program, "bbbbbbbbbbbbbbbb");
	check_is_read(k, &r.process, other);
	end(&r);
}

static void test_who_executed_something_else_is_not_judged(void **state)
{
	struct kit *k = *state;
	struct runner r;
	struct process gone;
	struct text got;

	write_program(k->program, "aaaaaaaaaaaaaaaa");
	run(&r, k->program);
	gone = r.process;
	r.process.exe.inode++;
	assert_int_equal(
		digester_get(k->digester, &r.process, DIGEST_SHA256, &got), DIGESTER_NEVER);
	memset(&r.process.exe, 0, sizeof(r.process.exe));
	assert_int_equal(
		digester_get(k->digester, &r.process, DIGEST_SHA256, &got), DIGESTER_NEVER);
	end(&r);
	assert_int_equal(digester_get(k->digester, &gone, DIGEST_SHA256, &got), DIGESTER_NEVER);
}

#define DIGESTER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIGESTER_TEST(test_a_file_is_read_once),
		DIGESTER_TEST(test_a_file_that_changed_is_read_anew),
		DIGESTER_TEST(test_what_stands_at_the_path_now_does_not_count),
		DIGESTER_TEST(test_who_executed_something_else_is_not_judged),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
