/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opensnitch-exporter: a worker for each target, started and started again. The console starts it (api/exporter.h); people do not. */
#include "config.h"

#include "api/exporter.h"

#include <errno.h>
#include <nss.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/export_sink.h"
#include "api/export_worker.h"
#include "api/program.h"
#include "api/sandbox.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/syscalls.h"

#define FIRST_FD EXPORTER_FD_CHANNEL
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

	places.n_readable = sandbox_resolver_files(places.readable);
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

/* The first message of each channel, or its end. */
static void receive_targets(struct exporter *x)
{
	for (unsigned i = 0; i < LIMIT_EXPORT_TARGETS; i++) {
		struct slot *s = &x->slots[i];
		char text[EXPORT_URL_MAX + 3] = "";
		ssize_t n;

		do
			n = recv(FIRST_FD + (int)i, text, sizeof(text) - 1, 0);
		while (n < 0 && errno == EINTR);
		s->is_used = n > 1 && export_target_parse(text + 1, &s->target, NULL) == 0;
		s->again_ms = AGAIN_FIRST_MS;
	}
}

/* What was given up before the program began stays so; dumping, an exec allows again. */
static int close_sandbox(struct error *err)
{
	const struct rlimit memory = { LIMIT_EXPORT_MEMORY, LIMIT_EXPORT_MEMORY };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
		(!SYSCALLS_UNDER_ASAN && setrlimit(RLIMIT_DATA, &memory) < 0))
		return error_set(
			err, ERR_PERMISSION, NULL, "its limits cannot be set: %s", strerror(errno));
	return sandbox_close_exporter(err);
}

static int run(struct exporter *x)
{
	struct error err = { 0 };
	sigset_t set;

	/* Whoever ends the daemon ends the engine, that one the console, and the console us: what is on its way arrives. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NAME, "opensnitch-send");
	/* Those that the C library has inside: others would be loaded later, when no code can be. */
	__nss_configure_lookup("hosts", "files dns");
	if (export_sink_init() < 0 || close_sandbox(&err) < 0) {
		log_error("decisions cannot be exported: %s", err.message);
		return 1;
	}
	receive_targets(x);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	x->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	while (x->signals >= 0 && tend(x)) {
		wait_for_something(x);
		reap(x);
	}
	return x->signals < 0;
}

int main(int argc, char **argv)
{
	static struct exporter x;
	char *end = NULL;

	log_init("exporter", LOG_LEVEL_INFO, program_log_format());
	if (argc == 2)
		x.told_pid = (int32_t)strtol(argv[1], &end, 10);
	if (!end || *end || x.told_pid <= 0) {
		fprintf(stderr, "opensnitch-exporter %s: started by opensnitch-console\n",
			PACKAGE_VERSION);
		return 2;
	}
	_exit(run(&x));
}
