/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two programs of the witness, and the tables that they write. For witness.c and its tests. */
#ifndef DAEMON_WITNESS_CODE_H
#define DAEMON_WITNESS_CODE_H

#include <stdint.h>

#include "daemon/bpf_code.h"
#include "lib/flow.h"

#define WITNESS_FLOWS 16384u /* powers of two */
#define WITNESS_SOCKETS 65536u

/*
 * `word` says whose entry it is: 32 bits of the key above the PID, or 0 while the rest is being written. It is written last, and
 * in one step.
 */
struct witness_flow_slot {
	uint64_t word;
	uint64_t since_ns, cookie;
	uint64_t former_word, former_since_ns, former_cookie;
};

struct witness_socket_slot {
	uint64_t word, made_ns;
};

/* Places in structures of this kernel. */
struct witness_places {
	uint32_t ctx_state, ctx_skb, skb_sk, skb_data, skb_conntrack;
	uint32_t sk_state, sk_protocol, sk_owned, sk_port, sk_cookie;
	uint32_t task_tgid;
};

/* The program at the output hook: always lets the packet go on. */
void witness_code_sender(
	struct bpf_code *c, const struct witness_places *at, int map_fd, uint64_t key);

/* The program of socket(2): always lets it happen. */
void witness_code_creator(struct bpf_code *c, int map_fd);

/* As the program does it: the place is in the low bits, 32 bits of the key above. */
uint64_t witness_flow_hash(const struct flow *flow, uint64_t key);

static inline uint32_t witness_flow_place(uint64_t hash)
{
	return (uint32_t)hash & (WITNESS_FLOWS - 1);
}

static inline uint32_t witness_socket_place(uint64_t cookie)
{
	return (uint32_t)cookie & (WITNESS_SOCKETS - 1);
}

#endif
