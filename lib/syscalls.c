/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of system calls; SIGSYS told and answered. */
#include "config.h"

#include "lib/syscalls.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "lib/cleanup.h"
#include "lib/log.h"

/* Names, not numbers: one that an architecture lacks is passed over. */
const char *const syscalls_console[] = {
	/* the loop and libmicrohttpd; listening sockets are inherited */
	"accept4",
	"accept",
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"epoll_pwait2",
	"eventfd2",
	"timerfd_create",
	"timerfd_settime",
	"signalfd4",
	"recvfrom",
	"recvmsg",
	"sendto",
	"sendmsg",
	"shutdown",
	"setsockopt",
	"getsockopt",
	"getsockname",
	"getpeername",
	"read",
	"write",
	"readv",
	"writev",
	"sendfile",
	"poll",
	"ppoll",
	"close",
	"dup",
	"fcntl",
	"ioctl",
	/* SQLite, the rules folder */
	"openat",
	"open",
	"newfstatat",
	"fstatat64",
	"fstat",
	"fstat64",
	"stat",
	"lstat",
	"statx",
	"fstatfs",
	"statfs",
	"access",
	"faccessat",
	"faccessat2",
	"readlink",
	"readlinkat",
	"getcwd",
	"pread64",
	"pwrite64",
	"lseek",
	"_llseek",
	"fsync",
	"fdatasync",
	"syncfs",
	"ftruncate",
	"ftruncate64",
	"fallocate",
	"unlink",
	"unlinkat",
	"rename",
	"renameat",
	"renameat2",
	"link",
	"linkat",
	"mkdir",
	"mkdirat",
	"fchmod",
	"fchmodat",
	"fchown",
	"umask",
	"utimensat",
	"getdents64",
	"flock",
	"inotify_init1",
	"inotify_add_watch",
	"inotify_rm_watch",
	"memfd_create",
	"fadvise64",
	/* memory: mmap and mprotect stand with a condition in the filter */
	"brk",
	"munmap",
	"mremap",
	"madvise",
	/* time, identity, signals, end */
	"clock_gettime",
	"clock_getres",
	"clock_nanosleep",
	"nanosleep",
	"gettimeofday",
	"getpid",
	"gettid",
	"getppid",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"getrandom",
	"sysinfo",
	"uname",
	"getrusage",
	"prlimit64",
	"sched_yield",
	"sched_getaffinity",
	"futex",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigaltstack",
	"restart_syscall",
	"tgkill",
	"exit",
	"exit_group",
	"rseq",
	"set_robust_list",
	/* Landlock only takes away: called once the config said what folders there are */
	"landlock_create_ruleset",
	"landlock_add_rule",
	"landlock_restrict_self",
};
const size_t n_syscalls_console = array_len(syscalls_console);

const char *const syscalls_asan[] = {
	"clone",
	"clone3",
	"wait4",
	"ptrace",
	"prctl",
	"mmap",
	"mprotect",
	"arch_prctl",
	"sched_setaffinity",
	"kill",
	"set_tid_address",
	"getdents",
	"process_vm_readv",
	"readlink",
	"pipe2",
	"socket",
	"connect",
};
const size_t n_syscalls_asan = array_len(syscalls_asan);

int syscalls_add(scmp_filter_ctx ctx, uint32_t action, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);
		int r;

		if (nr == __NR_SCMP_ERROR)
			continue;
		r = seccomp_rule_add(ctx, action, nr, 0);
		/* -EACCES: it is the default already. */
		if (r < 0 && r != -EACCES && r != -EEXIST)
			return r;
	}
	return 0;
}

/* ---- SIGSYS */

#if defined(__x86_64__)
#define RESULT_OF(uc) ((uc)->uc_mcontext.gregs[REG_RAX])
#elif defined(__aarch64__)
#define RESULT_OF(uc) ((uc)->uc_mcontext.regs[0])
#elif defined(__riscv) && __riscv_xlen == 64
#define RESULT_OF(uc) ((uc)->uc_mcontext.__gregs[10])
#endif

#ifdef RESULT_OF

#define NUMBERS 512

/* A signal handler is given no context of ours: filled before the first SIGSYS can come, and afterwards only `told` changes. */
static struct {
	char *names[NUMBERS];
	bool told[NUMBERS];
} refused;

/* Raised by the call itself, on the thread that made it. snprintf() and write() are all that log_warning() comes to. */
static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	int nr = info->si_syscall, saved = errno;
	bool is_known = nr >= 0 && nr < NUMBERS;

	(void)sig;
	RESULT_OF(uc) = -EPERM;
	if (is_known && refused.told[nr])
		return;
	if (is_known)
		refused.told[nr] = true;
	log_warning("the sandbox refuses the system call %s (number %d)",
		is_known && refused.names[nr] ? refused.names[nr] : "unknown", nr);
	errno = saved;
}

uint32_t syscalls_refuse(void)
{
	struct sigaction action = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };

	for (int nr = 0; nr < NUMBERS; nr++)
		if (!refused.names[nr])
			refused.names[nr] = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
	return sigaction(SIGSYS, &action, NULL) < 0 ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_TRAP;
}

#else

uint32_t syscalls_refuse(void)
{
	return SCMP_ACT_ERRNO(EPERM);
}

#endif
