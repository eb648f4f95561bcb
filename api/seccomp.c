/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console's system calls: lib/syscalls.h with conditions. */
#include "config.h"

#include <errno.h>
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

static int build(scmp_filter_ctx ctx)
{
	int r = syscalls_add(ctx, SCMP_ACT_ALLOW, syscalls_console, n_syscalls_console);

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

static int close_with(uint32_t otherwise, int (*fill)(scmp_filter_ctx ctx), struct error *err)
{
	scmp_filter_ctx ctx = seccomp_init(otherwise);
	int r = ctx ? fill(ctx) : -ENOMEM;

	seccomp_release(ctx);
	if (r < 0)
		return error_set(err, ERR_PERMISSION, NULL, "the seccomp filter cannot be set: %s",
			strerror(-r));
	return 0;
}

int sandbox_close(struct error *err)
{
	return close_with(syscalls_refuse(), build, err);
}

/* ---- the processes that fetch lists and export decisions */

/* What libcurl and the C library's resolver call beyond a console, and what workers take to come and go. */
static const char *const fetcher_calls[] = {
	"connect",
	"bind",
	"sendmmsg",
	"socketpair",
	"wait4",
	"waitid",
	"kill",
	"pipe2",
	"set_tid_address",
	"setrlimit",
	"getrlimit",
	"seccomp",
	"fork",
	"vfork",
	"membarrier",
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

/* No new namespace; clone3 hides its flags from a filter, and the C library then takes clone. */
static int add_clone(scmp_filter_ctx ctx)
{
	const scmp_datum_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
					CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		CLONE_FLAGS(SCMP_CMP_MASKED_EQ, namespaces, 0));

	return r < 0 ? r : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int add_prctl(scmp_filter_ctx ctx)
{
	static const int options[] = { PR_SET_NAME, PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS };
	int r = 0;

	for (size_t i = 0; i < array_len(options) && r == 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)options[i]));
	return r;
}

static int fill_outgoing(scmp_filter_ctx ctx, uint32_t unix_action)
{
	int r = syscalls_add(ctx, SCMP_ACT_ALLOW, syscalls_console, n_syscalls_console);

	if (r == 0)
		r = syscalls_add(ctx, SCMP_ACT_ALLOW, fetcher_calls, array_len(fetcher_calls));
	if (r == 0 && SYSCALLS_UNDER_ASAN) {
		r = syscalls_add(ctx, SCMP_ACT_ALLOW, syscalls_asan, n_syscalls_asan);
		return r < 0 ? r : seccomp_load(ctx);
	}
	if (r == 0)
		r = add_memory(ctx);
	if (r == 0)
		r = add_sockets(ctx, unix_action);
	if (r == 0)
		r = add_clone(ctx);
	if (r == 0)
		r = add_prctl(ctx);
	return r < 0 ? r : seccomp_load(ctx);
}

static int fill_fetcher(scmp_filter_ctx ctx)
{
	return fill_outgoing(ctx, SCMP_ACT_ERRNO(EACCES));
}

int sandbox_close_fetcher(struct error *err)
{
	return close_with(syscalls_refuse(), fill_fetcher, err);
}

static int fill_exporter(scmp_filter_ctx ctx)
{
	return fill_outgoing(ctx, SCMP_ACT_ALLOW);
}

int sandbox_close_exporter(struct error *err)
{
	return close_with(syscalls_refuse(), fill_exporter, err);
}

static int fill_worker(scmp_filter_ctx ctx)
{
	static const char *const names[] = { "fork", "vfork", "kill", "seccomp" };
	int r = syscalls_add(ctx, SCMP_ACT_ERRNO(EPERM), names, array_len(names));

	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
			CLONE_FLAGS(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	return r < 0 ? r : seccomp_load(ctx);
}

int sandbox_close_worker(struct error *err)
{
	/* The sanitizers fork to look for leaks. */
	return SYSCALLS_UNDER_ASAN ? 0 : close_with(SCMP_ACT_ALLOW, fill_worker, err);
}
