/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs do, said in instructions. A table is read by the engine while it is written: the word of an entry is
 * taken away first and put back last, by exchanges, which keep the order on every processor.
 */
#include "config.h"

#include "daemon/witness_code.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>

#include "lib/cleanup.h"

/* Of the kernel's enum; headers of Linux 6.1 have them as well. */
#define HELPER_LOOKUP BPF_FUNC_map_lookup_elem
#define HELPER_PID BPF_FUNC_get_current_pid_tgid
#define HELPER_TASK BPF_FUNC_get_current_task_btf
#define HELPER_COOKIE BPF_FUNC_get_socket_cookie
#define HELPER_TIME BPF_FUNC_ktime_get_ns
#define HELPER_READ BPF_FUNC_probe_read_kernel

#define CONNTRACK_STATE 7 /* NFCT_INFOMASK: the bits of sk_buff._nfct that are no pointer */
#define CALLERS_MAX 16384 /* bytes of a stack: more than what the hook calls has there */
#define NEW_SYN_RECV 12 /* TCP_NEW_SYN_RECV: not a whole socket */
#define EXEC_BPRM 16 /* the third argument of sched_process_exec: struct linux_binprm * */
#define MIX UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio, odd */

/* The stack: the head of a packet or a pointer that was read, the key of a table, and what stands for ports. */
#define HEAD (-48)
#define HEAD_LEN 48
#define KEY (-52)
#define PORTS (-56)

/* Places in the head (RFC 791, RFC 8200). */
#define V4_NO_OPTIONS 0x45
#define V4_PROTOCOL 9
#define V4_ADDRESSES 12
#define V4_PORTS 20
#define V6_NEXT 6
#define V6_ADDRESSES 8
#define V6_PORTS 40
#define ECHO_IDENTIFIER 4 /* behind type, code and checksum (RFC 792, RFC 4443) */

/* ---- the hash, in two words of the same meaning */

/* Twice: after once, a difference in the highest bit is the same under every key, and another word could take it back. */
static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * MIX;
	hash = (hash ^ hash >> 32) * MIX;
	return hash ^ hash >> 32;
}

uint64_t witness_flow_hash(const struct flow *flow, uint64_t key)
{
	uint16_t port[2] = { htons(flow->src_port), htons(flow->dst_port) };
	uint64_t words[4], hash = key;
	uint32_t half[2], ports;

	memcpy(&ports, port, sizeof(ports));
	if (flow->src.family == 4) {
		memcpy(&half[0], flow->src.bytes, sizeof(half[0]));
		memcpy(&half[1], flow->dst.bytes, sizeof(half[1]));
		hash = mix(hash, (uint64_t)half[0] << 32 | half[1]);
	} else {
		memcpy(&words[0], flow->src.bytes, 16);
		memcpy(&words[2], flow->dst.bytes, 16);
		for (unsigned i = 0; i < 4; i++)
			hash = mix(hash, words[i]);
	}
	return mix(hash, (uint64_t)flow->proto << 32 | ports);
}

/* R9 is the hash, R5 the factor; R1 what is mixed in. Uses R2. */
static void put_mix(struct bpf_code *c)
{
	code_op(c, BPF_XOR, R9, R1);
	for (unsigned i = 0; i < 2; i++) {
		code_op(c, BPF_MUL, R9, R5);
		code_move(c, R2, R9);
		code_op_value(c, BPF_RSH, R2, 32);
		code_op(c, BPF_XOR, R9, R2);
	}
}

/*
 * R3: both ports, as they stand in the head; R4: the source's alone. Of an echo request, as struct flow has it: the identifier, which
 * the kernel gives to a ping socket as its port, and type and code. R1 is lost.
 */
static void put_ports(struct bpf_code *c, int16_t at, int32_t icmp)
{
	unsigned echo = code_jump(c, BPF_JEQ, R8, icmp), taken;

	code_load(c, SIZE_4, R3, R10, at);
	code_load(c, SIZE_2, R4, R10, at);
	taken = code_jump_always(c);
	code_land(c, echo);
	code_load(c, SIZE_2, R4, R10, (int16_t)(at + ECHO_IDENTIFIER));
	code_store(c, SIZE_2, R10, PORTS, R4);
	code_load(c, SIZE_2, R1, R10, at);
	code_store(c, SIZE_2, R10, PORTS + 2, R1);
	code_load(c, SIZE_4, R3, R10, PORTS);
	code_land(c, taken);
}

/* R8: the protocol that the head must name. R3 and R4 as of put_ports(). */
static void put_hash_v4(struct bpf_code *c)
{
	code_load(c, SIZE_1, R2, R10, HEAD + V4_PROTOCOL);
	code_end_if_other(c, R2, R8);
	code_load(c, SIZE_4, R1, R10, HEAD + V4_ADDRESSES);
	code_op_value(c, BPF_LSH, R1, 32);
	code_load(c, SIZE_4, R2, R10, HEAD + V4_ADDRESSES + 4);
	code_op(c, BPF_OR, R1, R2);
	put_mix(c);
	put_ports(c, HEAD + V4_PORTS, IPPROTO_ICMP);
}

static void put_hash_v6(struct bpf_code *c)
{
	code_load(c, SIZE_1, R2, R10, HEAD + V6_NEXT);
	code_end_if_other(c, R2, R8);
	for (int16_t i = 0; i < 4; i++) {
		code_load(c, SIZE_8, R1, R10, (int16_t)(HEAD + V6_ADDRESSES + 8 * i));
		put_mix(c);
	}
	put_ports(c, HEAD + V6_PORTS, IPPROTO_ICMPV6);
}

/* ---- who sends */

/*
 * What another program held in a queue of its own goes on while that program runs, whoever sent it. The state of the hook, which is on
 * the stack of who sends, then comes from the heap (nfqnl_reinject() in net/netfilter/nfnetlink_queue.c). R1 is the context; uses R2.
 */
static void put_is_first_time(struct bpf_code *c, const struct witness_places *at)
{
	code_load(c, SIZE_8, R2, R1, (int16_t)at->ctx_state);
	code_op(c, BPF_SUB, R2, R10);
	code_end_if(c, BPF_JGT, R2, CALLERS_MAX);
}

/*
 * R6 = the packet, R7 = its socket, R8 = the protocol: of what begins a flow (only that is queued), and is a datagram, or of a connect()
 * that holds the lock of its socket, so that it is the process that runs here. (A SYN that comes again is sent by a timer, in whatever
 * process runs.)
 */
static void put_is_wanted(struct bpf_code *c, const struct witness_places *at)
{
	static const int32_t datagrams[] = { IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_ICMP,
		IPPROTO_ICMPV6 };
	unsigned wanted[array_len(datagrams)], untracked;

	code_load(c, SIZE_8, R6, R1, (int16_t)at->ctx_skb);
	code_load(c, SIZE_8, R1, R6, (int16_t)at->skb_conntrack);
	untracked = code_jump(c, BPF_JEQ, R1, 0);
	code_op_value(c, BPF_AND, R1, CONNTRACK_STATE);
	code_end_if(c, BPF_JNE, R1, IP_CT_NEW);
	code_land(c, untracked);
	code_load(c, SIZE_8, R7, R6, (int16_t)at->skb_sk);
	code_end_if(c, BPF_JEQ, R7, 0);
	code_load(c, SIZE_1, R1, R7, (int16_t)at->sk_state);
	code_end_if(c, BPF_JEQ, R1, TCP_TIME_WAIT);
	code_end_if(c, BPF_JEQ, R1, NEW_SYN_RECV);
	code_load(c, SIZE_2, R8, R7, (int16_t)at->sk_protocol);
	for (unsigned i = 0; i < array_len(datagrams); i++)
		wanted[i] = code_jump(c, BPF_JEQ, R8, datagrams[i]);
	code_end_if(c, BPF_JNE, R8, IPPROTO_TCP);
	code_end_if(c, BPF_JNE, R1, TCP_SYN_SENT);
	code_load(c, SIZE_4, R2, R7, (int16_t)at->sk_owned);
	code_end_if(c, BPF_JEQ, R2, 0);
	for (unsigned i = 0; i < array_len(datagrams); i++)
		code_land(c, wanted[i]);
}

/* R9 = the hash of the packet's flow; ends for what is not the socket's own packet. */
static void put_flow_hash(struct bpf_code *c, const struct witness_places *at, uint64_t key)
{
	unsigned v4, hashed;

	code_load(c, SIZE_8, R3, R6, (int16_t)at->skb_data);
	code_move(c, R1, R10);
	code_op_value(c, BPF_ADD, R1, HEAD);
	code_set(c, R2, HEAD_LEN);
	code_call(c, HELPER_READ);
	code_end_if(c, BPF_JNE, R0, 0);
	code_set64(c, R9, key);
	code_set64(c, R5, MIX);
	code_load(c, SIZE_1, R1, R10, HEAD);
	v4 = code_jump(c, BPF_JEQ, R1, V4_NO_OPTIONS);
	code_op_value(c, BPF_RSH, R1, 4);
	code_end_if(c, BPF_JNE, R1, 6);
	put_hash_v6(c);
	hashed = code_jump_always(c);
	code_land(c, v4);
	put_hash_v4(c);
	code_land(c, hashed);
	code_ntohs(c, R4);
	code_load(c, SIZE_2, R2, R7, (int16_t)at->sk_port);
	code_end_if_other(c, R4, R2);
	code_move(c, R1, R8);
	code_op_value(c, BPF_LSH, R1, 32);
	code_op(c, BPF_OR, R1, R3);
	put_mix(c);
}

/* R0 = the entry of the table at place R9. */
static void put_lookup(struct bpf_code *c, int map_fd, uint32_t mask)
{
	code_op_value(c, BPF_AND, R9, (int32_t)mask);
	code_store(c, SIZE_4, R10, KEY, R9);
	code_set_map(c, R1, map_fd);
	code_move(c, R2, R10);
	code_op_value(c, BPF_ADD, R2, KEY);
	code_call(c, HELPER_LOOKUP);
	code_end_if(c, BPF_JEQ, R0, 0);
}

/* Of the first entry: the others stand behind it. */
#define ENTRY(member) ((int16_t)offsetof(struct witness_flow_set, member))
#define WAY_SIZE ((int32_t)sizeof(uint64_t))
#define EACH_OLDER_BITS 33 /* 2^33 ns, 8.6 s: a SYN comes again after 1, 3 and 7 s */

/* R6 = the set, R8 = the word: ends where it is there. The jumps lead to where R9 is another process's entry of this flow, R1 its word. */
static void put_search(struct bpf_code *c, unsigned found[static WITNESS_WAYS])
{
	code_move(c, R9, R6);
	for (unsigned i = 0; i < WITNESS_WAYS; i++) {
		if (i)
			code_op_value(c, BPF_ADD, R9, WAY_SIZE);
		code_load(c, SIZE_8, R1, R9, ENTRY(word));
		code_end_if_same(c, R1, R8);
		code_move(c, R2, R1);
		code_op(c, BPF_XOR, R2, R8);
		code_op_value(c, BPF_RSH, R2, 32);
		found[i] = code_jump(c, BPF_JEQ, R2, 0);
	}
}

/* R4 is one more where the word R1 has the PID of R5. */
static void put_count(struct bpf_code *c)
{
	code_op(c, BPF_XOR, R1, R5);
	code_op_value(c, BPF_LSH, R1, 32);
	code_op_value(c, BPF_RSH, R1, 32);
	code_op_value(c, BPF_ADD, R1, -1);
	code_op_value(c, BPF_RSH, R1, 63);
	code_op(c, BPF_ADD, R4, R1);
}

/* R0 = now, R6 = the set, R8 = the word: R9 = the entry to take. Ages have a sign: another processor may have just written. */
static void put_choose(struct bpf_code *c)
{
	code_move(c, R2, R6);
	for (unsigned i = 0; i < WITNESS_WAYS; i++) {
		unsigned younger = 0;

		if (i)
			code_op_value(c, BPF_ADD, R2, WAY_SIZE);
		code_load(c, SIZE_8, R5, R2, ENTRY(word));
		code_set(c, R4, 0);
		code_move(c, R1, R8);
		put_count(c);
		for (unsigned k = 0; k < WITNESS_WAYS; k++) {
			if (k == i)
				continue;
			code_load(c, SIZE_8, R1, R6, (int16_t)(ENTRY(word) + WAY_SIZE * (int)k));
			put_count(c);
		}
		code_op_value(c, BPF_LSH, R4, EACH_OLDER_BITS);
		code_op(c, BPF_ADD, R4, R0);
		code_load(c, SIZE_8, R1, R2, ENTRY(since_ns));
		code_op(c, BPF_SUB, R4, R1);
		if (i)
			younger = code_jump_register(c, BPF_JSLE, R4, R3);
		code_move(c, R9, R2);
		code_move(c, R3, R4);
		if (i)
			code_land(c, younger);
	}
}

static void put_take_away(struct bpf_code *c)
{
	code_set(c, R3, 0);
	code_exchange(c, R9, ENTRY(word), R3);
}

/* R6 = the set, R8 = the word to note in it. */
static void put_note(struct bpf_code *c, const struct witness_places *at)
{
	unsigned found[WITNESS_WAYS], taken;

	put_search(c, found);
	code_call(c, HELPER_TIME);
	put_choose(c);
	put_take_away(c);
	code_set(c, R2, 0);
	code_store(c, SIZE_8, R9, ENTRY(former_word), R2);
	taken = code_jump_always(c);
	/* The same flow, from another process. */
	for (unsigned i = 0; i < WITNESS_WAYS; i++)
		code_land(c, found[i]);
	put_take_away(c);
	code_store(c, SIZE_8, R9, ENTRY(former_word), R1);
	code_load(c, SIZE_8, R2, R9, ENTRY(cookie));
	code_store(c, SIZE_8, R9, ENTRY(former_cookie), R2);
	code_call(c, HELPER_TIME);
	code_land(c, taken);
	code_store(c, SIZE_8, R9, ENTRY(since_ns), R0);
	code_load(c, SIZE_8, R1, R7, (int16_t)at->sk_cookie);
	code_store(c, SIZE_8, R9, ENTRY(cookie), R1);
	code_exchange(c, R9, ENTRY(word), R8);
}

void witness_code_sender(
	struct bpf_code *c, const struct witness_places *at, int map_fd, uint64_t key)
{
	put_is_first_time(c, at);
	put_is_wanted(c, at);
	put_flow_hash(c, at, key);
	code_call(c, HELPER_TASK);
	code_load(c, SIZE_4, R0, R0, (int16_t)at->task_tgid);
	code_end_if(c, BPF_JEQ, R0, 0);
	code_move(c, R8, R9);
	code_op_value(c, BPF_RSH, R8, 32);
	code_op_value(c, BPF_LSH, R8, 32);
	code_op(c, BPF_OR, R8, R0);
	put_lookup(c, map_fd, WITNESS_SETS - 1);
	code_move(c, R6, R0);
	put_note(c, at);
	code_end(c, 1); /* NF_ACCEPT */
}

/* ---- who makes a socket */

/* R9 = the entry of the table at place R9, whose word, which it begins with, is taken away; R0 = now. */
static void put_begin_entry(struct bpf_code *c, int map_fd, uint32_t mask)
{
	put_lookup(c, map_fd, mask);
	code_move(c, R9, R0);
	put_take_away(c);
	code_call(c, HELPER_TIME);
}

void witness_code_creator(struct bpf_code *c, int map_fd)
{
	code_call(c, HELPER_COOKIE);
	code_move(c, R9, R0);
	code_call(c, HELPER_PID);
	code_op_value(c, BPF_RSH, R0, 32);
	code_move(c, R8, R9);
	code_op_value(c, BPF_LSH, R8, 32);
	code_op(c, BPF_OR, R8, R0);
	put_begin_entry(c, map_fd, WITNESS_SOCKETS - 1);
	code_store(c, SIZE_8, R9, (int16_t)offsetof(struct witness_socket_slot, made_ns), R0);
	code_exchange(c, R9, (int16_t)offsetof(struct witness_socket_slot, word), R8);
	code_end(c, 1);
}

/* ---- what is executed */

uint64_t witness_exec_check(const struct witness_exec_slot *slot)
{
	uint64_t check = (slot->inode * MIX ^ slot->fs) * MIX ^ slot->time_ns;

	return check * MIX >> 32 << 32;
}

/* `to` = what stands at R6 + place, of `size` bytes, which the kernel may refuse to read. R0 to R5 are lost. */
static void put_read(struct bpf_code *c, enum bpf_register to, uint32_t place, enum bpf_size size)
{
	code_move(c, R1, R10);
	code_op_value(c, BPF_ADD, R1, HEAD);
	code_set(c, R2, size == SIZE_8 ? 8 : 4);
	code_move(c, R3, R6);
	code_op_value(c, BPF_ADD, R3, (int32_t)place);
	code_call(c, HELPER_READ);
	code_end_if(c, BPF_JNE, R0, 0);
	code_load(c, size, to, R10, HEAD);
}

void witness_code_exec(struct bpf_code *c, const struct witness_exec_places *at, int map_fd)
{
	code_load(c, SIZE_8, R6, R1, EXEC_BPRM);
	put_read(c, R6, at->bprm_file, SIZE_8);
	put_read(c, R6, at->file_inode, SIZE_8);
	put_read(c, R7, at->inode_number, SIZE_8);
	put_read(c, R6, at->inode_super, SIZE_8);
	put_read(c, R8, at->super_magic, SIZE_8);
	put_read(c, R9, at->super_dev, SIZE_4);
	code_op_value(c, BPF_LSH, R8, 32);
	code_op(c, BPF_OR, R8, R9);
	code_call(c, HELPER_PID);
	code_op_value(c, BPF_RSH, R0, 32);
	code_move(c, R6, R0);
	code_move(c, R9, R0);
	put_begin_entry(c, map_fd, WITNESS_EXECS - 1);
	code_store(c, SIZE_8, R9, (int16_t)offsetof(struct witness_exec_slot, time_ns), R0);
	code_store(c, SIZE_8, R9, (int16_t)offsetof(struct witness_exec_slot, inode), R7);
	code_store(c, SIZE_8, R9, (int16_t)offsetof(struct witness_exec_slot, fs), R8);
	code_set64(c, R5, MIX);
	code_op(c, BPF_MUL, R7, R5);
	code_op(c, BPF_XOR, R7, R8);
	code_op(c, BPF_MUL, R7, R5);
	code_op(c, BPF_XOR, R7, R0);
	code_op(c, BPF_MUL, R7, R5);
	code_op_value(c, BPF_RSH, R7, 32);
	code_op_value(c, BPF_LSH, R7, 32);
	code_op(c, BPF_OR, R7, R6);
	code_exchange(c, R9, (int16_t)offsetof(struct witness_exec_slot, word), R7);
	code_end(c, 1);
}
