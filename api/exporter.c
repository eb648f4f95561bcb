/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The channels, and the program at their other end. */
#include "config.h"

#include "api/exporter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/program.h"
#include "api/sandbox.h"
#include "lib/cleanup.h"
#include "lib/log.h"

#define EXPORTER_NAME "opensnitch-exporter"
#define PROGRAM_FD (EXPORTER_FD_CHANNEL + LIMIT_EXPORT_TARGETS)
#define OUT_OF_THE_WAY 64

/* ---- in the child */

/* Gives everything its number, and closes all else that was inherited. */
static bool place_descriptors(const int channels[static LIMIT_EXPORT_TARGETS], int program)
{
	int high[LIMIT_EXPORT_TARGETS + 1];

	for (unsigned i = 0; i <= LIMIT_EXPORT_TARGETS; i++) {
		high[i] = fcntl(i < LIMIT_EXPORT_TARGETS ? channels[i] : program, F_DUPFD_CLOEXEC,
			OUT_OF_THE_WAY);
		if (high[i] < 0)
			return false;
	}
	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++)
		if (dup2(high[i], EXPORTER_FD_CHANNEL + (int)i) < 0)
			return false;
	if (dup3(high[LIMIT_EXPORT_TARGETS], PROGRAM_FD, O_CLOEXEC) < 0)
		return false;
	closefrom(PROGRAM_FD + 1);
	return true;
}

/* Waits for the first message or the end of each channel, and leaves it there: how it is to log is what it begins with. */
static bool is_any_used(enum log_format *ret)
{
	bool any = false;
	char c;

	for (int i = 0; i < LIMIT_EXPORT_TARGETS; i++) {
		ssize_t n;

		do
			n = recv(EXPORTER_FD_CHANNEL + i, &c, 1, MSG_PEEK);
		while (n < 0 && errno == EINTR);
		any |= n > 0;
		if (n > 0)
			*ret = c == EXPORTER_LOGS_JSON ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
	}
	return any;
}

static void run(const int channels[static LIMIT_EXPORT_TARGETS], int program, pid_t told_pid)
{
	char pid[12], *argv[] = { (char[]) { EXPORTER_NAME }, pid, NULL };
	char *envp[PROGRAM_ENVIRONMENT_MAX];
	enum log_format format = LOG_FORMAT_TEXT;
	struct error err = { 0 };
	int64_t group;

	snprintf(pid, sizeof(pid), "%d", (int)told_pid);
	prctl(PR_SET_NAME, "opensnitch-send");
	if (!place_descriptors(channels, program))
		_exit(1);
	log_renew("exporter");
	if (sandbox_drop(CONSOLE_USER, LIMIT_FETCH_PROCESSES, &group, &err) < 0) {
		log_error("decisions cannot be exported: %s", err.message);
		_exit(1);
	}
	if (!is_any_used(&format))
		_exit(0);
	execveat(PROGRAM_FD, "", argv, program_environment(format, envp), AT_EMPTY_PATH);
	log_error("decisions cannot be exported: " EXPORTER_NAME " cannot be started: %s",
		strerror(errno));
	_exit(1);
}

/* ---- the console's side */

static int open_pairs(
	int ours[static LIMIT_EXPORT_TARGETS], int theirs[static LIMIT_EXPORT_TARGETS])
{
	const int size = LIMIT_EXPORT_BUFFER / 2; /* the kernel doubles it */

	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++) {
		int pair[2], flags;

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
			return -1;
		ours[i] = pair[0];
		theirs[i] = pair[1];
		flags = fcntl(pair[0], F_GETFL);
		if (flags < 0 || fcntl(pair[0], F_SETFL, flags | O_NONBLOCK) < 0)
			return -1;
		if (setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
			setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	return 0;
}

int exporter_start(int ret_fds[static LIMIT_EXPORT_TARGETS], struct error *err)
{
	_cleanup_close_ int program = program_open(EXPORTER_NAME, err);
	int theirs[LIMIT_EXPORT_TARGETS], r = program < 0 ? program : 0;
	pid_t pid = -1, told = getppid();

	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++)
		ret_fds[i] = theirs[i] = -1;
	if (r == 0 && open_pairs(ret_fds, theirs) == 0)
		pid = fork();
	if (pid == 0)
		run(theirs, program, told);
	if (r == 0 && pid < 0)
		r = error_set(err, err_from_errno(errno), NULL,
			"the process that exports cannot be started: %s", strerror(errno));
	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++) {
		cleanup_close(&theirs[i]);
		if (r < 0) {
			cleanup_close(&ret_fds[i]);
			ret_fds[i] = -1;
		}
	}
	return r;
}
