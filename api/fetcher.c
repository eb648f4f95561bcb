/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The launcher: it waits for requests, and has a program carry out each. */
#include "config.h"

#include "api/fetcher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/fetch.h"
#include "api/program.h"
#include "api/sandbox.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/syscalls.h"

#define FETCHER_NAME "opensnitch-fetcher"
#define GRACE_MS 2000 /* past curl's own timeout */
#define SOCKET_FD                                                                                  \
	FETCHER_FD_CHANNEL /* the console's end of it, until the program gets one of its own */
#define PROGRAM_FD (FETCHER_FD_FILE + 1)
#define OUT_OF_THE_WAY 64

/* ---- a program for one request */

/* In the child. */
static void execute(enum log_format format, int channel, int file)
{
	struct fetch_result result = { 0 };
	char *argv[] = { (char[]) { FETCHER_NAME }, NULL };
	char *envp[PROGRAM_ENVIRONMENT_MAX];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The program may open no such socket, and the file may be in the place of this one. */
	if (log_journal_fd() >= 0)
		(void)dup2(log_journal_fd(), FETCHER_FD_JOURNAL);
	if ((file == FETCHER_FD_FILE ? fcntl(file, F_SETFD, 0) : dup2(file, FETCHER_FD_FILE)) >=
			0 &&
		dup2(channel, FETCHER_FD_CHANNEL) >= 0)
		execveat(PROGRAM_FD, "", argv, program_environment(format, envp), AT_EMPTY_PATH);
	fetch_fail(&result, FETCHER_NAME " cannot be started: %s", strerror(errno));
	_exit(write(channel, &result, sizeof(result)) == (ssize_t)sizeof(result) ? 0 : 1);
}

/* All that the program says until it ends, at most `size` bytes; false when the time is over. */
static bool hear(int fd, uint32_t timeout_ms, void *buf, size_t size, size_t *ret_len)
{
	uint64_t end = clock_mono_ns() + (uint64_t)timeout_ms * 1000000;

	for (*ret_len = 0;;) {
		uint64_t now = clock_mono_ns();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char beyond;
		ssize_t n;

		if (now >= end)
			return false;
		if (poll(&p, 1, (int)((end - now) / 1000000) + 1) <= 0)
			continue;
		n = *ret_len < size ? read(fd, (char *)buf + *ret_len, size - *ret_len)
				    : read(fd, &beyond, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		*ret_len += (size_t)n;
	}
}

static void supervise(
	const struct fetch_request *request, pid_t pid, int answer, struct fetch_result *result)
{
	size_t len;
	int status = 0;
	bool in_time = hear(answer, request->timeout_ms + GRACE_MS, result, sizeof(*result), &len);

	if (!in_time)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (in_time && WIFEXITED(status) && fetch_check_result(result, len) == 0)
		return;
	memset(result, 0, sizeof(*result));
	if (!in_time)
		fetch_fail(result, "it took longer than %u s", request->timeout_ms / 1000);
	else if (WIFSIGNALED(status))
		fetch_fail(
			result, "the process that fetched it died of signal %d", WTERMSIG(status));
	else
		fetch_fail(result, "the process that fetched it failed");
}

/* Takes `fd`. */
static void carry_out(const struct fetch_request *request, int fd, struct fetch_result *result)
{
	int pair[2];
	pid_t pid = -1;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
		/* There is room for it, so nothing waits. */
		if (write(pair[0], request, sizeof(*request)) == (ssize_t)sizeof(*request))
			pid = fork();
		if (pid == 0)
			execute((enum log_format)request->log_format, pair[1], fd);
		close(pair[1]);
		if (pid > 0)
			supervise(request, pid, pair[0], result);
		close(pair[0]);
	}
	if (pid < 0)
		fetch_fail(result, "no process can be started: %s", strerror(errno));
	result->id = request->id;
	close(fd);
}

/* ---- the one that waits for requests */

/* 1 and a request with its file; 0 at the end. Whatever else comes is passed over. */
static int receive(struct fetch_request *ret, int *ret_fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = ret, .iov_len = sizeof(*ret) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	const struct cmsghdr *c;
	ssize_t n;

	for (;;) {
		mh.msg_control = control;
		mh.msg_controllen = sizeof(control);
		n = recvmsg(SOCKET_FD, &mh, MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		c = CMSG_FIRSTHDR(&mh);
		if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
			c->cmsg_len != CMSG_LEN(sizeof(int)))
			continue;
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
		if (fetch_check_request(ret, (size_t)n) == 0)
			return 1;
		close(*ret_fd);
	}
}

static int confine(struct error *err)
{
	static const int program = PROGRAM_FD;
	struct sandbox_places places = {
		.programs = &program,
		.n_programs = 1,
		.any_port = true,
		.any_folder = true,
		.readable = { "/proc" },
	};
	int64_t group;
	int r = sandbox_drop(CONSOLE_USER, LIMIT_FETCH_PROCESSES, &group, err);

	places.n_readable = 1 + sandbox_resolver_files(&places.readable[1]);
	if (r == 0)
		r = sandbox_confine(&places, err);
	return r < 0 ? r : sandbox_close_launcher(PROGRAM_FD, err);
}

/* Gives both their numbers, and closes all else that was inherited. */
static int place_descriptors(int channel, int program)
{
	channel = fcntl(channel, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
	program = fcntl(program, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
	if (channel < 0 || program < 0 || dup3(channel, SOCKET_FD, O_CLOEXEC) < 0 ||
		dup3(program, PROGRAM_FD, O_CLOEXEC) < 0)
		return -1;
	close(FETCHER_FD_FILE);
	closefrom(PROGRAM_FD + 1);
	return 0;
}

static void run(int channel, int program)
{
	struct fetch_request request;
	struct fetch_result result;
	struct error err = { 0 };
	int file;

	if (place_descriptors(channel, program) < 0)
		_exit(1);
	log_renew("fetcher");
	prctl(PR_SET_NAME, "opensnitch-get");
	if (confine(&err) < 0) {
		log_error("lists cannot be fetched: %s", err.message);
		_exit(1);
	}
	/* After the change of user, which takes it away. The console may have ended before. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	while (receive(&request, &file) > 0) {
		memset(&result, 0, sizeof(result));
		carry_out(&request, file, &result);
		if (send(SOCKET_FD, &result, sizeof(result), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

/* ---- the start */

static int make_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int fetcher_start(struct error *err)
{
	_cleanup_close_ int program = program_open(FETCHER_NAME, err), ours = -1, theirs = -1;
	int pair[2];
	pid_t pid;

	if (program < 0)
		return program;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(
			err, err_from_errno(errno), NULL, "no socket pair: %s", strerror(errno));
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid == 0)
		run(theirs, program);
	if (pid < 0 || make_nonblocking(ours) < 0)
		return error_set(err, err_from_errno(errno), NULL,
			"the process that fetches cannot be started: %s", strerror(errno));
	return steal_fd(&ours);
}
