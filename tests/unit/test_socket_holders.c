/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a process has a socket open, asked of the kernel about ourselves, with many files. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/socket_holders.h"

#define MANY 900
#define FEW 100 /* looked at in one call */

static int last_file;

static void open_files(int n)
{
	for (int i = 0; i < n; i++) {
		last_file = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(last_file >= 0);
	}
}

static void close_files(int from)
{
	for (int fd = from; fd <= last_file + 2; fd++)
		close(fd);
}

/* A socket, with the lowest number that is free. */
static int open_socket(uint32_t *ret_inode)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*ret_inode = (uint32_t)st.st_ino;
	return fd;
}

static enum socket_holding has(struct socket_places *places, uint32_t inode, unsigned max)
{
	return socket_holders_has(places, "/proc", getpid(), inode, max);
}

static void test_the_newest_is_found_at_once(void **state)
{
	struct socket_places places = { 0 };
	uint32_t inode;
	int first, fd;

	(void)state;
	open_files(1);
	first = last_file;
	open_files(MANY);
	fd = open_socket(&inode);
	/* With one look at all files in turn, of which it is not the first. */
	assert_int_equal(has(NULL, inode, 1), SOCKET_HELD);
	assert_int_equal(has(&places, inode, 1), SOCKET_HELD);
	/* Some that came after it are no hindrance. */
	open_files(5);
	assert_int_equal(has(NULL, inode, 1), SOCKET_HELD);
	close(fd);
	close_files(first);
}

static void test_one_in_a_gap_is_found_by_and_by(void **state)
{
	struct socket_places places = { 0 };
	uint32_t inode, other;
	int first, gap, fd, n = 0;

	(void)state;
	open_files(1);
	first = last_file;
	open_files(MANY);
	gap = first + MANY / 2 + 37;
	close(gap);
	fd = open_socket(&inode);
	assert_int_equal(fd, gap);
	while (has(&places, inode, FEW) != SOCKET_HELD)
		assert_true(++n <= MANY / FEW);
	assert_true(n > 0);
	assert_int_equal(places.of[getpid() % SOCKET_PLACES].fd, fd);
	/* The next one there at once. */
	close(fd);
	fd = open_socket(&other);
	assert_int_equal(fd, gap);
	assert_int_equal(has(&places, other, 1), SOCKET_HELD);
	/* And beside it. */
	assert_int_equal(dup2(fd, gap + 3), gap + 3);
	close(fd);
	assert_int_equal(has(&places, other, 1), SOCKET_HELD);
	close_files(first);
}

static void test_not_held_is_said_when_all_were_looked_at(void **state)
{
	struct socket_places places = { 0 };
	uint32_t inode;
	int first, fd;

	(void)state;
	open_files(1);
	first = last_file;
	fd = open_socket(&inode);
	close(fd);
	assert_int_equal(has(&places, inode, FEW), SOCKET_NOT_HELD);
	open_files(MANY);
	/* However often: each call looks at a part. */
	for (int i = 0; i < 3 * MANY / FEW; i++)
		assert_int_equal(has(&places, inode, FEW), SOCKET_HELD_PERHAPS);
	assert_int_equal(has(&places, inode, 0), SOCKET_NOT_HELD);
	assert_int_equal(has(&places, inode, FEW), SOCKET_HELD_PERHAPS);
	close_files(first);
	/* Of fewer files than it looked at before it looks at all again. */
	assert_int_equal(has(&places, inode, FEW), SOCKET_HELD_PERHAPS);
	assert_int_equal(has(&places, inode, FEW), SOCKET_NOT_HELD);
	/* A number that no process has. */
	assert_int_equal(
		socket_holders_has(&places, "/proc", INT32_MAX, inode, FEW), SOCKET_NOT_HELD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_newest_is_found_at_once),
		cmocka_unit_test(test_one_in_a_gap_is_found_by_and_by),
		cmocka_unit_test(test_not_held_is_said_when_all_were_looked_at),
	};
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < MANY + 100) {
		limit.rlim_cur = limit.rlim_max < 2 * MANY ? limit.rlim_max : 2 * MANY;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
