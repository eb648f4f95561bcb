/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is odd about a process: bits of `flags` in IPC messages, names in `process.flags` of the API. */
#ifndef LIB_PROCESS_FLAG_H
#define LIB_PROCESS_FLAG_H

#include <stdint.h>

enum process_flag {
	PROCESS_DELETED = 1u << 0, /* its file is gone, or another one stands in its place */
	PROCESS_MEMFD = 1u << 1, /* its file never had a path */
	PROCESS_OTHER_ROOT = 1u << 2, /* its paths are not this machine's: chroot or container */
	PROCESS_TRACED = 1u << 3, /* another process can change all that it does */
	PROCESS_PRELOAD = 1u << 4, /* started with foreign code: LD_PRELOAD, LD_AUDIT */
	PROCESS_KERNEL = 1u << 5, /* a thread of the kernel, or no process at all */
	PROCESS_EXE_FORGED =
		1u << 6, /* it says that it runs another file than it executed (PR_SET_MM) */
	PROCESS_SHARED_SOCKET =
		1u
		<< 7, /* of one connection: another process that has its socket or port may have sent it */
};
#define PROCESS_FLAG_COUNT 8
#define PROCESS_FLAGS_ALL ((1u << PROCESS_FLAG_COUNT) - 1)

/* "deleted", "memfd" ...: the name of bit number `bit`; "?" past the last. */
const char *process_flag_str(unsigned bit);

#endif
