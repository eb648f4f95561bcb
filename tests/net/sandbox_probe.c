/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one of our processes is still able to do once its sandbox is closed: `sandbox_probe console|engine|launcher|fetcher ACTION`,
 * with a folder for the console's state as descriptor 5 and its rules as 6; a launcher may execute what is open as 7, but not as 8. Prints "done", or "refused" and errno's name; a filter
 * that kills leaves no word.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "api/sandbox.h"
#include "daemon/ipc.h"
#include "daemon/privileges.h"
#include "lib/cleanup.h"
#include "lib/log.h"

#define PROGRAM_FD 7
#define OTHER_PROGRAM_FD 8

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd;
}

static int open_state(void)
{
	int fd = openat(IPC_FD_STATE, "probe", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? fd : unlinkat(IPC_FD_STATE, "probe", 0);
}

static int open_shadow(void)
{
	return try_open("/etc/shadow", O_RDONLY);
}

static int open_hosts(void)
{
	return try_open("/etc/hosts", O_RDONLY);
}

static int open_proc(void)
{
	return try_open("/proc/1/cmdline", O_RDONLY);
}

static int open_version(void)
{
	return try_open("/proc/version", O_RDONLY);
}

static int write_tmp(void)
{
	return try_open("/tmp/opensnitch-probe", O_WRONLY | O_CREAT);
}

static int exec_true(void)
{
	char *const argv[] = { (char[]) { "true" }, NULL };
	char *const envp[] = { NULL };

	return execve("/bin/true", argv, envp);
}

/* What is open at one number, and at another. */
static int exec_descriptor(int fd)
{
	char *const argv[] = { (char[]) { "true" }, NULL };
	char *const envp[] = { NULL };
	int flags = fcntl(fd, F_GETFD);

	return flags < 0 ? -1 : execveat(fd, "", argv, envp, AT_EMPTY_PATH);
}

static int exec_program(void)
{
	return exec_descriptor(PROGRAM_FD);
}

static int exec_other(void)
{
	return exec_descriptor(OTHER_PROGRAM_FD);
}

/* Its number, but not what was open there. */
static int exec_swapped(void)
{
	return dup2(OTHER_PROGRAM_FD, PROGRAM_FD) < 0 ? -1 : exec_program();
}

static int do_fork(void)
{
	int pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

static int do_ptrace(void)
{
	return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int do_signal(void)
{
	return kill(getppid(), 0);
}

static int do_mount(void)
{
	return mount("none", "/mnt", "tmpfs", 0, NULL);
}

static int do_unshare(void)
{
	return unshare(CLONE_NEWUSER);
}

static int do_setuid(void)
{
	return setresuid(0, 0, 0);
}

static int do_bpf(void)
{
	char attr[64] = "";

	return (int)syscall(SYS_bpf, 0, attr, sizeof(attr));
}

static int do_module(void)
{
	return (int)syscall(SYS_init_module, "", 0UL, "");
}

static int do_reboot(void)
{
	/* A command that no kernel knows: even where it is let through, nothing happens. */
	return (int)syscall(SYS_reboot, 0, 0, 0, NULL);
}

static int do_clock(void)
{
	return (int)syscall(SYS_settimeofday, NULL, NULL);
}

static int code_in_memory(void)
{
	void *p = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static int socket_inet(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int socket_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static int socket_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static int socket_alg(void)
{
	return socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

static int socket_vsock(void)
{
	return socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static const struct {
	const char *name;
	int (*fn)(void);
} actions[] = {
	{ "open-state", open_state },
	{ "open-shadow", open_shadow },
	{ "open-hosts", open_hosts },
	{ "open-proc", open_proc },
	{ "open-version", open_version },
	{ "write-tmp", write_tmp },
	{ "exec", exec_true },
	{ "exec-program", exec_program },
	{ "exec-other", exec_other },
	{ "exec-swapped", exec_swapped },
	{ "fork", do_fork },
	{ "ptrace", do_ptrace },
	{ "signal", do_signal },
	{ "mount", do_mount },
	{ "unshare", do_unshare },
	{ "setuid", do_setuid },
	{ "bpf", do_bpf },
	{ "module", do_module },
	{ "reboot", do_reboot },
	{ "clock", do_clock },
	{ "code-in-memory", code_in_memory },
	{ "socket-inet", socket_inet },
	{ "socket-netlink", socket_netlink },
	{ "socket-packet", socket_packet },
	{ "socket-alg", socket_alg },
	{ "socket-vsock", socket_vsock },
};

static int enter_launcher(struct error *err)
{
	static const int program = PROGRAM_FD;
	struct sandbox_places places = { .programs = &program,
		.n_programs = 1,
		.any_port = true,
		.any_folder = true,
		.readable = { "/proc" },
		.n_readable = 1 };
	int64_t group;
	int r = sandbox_drop(CONSOLE_USER, LIMIT_FETCH_PROCESSES, &group, err);

	if (r == 0)
		r = sandbox_confine(&places, err);
	return r < 0 ? r : sandbox_close_launcher(PROGRAM_FD, err);
}

static int enter_fetcher(struct error *err)
{
	const struct sandbox_places places = { .any_port = true };
	int64_t group;
	int r = sandbox_drop(CONSOLE_USER, LIMIT_FETCH_PROCESSES, &group, err);

	if (r == 0)
		r = sandbox_confine(&places, err);
	return r < 0 ? r : sandbox_close_fetcher(err);
}

static int enter(const char *who, struct error *err)
{
	static const int folders[] = { IPC_FD_STATE, IPC_FD_RULES };
	const struct sandbox_places places = { .folders = folders, .n_folders = 2 };
	int64_t group;
	int r;

	if (strcmp(who, "engine") == 0) {
		r = privileges_drop(false, err);
		return r < 0 ? r : privileges_close(false, err);
	}
	if (strcmp(who, "launcher") == 0)
		return enter_launcher(err);
	if (strcmp(who, "fetcher") == 0)
		return enter_fetcher(err);
	r = sandbox_drop(CONSOLE_USER, 0, &group, err);
	if (r == 0)
		r = sandbox_close(err);
	return r < 0 ? r : sandbox_confine(&places, err);
}

int main(int argc, char **argv)
{
	struct error err = { 0 };

	log_init("probe", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc != 3 || enter(argv[1], &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return 2;
	}
	for (size_t i = 0; i < array_len(actions); i++) {
		if (strcmp(argv[2], actions[i].name) != 0)
			continue;
		if (actions[i].fn() < 0)
			printf("refused %s\n", strerrorname_np(errno));
		else
			printf("done\n");
		return 0;
	}
	fprintf(stderr, "no action of that name\n");
	return 2;
}
