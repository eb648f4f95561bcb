/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that starts a worker for each target, and starts it again. */
#include "config.h"

#include "api/exporter.h"

#include <errno.h>
#include <fcntl.h>
#include <nss.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/export_worker.h"
#include "api/fetch.h"
#include "api/sandbox.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/syscalls.h"

#define FIRST_FD 3 /* the channels, after standard input, output and error */
#define AGAIN_FIRST_MS 1000
#define AGAIN_MAX_MS 60000
#define GRACE_MS 2000 /* past the workers' own */
#define MS UINT64_C(1000000)

struct slot {
	struct export_target target;
	bool is_used;
	pid_t pid; /* 0: none runs */
	uint64_t again_ns; /* CLOCK_MONOTONIC: when it is started again */
	uint32_t again_ms; /* the wait after the next death */
};

struct exporter {
	struct slot slots[LIMIT_EXPORT_TARGETS];
	int32_t told_pid;
	int signals;
	bool is_over;
	uint64_t kill_ns;
};

/* ---- a worker */

static int confine(const struct export_target *t, struct error *err)
{
	struct sandbox_places places = { .any_port = t->kind == EXPORT_SYSLOG_TCP ||
						     t->kind == EXPORT_SYSLOG_TLS };
	char folder[EXPORT_URL_MAX + 1];
	char *slash;

	sandbox_add_resolver(&places);
	if (t->kind == EXPORT_JSON) {
		/* The folder, as the file may be moved away; a pipe too lies in it. */
		strcpy(folder, t->path);
		slash = strrchr(folder, '/');
		slash[slash == folder] = '\0';
		places.paths[places.n_paths++] = folder;
	}
	return sandbox_confine(&places, err);
}

static void work(const struct exporter *x, unsigned i)
{
	const struct export_target *target = &x->slots[i].target;
	struct error err = { 0 };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(x->signals);
	for (unsigned other = 0; other < LIMIT_EXPORT_TARGETS; other++)
		if (other != i)
			close(FIRST_FD + (int)other);
	umask(027);
	if (confine(target, &err) < 0 || sandbox_close_worker(&err) < 0) {
		log_error("decisions cannot be exported: %s", err.message);
		_exit(1);
	}
	export_worker_run(FIRST_FD + (int)i, target, x->told_pid);
	_exit(0);
}

static void start_worker(struct exporter *x, unsigned i)
{
	struct slot *s = &x->slots[i];

	s->pid = fork();
	if (s->pid == 0)
		work(x, i);
	if (s->pid > 0)
		return;
	s->pid = 0;
	s->again_ns = clock_mono_ns() + s->again_ms * MS;
}

static void note_death(struct exporter *x, pid_t pid, int status)
{
	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++) {
		struct slot *s = &x->slots[i];

		if (s->pid != pid)
			continue;
		s->pid = 0;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
			s->is_used = false;
			return;
		}
		log_warning("the process that exports decisions died (status %d); it is started "
			    "again",
			status);
		s->again_ns = clock_mono_ns() + s->again_ms * MS;
		s->again_ms = s->again_ms * 2 < AGAIN_MAX_MS ? s->again_ms * 2 : AGAIN_MAX_MS;
	}
}

/* ---- the process that starts them */

static int until(uint64_t when_ns)
{
	uint64_t now = clock_mono_ns();

	return when_ns <= now ? 0 : (int)((when_ns - now) / MS) + 1;
}

/* How long nothing is to be done, in ms; -1: until something happens. */
static int next_wait(const struct exporter *x)
{
	int ms = x->is_over ? until(x->kill_ns) : -1;

	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++) {
		const struct slot *s = &x->slots[i];
		int due = s->is_used && !s->pid ? until(s->again_ns) : -1;

		if (due >= 0 && (ms < 0 || due < ms))
			ms = due;
	}
	return ms;
}

/* Waits; a channel that ends says that the console has ended. */
static void wait_for_something(struct exporter *x)
{
	struct pollfd p[LIMIT_EXPORT_TARGETS + 1] = { { .fd = x->signals, .events = POLLIN } };
	struct signalfd_siginfo info;

	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++)
		p[i + 1].fd = x->slots[i].is_used && !x->is_over ? FIRST_FD + (int)i : -1;
	if (poll(p, LIMIT_EXPORT_TARGETS + 1, next_wait(x)) <= 0)
		return;
	if (p[0].revents)
		(void)!read(x->signals, &info, sizeof(info));
	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS && !x->is_over; i++) {
		if (!p[i + 1].revents)
			continue;
		x->is_over = true;
		x->kill_ns = clock_mono_ns() + GRACE_MS * MS;
	}
}

static void reap(struct exporter *x)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		note_death(x, pid, status);
}

/* Starts what is due; once the console is gone, ends what should have ended. False when nothing is left. */
static bool tend(struct exporter *x)
{
	bool any = false;

	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++) {
		struct slot *s = &x->slots[i];

		if (x->is_over && !s->pid)
			s->is_used = false;
		if (s->is_used && !s->pid && until(s->again_ns) == 0)
			start_worker(x, i);
		else if (x->is_over && s->pid && until(x->kill_ns) == 0)
			kill(s->pid, SIGKILL);
		any |= s->is_used;
	}
	return any;
}

/* The first message of each channel, or its end. Whether there is any target. */
static bool receive_targets(struct exporter *x)
{
	bool any = false;

	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++) {
		struct slot *s = &x->slots[i];
		char url[EXPORT_URL_MAX + 2] = "";
		ssize_t n;

		do
			n = recv(FIRST_FD + (int)i, url, sizeof(url) - 1, 0);
		while (n < 0 && errno == EINTR);
		s->is_used = n > 0 && export_target_parse(url, &s->target, NULL) == 0;
		s->again_ms = AGAIN_FIRST_MS;
		any |= s->is_used;
	}
	return any;
}

static int close_sandbox(struct error *err)
{
	const struct rlimit memory = { LIMIT_EXPORT_MEMORY, LIMIT_EXPORT_MEMORY };
	int64_t group;
	int r = sandbox_drop(CONSOLE_USER, LIMIT_FETCH_PROCESSES, &group, err);

	if (r == 0 && !SYSCALLS_UNDER_ASAN && setrlimit(RLIMIT_DATA, &memory) < 0)
		r = error_set(err, ERR_PERMISSION, NULL, "setrlimit: %s", strerror(errno));
	return r < 0 ? r : sandbox_close_exporter(err);
}

/* Puts the channels where they belong, and closes everything else. */
static bool place(const int fds[static LIMIT_EXPORT_TARGETS])
{
	int high[LIMIT_EXPORT_TARGETS];

	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++) {
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FD + LIMIT_EXPORT_TARGETS);
		if (high[i] < 0)
			return false;
	}
	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++)
		if (dup2(high[i], FIRST_FD + (int)i) < 0)
			return false;
	closefrom(FIRST_FD + LIMIT_EXPORT_TARGETS);
	return true;
}

static void run(const int fds[static LIMIT_EXPORT_TARGETS], int32_t told_pid)
{
	static struct exporter x;
	struct error err = { 0 };
	sigset_t set;

	x.told_pid = told_pid;
	if (!place(fds))
		_exit(1);
	/* Whoever ends the daemon ends the engine, that one the console, and the console us: what is on its way arrives. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NAME, "opensnitch-send");
	__nss_configure_lookup("hosts", "files dns");
	if (fetch_init() < 0 || close_sandbox(&err) < 0) {
		log_error("decisions cannot be exported: %s", err.message);
		_exit(1);
	}
	if (!receive_targets(&x))
		_exit(0);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	x.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (x.signals < 0)
		_exit(1);
	while (tend(&x)) {
		wait_for_something(&x);
		reap(&x);
	}
	_exit(0);
}

/* ---- the console's side */

static int open_pairs(int ours[static LIMIT_EXPORT_TARGETS], int theirs[static LIMIT_EXPORT_TARGETS])
{
	const int size = LIMIT_EXPORT_BUFFER / 2; /* the kernel doubles it */

	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++)
		ours[i] = theirs[i] = -1;
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
	int theirs[LIMIT_EXPORT_TARGETS];
	pid_t pid = -1, told = getppid();

	if (open_pairs(ret_fds, theirs) == 0)
		pid = fork();
	if (pid == 0) {
		for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++)
			close(ret_fds[i]);
		run(theirs, told);
	}
	if (pid < 0)
		error_set(err, err_from_errno(errno), NULL,
			"the process that exports cannot be started: %s", strerror(errno));
	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++) {
		cleanup_close(&theirs[i]);
		if (pid < 0)
			cleanup_close(&ret_fds[i]);
	}
	return pid < 0 ? err->code : 0;
}
