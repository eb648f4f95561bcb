/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fork and exec of opensnitch-console with exactly the descriptors and environment of daemon/ipc.h. */
#include "config.h"

#include "daemon/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/tls_watch.h"
#include "lib/cleanup.h"

#define CONSOLE_NAME "opensnitch-console"
#define FDS_MAX (IPC_FD_LISTEN + LISTENERS_MAX)
#define ENV_MAX 12
#define CONFIG_TIMEOUT_MS 10000

/* What a child gets: descriptors by their number there, and where it runs. */
struct child_setup {
	int fds[FDS_MAX]; /* -1: not given */
	char *argv[4];
	const char *env_names[ENV_MAX];
	const char *env_values[ENV_MAX];
	unsigned n_env;
	int netns;
};

/* Beside our own executable (a build tree), otherwise where it is installed. */
static int find_console(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		if (slash && (size_t)(slash - path) + sizeof("/" CONSOLE_NAME) <= size) {
			strcpy(slash + 1, CONSOLE_NAME);
			if (access(path, X_OK) == 0)
				return 0;
		}
	}
	snprintf(path, size, "%s/opensnitch/" CONSOLE_NAME, LIBEXECDIR);
	return access(path, X_OK) == 0 ? 0 : ERR_NOT_FOUND;
}

static void add_env(struct child_setup *s, const char *name, const char *value)
{
	if (!value || s->n_env == ENV_MAX)
		return;
	s->env_names[s->n_env] = name;
	s->env_values[s->n_env++] = value;
}

static void setup_init(struct child_setup *s, const struct options *o, int channel, int config)
{
	static const char *const passed[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TZ",
		"JOURNAL_STREAM" };

	memset(s, 0, sizeof(*s));
	memset(s->fds, -1, sizeof(s->fds));
	s->netns = -1;
	s->fds[IPC_FD_CHANNEL] = channel;
	s->fds[IPC_FD_CONFIG] = config;
	add_env(s, IPC_ENV_CONFIG_PATH, o->config);
	add_env(s, IPC_ENV_STATE_DIR, o->state_dir);
	add_env(s, IPC_ENV_RULES_DIR, o->rules_dir);
	add_env(s, IPC_ENV_LISTEN, o->listen);
	add_env(s, IPC_ENV_LOG_FORMAT, o->has_log_format ? log_format_str(o->log_format) : NULL);
	for (size_t i = 0; i < array_len(passed); i++)
		add_env(s, passed[i], getenv(passed[i]));
}

/* In the child: numbers the descriptors. First all out of the way, then each to its place. */
static int place_descriptors(struct child_setup *s)
{
	for (int i = 0; i < FDS_MAX; i++) {
		if (s->fds[i] < 0)
			continue;
		s->fds[i] = fcntl(s->fds[i], F_DUPFD_CLOEXEC, FDS_MAX);
		if (s->fds[i] < 0)
			return -1;
	}
	for (int i = 0; i < FDS_MAX; i++)
		if (s->fds[i] >= 0 && dup2(s->fds[i], i) < 0)
			return -1;
	return 0;
}

static void run_child(struct child_setup *s, const char *path, char *const *envp)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (s->netns >= 0 && setns(s->netns, CLONE_NEWNET) < 0)
		_exit(126);
	if (place_descriptors(s) < 0)
		_exit(126);
	execve(path, s->argv, envp);
	_exit(127);
}

/* The pid, or a code. */
static int start(struct child_setup *s, struct error *err)
{
	char path[PATH_MAX], *envp[ENV_MAX + 1] = { 0 };
	int pid = -1;

	if (find_console(path, sizeof(path)) < 0)
		return error_set(err, ERR_NOT_FOUND, NULL,
			"%s is missing: install it with make install", path);
	for (unsigned i = 0; i < s->n_env; i++)
		if (asprintf(&envp[i], "%s=%s", s->env_names[i], s->env_values[i]) < 0)
			goto out;
	s->argv[0] = path;
	pid = fork();
	if (pid == 0)
		run_child(s, path, envp);
	s->argv[0] = NULL;
out:
	for (unsigned i = 0; i < s->n_env; i++)
		free(envp[i]);
	if (pid < 0)
		return error_set(err, err_from_errno(errno), NULL, "cannot start the console: %s",
			strerror(errno));
	return pid;
}

static int open_channel(int ret[2], struct error *err)
{
	int size = LIMIT_IPC_BACKLOG / 4;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
		return error_set(
			err, err_from_errno(errno), NULL, "no channel: %s", strerror(errno));
	for (int i = 0; i < 2; i++)
		if (setsockopt(ret[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
			setsockopt(ret[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

static int open_config(const struct options *o, struct error *err)
{
	int fd = open(o->config, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && !o->config_given)
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno == ENOENT ? ERR_INVALID : err_from_errno(errno),
			o->config, "cannot read the config %s: %s", o->config, strerror(errno));
	return fd;
}

/* Waits for the one message of --read-config. */
static int receive_config(int channel, struct ipc_config *ret)
{
	_Alignas(8) uint8_t buf[LIMIT_IPC_MESSAGE];
	struct pollfd p = { .fd = channel, .events = POLLIN };
	int extra = -1, n;

	do
		n = poll(&p, 1, CONFIG_TIMEOUT_MS);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return ERR_IO;
	n = ipc_receive(channel, buf, &extra);
	if (extra >= 0)
		close(extra);
	if (n <= 0)
		return ERR_CLOSED;
	if (((struct ipc_header *)buf)->type != IPC_CONFIG)
		return ERR_MALFORMED;
	memcpy(ret, buf, sizeof(*ret));
	return 0;
}

static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* What a console with a channel is started with; the caller's descriptors, each -1 or open, also after a failure. */
struct launch {
	int ours, theirs, config;
	struct child_setup setup;
};

static void launch_done(struct launch *l)
{
	const int fds[] = { l->ours, l->theirs, l->config };

	for (size_t i = 0; i < array_len(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

#define _cleanup_launch_ __attribute__((cleanup(launch_done)))

static int launch_init(
	struct launch *l, const struct options *o, const char *mode, struct error *err)
{
	int pair[2], r;

	l->ours = l->theirs = -1;
	l->config = open_config(o, err);
	if (l->config < 0)
		return l->config;
	r = open_channel(pair, err);
	if (r < 0)
		return r;
	l->ours = pair[0];
	l->theirs = pair[1];
	setup_init(&l->setup, o, l->theirs, l->config);
	l->setup.argv[1] = (char *)mode;
	return 0;
}

int child_read_config(const struct options *o, struct ipc_config *ret, struct error *err)
{
	struct launch l _cleanup_launch_;
	int status, pid, r = launch_init(&l, o, "--read-config", err);

	if (r < 0)
		return r;
	pid = start(&l.setup, err);
	if (pid < 0)
		return pid;
	close(steal_fd(&l.theirs));
	r = receive_config(l.ours, ret);
	if (r == ERR_IO)
		kill(pid, SIGKILL);
	status = wait_for(pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		return error_set(err, ERR_INVALID, NULL, "the config is not valid");
	if (r < 0)
		return error_set(err, ERR_IO, NULL,
			"the console could not read the config (status %d)", status);
	return 0;
}

int child_check_tls(const struct options *o, const struct ipc_config *c, struct error *err)
{
	struct launch l _cleanup_launch_ = { .ours = -1, .theirs = -1, .config = -1 };
	struct tls_watch tls;
	int status, pid, r;

	tls_watch_init(&tls, c);
	if (!tls.paths[0])
		return 0;
	r = launch_init(&l, o, "--check-tls", err);
	if (r < 0)
		return r;
	r = tls_watch_send(&tls, l.ours);
	if (r < 0)
		return error_set(
			err, r, NULL, "certificate and key cannot be sent: %s", err_str(r));
	pid = start(&l.setup, err);
	if (pid < 0)
		return pid;
	status = wait_for(pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		return error_set(err, ERR_INVALID, NULL, "the config is not valid");
	return status == 0 ? 0
			   : error_set(err, ERR_IO, NULL,
				     "the console could not check certificate and key (status %d)",
				     status);
}

int child_serve(const struct options *o, const struct folders *folders,
	const struct listeners *listeners, int home_netns, pid_t *ret_pid, int *ret_channel,
	struct error *err)
{
	struct launch l _cleanup_launch_;
	struct child_setup *s = &l.setup;
	char n_listen[12];
	int pid, r = launch_init(&l, o, "--fds", err);

	if (r < 0)
		return r;
	s->netns = home_netns;
	s->fds[IPC_FD_STATE] = folders->state_fd;
	s->fds[IPC_FD_RULES] = folders->rules_fd;
	s->fds[IPC_FD_TOKEN] = folders->token_fd;
	for (unsigned i = 0; i < listeners->n; i++)
		s->fds[IPC_FD_LISTEN + i] = listeners->fds[i];
	snprintf(n_listen, sizeof(n_listen), "%u", listeners->n);
	s->argv[2] = n_listen;
	pid = start(s, err);
	if (pid < 0)
		return pid;
	*ret_pid = pid;
	*ret_channel = steal_fd(&l.ours);
	return 0;
}

int child_verify_audit(const struct options *o, struct error *err)
{
	struct child_setup s;
	int status, pid;

	setup_init(&s, o, -1, -1);
	s.argv[1] = (char[]) { "--verify-audit" };
	pid = start(&s, err);
	if (pid < 0)
		return pid;
	status = wait_for(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
