/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A habit, a rest, and two calls. */
#include "config.h"

#include "daemon/cpu_follow.h"

#include <stddef.h>

void cpu_follow_init(struct cpu_follow *f)
{
	*f = (struct cpu_follow) { .cpu = -1 };
	if (sched_getaffinity(0, sizeof(f->allowed), &f->allowed) < 0)
		CPU_ZERO(&f->allowed);
}

int cpu_follow_note(struct cpu_follow *f, int cpu, int here, uint64_t now_ns)
{
	f->row = cpu == f->cpu ? f->row + 1 : 1;
	f->cpu = cpu;
	if (f->row < CPU_FOLLOW_ROW || cpu < 0 || cpu == here || cpu >= CPU_SETSIZE ||
		!CPU_ISSET((size_t)cpu, &f->allowed) || now_ns - f->moved_ns < CPU_FOLLOW_REST_NS)
		return -1;
	f->row = 0;
	f->moved_ns = now_ns;
	return cpu;
}

void cpu_follow_move(const struct cpu_follow *f, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) == 0)
		sched_setaffinity(0, sizeof(f->allowed), &f->allowed);
}
