/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs of the witness, and the tables that they write. For witness.c and its tests. */
#ifndef DAEMON_WITNESS_CODE_H
#define DAEMON_WITNESS_CODE_H

#include <stdint.h>

#include "daemon/bpf_code.h"
#include "lib/flow.h"

/* Powers of two. 1.25 MiB, 512 KiB and 64 KiB. */
#define WITNESS_SETS 8192u
#define WITNESS_WAYS 4u /* flows in a set: 32,768 in all, of which a full queue holds an eighth */
#define WITNESS_SOCKETS 32768u
#define WITNESS_EXECS 2048u /* until the trace tells of them, a tenth of a second later at most */

/*
 * Entry i is what stands at [i]. `word` says whose it is: 32 bits of the key above the PID, or 0 while the rest is being written. It
 * is written last, and in one step.
 *
 * A new flow takes the entry of its set that is the oldest, and each counts as 8.6 s older for every other one of its process there, the
 * new one included: so whoever floods takes its own place, and what others sent stays known as long as its packet may wait, or a SYN
 * come again.
 */
struct witness_flow_set {
	uint64_t word[WITNESS_WAYS], since_ns[WITNESS_WAYS], cookie[WITNESS_WAYS];
	uint64_t former_word[WITNESS_WAYS], former_cookie[WITNESS_WAYS];
};

struct witness_socket_slot {
	uint64_t word, made_ns;
};

/* By PID. `word` is the PID and, above it, 32 bits of what the rest is: two processors may have written at once. */
struct witness_exec_slot {
	uint64_t word, time_ns, inode;
	uint64_t fs; /* the kernel's number of the device; above, the file system's magic number */
};

/* Places in structures of this kernel. */
struct witness_places {
	uint32_t ctx_state, ctx_skb, skb_sk, skb_data, skb_conntrack;
	uint32_t sk_state, sk_protocol, sk_owned, sk_port, sk_cookie;
	uint32_t task_tgid;
};

/* The same, on the way from what is executed to its file. */
struct witness_exec_places {
	uint32_t bprm_file, file_inode, inode_number, inode_super, super_dev, super_magic;
};

/* The program at the output hook: always lets the packet go on. */
void witness_code_sender(
	struct bpf_code *c, const struct witness_places *at, int map_fd, uint64_t key);

/* The program of socket(2): always lets it happen. */
void witness_code_creator(struct bpf_code *c, int map_fd);

/* The program of sched_process_exec. */
void witness_code_exec(struct bpf_code *c, const struct witness_exec_places *at, int map_fd);

/* As the program does it: the place is in the low bits, 32 bits of the key above. */
uint64_t witness_flow_hash(const struct flow *flow, uint64_t key);

/* Which set. */
static inline uint32_t witness_flow_place(uint64_t hash)
{
	return (uint32_t)hash & (WITNESS_SETS - 1);
}

static inline uint32_t witness_exec_place(int32_t pid)
{
	return (uint32_t)pid & (WITNESS_EXECS - 1);
}

/* The upper half of an exec's word, as the program makes it. */
uint64_t witness_exec_check(const struct witness_exec_slot *slot);

static inline uint32_t witness_socket_place(uint64_t cookie)
{
	return (uint32_t)cookie & (WITNESS_SOCKETS - 1);
}

#endif
