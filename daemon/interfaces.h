/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interface names by index, remembered for a moment so that a packet need not ask the kernel. */
#ifndef DAEMON_INTERFACES_H
#define DAEMON_INTERFACES_H

#include <net/if.h>
#include <stdint.h>

#define INTERFACES_CACHED 32

struct interfaces {
	struct {
		uint32_t index;
		uint64_t asked_ns;
		char name[IF_NAMESIZE];
	} cache[INTERFACES_CACHED];
};

/* Copies the name ("" when there is none) of an interface of our network namespace. `now_ns` is CLOCK_MONOTONIC. */
void interfaces_name(
	struct interfaces *i, uint32_t index, uint64_t now_ns, char ret[static IF_NAMESIZE]);

#endif
