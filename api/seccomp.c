/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console's system calls: lib/syscalls.h with conditions. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "api/sandbox.h"
#include "lib/cleanup.h"
#include "lib/syscalls.h"

/* Nobody asks for these by accident: other programs, identities, processes; the kernel and its namespaces. */
static const char *const deadly[] = {
	"execve",
	"execveat",
	"fork",
	"vfork",
	"clone",
	"setns",
	"setuid",
	"setresuid",
	"setgid",
	"setresgid",
	"setgroups",
	"capset",
	"kill",
	"pidfd_open",
	"pidfd_send_signal",
	"pidfd_getfd",
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"mount",
	"umount2",
	"pivot_root",
	"chroot",
	"move_mount",
	"fsopen",
	"open_tree",
	"mount_setattr",
	"unshare",
	"init_module",
	"finit_module",
	"delete_module",
	"kexec_load",
	"kexec_file_load",
	"bpf",
	"perf_event_open",
	"userfaultfd",
	"keyctl",
	"add_key",
	"request_key",
	"reboot",
	"swapon",
	"swapoff",
	"iopl",
	"ioperm",
	"io_uring_setup",
	"open_by_handle_at",
	"settimeofday",
	"clock_settime",
	"adjtimex",
	"sethostname",
	"quotactl",
	"acct",
};

/* Memory, but never executable: nothing is loaded any more. PCRE2 asks, and then does without; that is not worth a line in the log. */
static int add_memory(scmp_filter_ctx ctx)
{
	static const char *const names[] = { "mmap", "mmap2", "mprotect" };
	int r = 0;

	for (size_t i = 0; i < array_len(names) && r == 0; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);

		if (nr == __NR_SCMP_ERROR)
			continue;
		r = seccomp_rule_add(
			ctx, SCMP_ACT_ALLOW, nr, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
		if (r == 0)
			r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 1,
				SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
	}
	return r;
}

static int build(scmp_filter_ctx ctx, int unused)
{
	int r = syscalls_add(ctx, SCMP_ACT_ALLOW, syscalls_console, n_syscalls_console);

	(void)unused;
	if (r < 0)
		return r;
	if (SYSCALLS_UNDER_ASAN) {
		r = syscalls_add(ctx, SCMP_ACT_ALLOW, syscalls_asan, n_syscalls_asan);
		return r < 0 ? r : seccomp_load(ctx);
	}
	r = add_memory(ctx);
	if (r == 0)
		r = syscalls_add(ctx, SCMP_ACT_KILL_PROCESS, deadly, array_len(deadly));
	/* A name for a thread or process is harmless, and so is reading one's own state. */
	if (r == 0)
		r = seccomp_rule_add(
			ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	return r < 0 ? r : seccomp_load(ctx);
}

static int close_with(uint32_t otherwise, int (*fill)(scmp_filter_ctx ctx, int program),
	int program, struct error *err)
{
	scmp_filter_ctx ctx = seccomp_init(otherwise);
	int r = ctx ? fill(ctx, program) : -ENOMEM;

	seccomp_release(ctx);
	if (r < 0)
		return error_set(err, ERR_PERMISSION, NULL, "the seccomp filter cannot be set: %s",
			strerror(-r));
	return 0;
}

int sandbox_close(struct error *err)
{
	return close_with(syscalls_refuse(), build, -1, err);
}

/* ---- what fetches lists */

/* What libcurl and the C library's resolver call beyond a console. */
static const char *const fetcher_calls[] = {
	"connect",
	"bind",
	"sendmmsg",
	"socketpair",
	"set_tid_address",
	"setrlimit",
	"getrlimit",
	"pipe2",
	"membarrier",
};

/* Programs that come and go, and how the loader of libraries begins one. */
static const char *const launcher_calls[] = {
	"fork",
	"vfork",
	"wait4",
	"waitid",
	"kill",
	"dup2",
	"dup3",
	"seccomp",
	"mmap",
	"mmap2",
	"mprotect",
	"arch_prctl",
};

/* IPv4, IPv6, and the kernel's list of our own addresses. Without Unix sockets the resolver looks for nscd, and does without. */
static int add_sockets(scmp_filter_ctx ctx, uint32_t unix_action)
{
	static const int families[] = { AF_INET, AF_INET6 };
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
		SCMP_A0(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2(SCMP_CMP_EQ, 0));

	for (size_t i = 0; i < array_len(families) && r == 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	return r < 0 ? r
		     : seccomp_rule_add(ctx, unix_action, SCMP_SYS(socket), 1,
			       SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
}

#if defined(__s390__) || defined(__CRIS__)
#define CLONE_FLAGS SCMP_A1
#else
#define CLONE_FLAGS SCMP_A0
#endif

/* With these flags, but with no new namespace; clone3 hides its flags from a filter, and the C library then takes clone. */
static int add_clone(scmp_filter_ctx ctx, scmp_datum_t flags)
{
	const scmp_datum_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
					CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		CLONE_FLAGS(SCMP_CMP_MASKED_EQ, namespaces | flags, flags));

	return r < 0 ? r : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int add_prctl(scmp_filter_ctx ctx)
{
	static const int options[] = { PR_SET_NAME, PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS,
		PR_SET_DUMPABLE };
	int r = 0;

	for (size_t i = 0; i < array_len(options) && r == 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)options[i]));
	return r;
}

/* What launchers, fetchers and exporters share. */
static int add_fetching(scmp_filter_ctx ctx, uint32_t unix_action)
{
	int r = syscalls_add(ctx, SCMP_ACT_ALLOW, syscalls_console, n_syscalls_console);

	if (r == 0)
		r = syscalls_add(ctx, SCMP_ACT_ALLOW, fetcher_calls, array_len(fetcher_calls));
	if (r == 0 && SYSCALLS_UNDER_ASAN)
		return syscalls_add(ctx, SCMP_ACT_ALLOW, syscalls_asan, n_syscalls_asan);
	if (r == 0)
		r = add_sockets(ctx, unix_action);
	return r < 0 ? r : add_prctl(ctx);
}

static int fill_launcher(scmp_filter_ctx ctx, int program)
{
	int r = add_fetching(ctx, SCMP_ACT_ERRNO(EACCES));

	if (r == 0)
		r = syscalls_add(ctx, SCMP_ACT_ALLOW, launcher_calls, array_len(launcher_calls));
	if (r == 0 && !SYSCALLS_UNDER_ASAN)
		r = add_clone(ctx, 0);
	/* The program of that descriptor, and no path. */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(execveat), 2,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)program),
			SCMP_A4(SCMP_CMP_EQ, AT_EMPTY_PATH));
	return r < 0 ? r : seccomp_load(ctx);
}

static int fill_fetcher(scmp_filter_ctx ctx, int unused)
{
	int r = add_fetching(ctx, SCMP_ACT_ERRNO(EACCES));

	(void)unused;
	if (r == 0 && !SYSCALLS_UNDER_ASAN)
		r = add_memory(ctx);
	if (r == 0 && !SYSCALLS_UNDER_ASAN)
		r = add_clone(ctx, CLONE_THREAD);
	return r < 0 ? r : seccomp_load(ctx);
}

/* No handler for SIGSYS lives through an exec, and it must not kill the loader: it gets EPERM without a line in the log. */
int sandbox_close_launcher(int program, struct error *err)
{
	return close_with(SCMP_ACT_ERRNO(EPERM), fill_launcher, program, err);
}

int sandbox_close_fetcher(struct error *err)
{
	return close_with(syscalls_refuse(), fill_fetcher, -1, err);
}

/* ---- what exports decisions */

/* Processes that come and go. */
static const char *const worker_calls[] = { "fork", "vfork", "wait4", "waitid", "kill", "seccomp" };

static int fill_exporter(scmp_filter_ctx ctx, int unused)
{
	int r = add_fetching(ctx, SCMP_ACT_ALLOW);

	(void)unused;
	if (r == 0)
		r = syscalls_add(ctx, SCMP_ACT_ALLOW, worker_calls, array_len(worker_calls));
	if (r == 0 && !SYSCALLS_UNDER_ASAN)
		r = add_memory(ctx);
	if (r == 0 && !SYSCALLS_UNDER_ASAN)
		r = add_clone(ctx, 0);
	return r < 0 ? r : seccomp_load(ctx);
}

int sandbox_close_exporter(struct error *err)
{
	return close_with(syscalls_refuse(), fill_exporter, -1, err);
}

static int fill_worker(scmp_filter_ctx ctx, int unused)
{
	static const char *const names[] = { "fork", "vfork", "kill", "seccomp" };
	int r = syscalls_add(ctx, SCMP_ACT_ERRNO(EPERM), names, array_len(names));

	(void)unused;
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
			CLONE_FLAGS(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	return r < 0 ? r : seccomp_load(ctx);
}

int sandbox_close_worker(struct error *err)
{
	/* The sanitizers fork to look for leaks. */
	return SYSCALLS_UNDER_ASAN ? 0 : close_with(SCMP_ACT_ALLOW, fill_worker, -1, err);
}
