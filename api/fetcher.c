/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that fetches, and its workers. */
#include "config.h"

#include "api/fetcher.h"

#include <errno.h>
#include <fcntl.h>
#include <nss.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/fetch.h"
#include "api/sandbox.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/syscalls.h"

#define GRACE_MS 2000 /* past curl's own timeout */
#define SOCKET_FD 3

/* ---- a worker */

static void work(const struct fetch_request *request, int fd, int answer)
{
	const struct rlimit size = { request->max_bytes, request->max_bytes };
	struct error err = { 0 };
	struct fetch_result result = { .id = request->id };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &size) < 0 || sandbox_close_worker(&err) < 0)
		fetch_fail(&result, "the sandbox cannot be closed: %s", err.message);
	else
		fetch_run(request, fd, &result);
	_exit(write(answer, &result, sizeof(result)) == (ssize_t)sizeof(result) ? 0 : 1);
}

/* All that the worker says until it ends, at most `size` bytes; false when the time is over. */
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
	int answer[2];
	pid_t pid = -1;

	if (pipe2(answer, O_CLOEXEC) == 0) {
		pid = fork();
		if (pid == 0) {
			close(answer[0]);
			close(SOCKET_FD);
			work(request, fd, answer[1]);
		}
		close(answer[1]);
		if (pid > 0)
			supervise(request, pid, answer[0], result);
		close(answer[0]);
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
		if (n == (ssize_t)sizeof(*ret))
			return 1;
		close(*ret_fd);
	}
}

static int confine(struct error *err)
{
	struct sandbox_places places = { .any_port = true };
	const struct rlimit memory = { LIMIT_FETCH_MEMORY, LIMIT_FETCH_MEMORY };
	int64_t group;
	int r = sandbox_drop(CONSOLE_USER, LIMIT_FETCH_PROCESSES, &group, err);

	sandbox_add_resolver(&places);
	if (r == 0 && !SYSCALLS_UNDER_ASAN && setrlimit(RLIMIT_DATA, &memory) < 0)
		r = error_set(err, ERR_PERMISSION, NULL, "setrlimit: %s", strerror(errno));
	if (r == 0)
		r = sandbox_confine(&places, err);
	return r < 0 ? r : sandbox_close_fetcher(err);
}

static void run(int fd)
{
	struct fetch_request request;
	struct fetch_result result;
	struct error err = { 0 };
	int file;

	if (fd != SOCKET_FD && dup2(fd, SOCKET_FD) < 0)
		_exit(1);
	closefrom(SOCKET_FD + 1);
	fcntl(SOCKET_FD, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_NAME, "opensnitch-get");
	/* Those that the C library has inside: others would be loaded later, when no code can be. */
	__nss_configure_lookup("hosts", "files dns");
	if (fetch_init() < 0 || confine(&err) < 0) {
		log_error("lists cannot be fetched: %s", err.message);
		_exit(1);
	}
	/* After the change of user, which takes it away. The console may have ended before. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	while (receive(&request, &file) > 0) {
		request.url[LIMIT_FETCH_URL] = '\0';
		request.etag[LIMIT_FETCH_TAG] = request.last_modified[LIMIT_FETCH_TAG] = '\0';
		memset(&result, 0, sizeof(result));
		carry_out(&request, file, &result);
		if (send(SOCKET_FD, &result, sizeof(result), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

int fetcher_start(struct error *err)
{
	int pair[2], flags;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(
			err, err_from_errno(errno), NULL, "no socket pair: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		run(pair[1]);
	}
	close(pair[1]);
	flags = pid < 0 ? -1 : fcntl(pair[0], F_GETFL);
	if (pid < 0 || flags < 0 || fcntl(pair[0], F_SETFL, flags | O_NONBLOCK) < 0) {
		close(pair[0]);
		return error_set(err, err_from_errno(errno), NULL,
			"the process that fetches cannot be started: %s", strerror(errno));
	}
	return pair[0];
}
