/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which system calls our processes may make: tables of names, and the seccomp filter made of them.
 *
 * A console is a child of the engine and inherits the engine's filter below its own, so the engine's list holds all of the
 * console's; both take that part from here. What is on neither list is refused: the caller gets EPERM (a library's odd
 * probing costs a feature, not the process) and the log names the call, once for each.
 */
#ifndef LIB_SYSCALLS_H
#define LIB_SYSCALLS_H

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Started with AddressSanitizer, a process needs more: its shadow memory, and /proc when it reports. */
#if defined(__SANITIZE_ADDRESS__)
#define SYSCALLS_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SYSCALLS_UNDER_ASAN 1
#endif
#endif
#ifndef SYSCALLS_UNDER_ASAN
#define SYSCALLS_UNDER_ASAN 0
#endif

/* What a console calls while it serves. */
extern const char *const syscalls_console[];
extern const size_t n_syscalls_console;

/* What the sanitizers' runtime calls at the end of a process, to look for leaks and to report. */
extern const char *const syscalls_asan[];
extern const size_t n_syscalls_asan;

/*
 * Adds a rule without conditions for each of `n` names. A name that this architecture lacks is passed over. 0 or a negative
 * errno.
 */
int syscalls_add(scmp_filter_ctx ctx, uint32_t action, const char *const *names, size_t n);

/*
 * The action for what is on no list. Where this architecture lets us answer a SIGSYS, its handler is installed by this call:
 * it logs the call's name and makes it fail with EPERM. Elsewhere the kernel does the same without a log line.
 * The name of every call is looked up now: the handler allocates nothing. seccomp(2), SECCOMP_RET_TRAP.
 */
uint32_t syscalls_refuse(void);

#endif
