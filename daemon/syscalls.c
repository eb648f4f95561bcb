/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's system calls: what its consoles need (lib/syscalls.h), and its own with their reasons. */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "daemon/privileges.h"
#include "lib/cleanup.h"
#include "lib/syscalls.h"

static const struct {
	const char *name, *why;
} engine_calls[] = {
	/* queues, sock_diag, netfilter: socket() itself has a condition below */
	{ "bind", "netlink sockets, and the listeners of a start" },
	{ "connect", "netlink sockets to the kernel" },
	{ "recvmmsg", "several packets of a queue at once" },
	{ "sendmmsg", "several verdicts at once" },
	{ "socketpair", "the channel to a new console" },
	{ "listen", "listeners, when they are opened again" },
	/* /proc, tracing */
	{ "openat2", "/proc/PID/root/PATH without leaving that root" },
	{ "preadv2", "the head of a program, if it is in memory" },
	{ "rmdir", "the trace instance at the end" },
	{ "splice", "pages of the trace ring" },
	{ "pidfd_open", "a console's end as an event; whether a process is still the same" },
	{ "pidfd_send_signal", "a console that is stuck" },
	/* helper thread */
	{ "sched_setscheduler", "slow work gives way to packets; the console too" },
	{ "sched_setattr", "the same" },
	{ "sched_setaffinity", "the engine goes to the processor that packets come from" },
	{ "sched_getscheduler", "the same" },
	{ "setpriority", "the same" },
	{ "getpriority", "the same" },
	/* a console is started: fork, its descriptors, exec */
	{ "fork", "a new console" },
	{ "vfork", "a new console" },
	{ "execve", "a new console" },
	{ "execveat", "a console's programs that fetch lists and export decisions" },
	{ "wait4", "the end of a console" },
	{ "waitid", "the end of a console" },
	{ "kill", "a console that is stuck" },
	{ "dup2", "the console's descriptors get their numbers" },
	{ "dup3", "the same" },
	{ "close_range", "nothing else is handed on" },
	{ "pipe2", "a child's end of start" },
	/* ... and from there on its own: the loader of libraries, and what it gives up */
	{ "mmap", "the loader maps code; PCRE2 compiles expressions" },
	{ "mmap2", "the same on 32 bits" },
	{ "mprotect", "the same" },
	{ "arch_prctl", "thread-local storage of a new program" },
	{ "set_tid_address", "a new program's or thread's start" },
	{ "membarrier", "threads" },
	{ "getresuid", "who we are" },
	{ "getresgid", "who we are" },
	{ "getgroups", "who we are" },
	{ "getrlimit", "limits" },
	{ "setrlimit", "the console's limits" },
	{ "setgroups", "the console gives up root" },
	{ "setresgid", "the same" },
	{ "setresuid", "the same" },
	{ "capget", "the same" },
	{ "capset", "the same" },
	{ "prctl", "the same; names of threads" },
	{ "seccomp", "the console's own filter" },
	{ "fchownat", "folders and files that become the console's" },
	{ "fchmodat2", "the same" },
	{ "chmod", "the same" },
	{ "chown", "the same" },
	{ "rt_sigqueueinfo", "abort()" },
	{ "mlock", "secrets of the console" },
	{ "munlock", "the same" },
};

/* Only families that we speak: netlink to the kernel, raw for libiptc, the probe for modules of sock_diag, the channel. */
static int add_sockets(scmp_filter_ctx ctx)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	int r = 0;

	for (size_t i = 0; i < array_len(families) && r == 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	return r;
}

/* Processes and threads, but no namespace; clone3 hides its flags from a filter, and the C library then takes clone. */
static int add_clone(scmp_filter_ctx ctx)
{
	const scmp_datum_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
					CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
	int r;

#if defined(__s390__) || defined(__CRIS__)
	r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		SCMP_A1(SCMP_CMP_MASKED_EQ, namespaces, 0));
#else
	r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces, 0));
#endif
	return r < 0 ? r : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int build(scmp_filter_ctx ctx, bool keep_setns)
{
	int r = syscalls_add(ctx, SCMP_ACT_ALLOW, syscalls_console, n_syscalls_console);

	for (size_t i = 0; i < array_len(engine_calls) && r == 0; i++)
		r = syscalls_add(ctx, SCMP_ACT_ALLOW, &engine_calls[i].name, 1);
	if (r == 0 && SYSCALLS_UNDER_ASAN)
		r = syscalls_add(ctx, SCMP_ACT_ALLOW, syscalls_asan, n_syscalls_asan);
	else if (r == 0)
		r = add_clone(ctx);
	if (r == 0 && !SYSCALLS_UNDER_ASAN)
		r = add_sockets(ctx);
	/* A console of --netns goes back to where the daemon was started. */
	if (r == 0 && keep_setns)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(setns), 1,
			SCMP_A1(SCMP_CMP_EQ, CLONE_NEWNET));
	return r < 0 ? r : seccomp_load(ctx);
}

int privileges_close(bool keep_setns, struct error *err)
{
	scmp_filter_ctx ctx = seccomp_init(syscalls_refuse());
	int r = ctx ? build(ctx, keep_setns) : -ENOMEM;

	seccomp_release(ctx);
	if (r < 0)
		return error_set(err, ERR_PERMISSION, NULL, "the seccomp filter cannot be set: %s",
			strerror(-r));
	return 0;
}
