/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where packets come from one processor in a row, as when one program connects again and again, the engine goes there: the sender
 * sleeps until its packet has a verdict, and waking a processor that idles takes longer than deciding. The scheduler leaves a
 * sleeper where it was as long as that processor idles. sched_setaffinity(2).
 */
#ifndef DAEMON_CPU_FOLLOW_H
#define DAEMON_CPU_FOLLOW_H

#include <sched.h>
#include <stdint.h>

#define CPU_FOLLOW_ROW 8u /* packets in a row that count as a habit */
#define CPU_FOLLOW_REST_NS 1000000u /* between two moves */

struct cpu_follow {
	cpu_set_t allowed; /* as it was at the start; none: never move */
	int cpu; /* of the last packet, -1: unknown */
	uint32_t row; /* so many came from there */
	uint64_t moved_ns;
};

/* Takes the calling thread's processors as those that are allowed. */
void cpu_follow_init(struct cpu_follow *f);

/*
 * A packet was decided whose sender was seen on `cpu` (-1: unknown) at `now_ns` (CLOCK_MONOTONIC). The processor that the calling
 * thread, now on `here`, is to go to, or -1: stay.
 */
int cpu_follow_note(struct cpu_follow *f, int cpu, int here, uint64_t now_ns);

/* Moves the calling thread there; it stays free to be moved on. */
void cpu_follow_move(const struct cpu_follow *f, int cpu);

#endif
