/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small eBPF programs, put together one instruction a call. Jumps go forward only.
 * Source: Documentation/bpf/standardization/instruction-set.rst, <linux/bpf.h>.
 */
#ifndef DAEMON_BPF_CODE_H
#define DAEMON_BPF_CODE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

#define BPF_CODE_MAX 384
#define BPF_CODE_EXITS_MAX 24

/* Registers: R0 results, R1 to R5 arguments (lost in a call), R6 to R9 kept, R10 the end of the stack. */
enum bpf_register { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 };

enum bpf_size { SIZE_1 = BPF_B, SIZE_2 = BPF_H, SIZE_4 = BPF_W, SIZE_8 = BPF_DW };

struct bpf_code {
	struct bpf_insn insns[BPF_CODE_MAX];
	unsigned n;
	unsigned exits[BPF_CODE_EXITS_MAX]; /* jumps to the end */
	unsigned n_exits;
	bool is_full; /* more was put in than fits: nothing to run */
};

/* *(to + offset) and back. */
void code_load(struct bpf_code *c, enum bpf_size size, enum bpf_register to, enum bpf_register from,
	int16_t offset);
void code_store(struct bpf_code *c, enum bpf_size size, enum bpf_register to, int16_t offset,
	enum bpf_register from);
/* Stores all 8 bytes and takes what was there into `value`, in one step that orders all before and after. */
void code_exchange(
	struct bpf_code *c, enum bpf_register to, int16_t offset, enum bpf_register value);

/* to = from; to = value; to = value of 64 bits; to = the map of this descriptor. */
void code_move(struct bpf_code *c, enum bpf_register to, enum bpf_register from);
void code_set(struct bpf_code *c, enum bpf_register to, int32_t value);
void code_set64(struct bpf_code *c, enum bpf_register to, uint64_t value);
void code_set_map(struct bpf_code *c, enum bpf_register to, int map_fd);

/* to = to OP value, of 64 bits: BPF_ADD, BPF_SUB, BPF_AND, BPF_OR, BPF_XOR, BPF_MUL, BPF_LSH, BPF_RSH. */
void code_op(struct bpf_code *c, uint8_t op, enum bpf_register to, enum bpf_register value);
void code_op_value(struct bpf_code *c, uint8_t op, enum bpf_register to, int32_t value);

/* to = two bytes of network order, as a number. */
void code_ntohs(struct bpf_code *c, enum bpf_register to);

void code_call(struct bpf_code *c, int32_t helper);

/* if (a OP value), if (a OP b): BPF_JEQ, BPF_JNE, BPF_JGT (without a sign), BPF_JSLE. What it returns goes to code_land(). */
unsigned code_jump(struct bpf_code *c, uint8_t op, enum bpf_register a, int32_t value);
unsigned code_jump_register(
	struct bpf_code *c, uint8_t op, enum bpf_register a, enum bpf_register b);
unsigned code_jump_always(struct bpf_code *c);
void code_land(struct bpf_code *c, unsigned jump);

/* if (a OP value), or (a OP b), the program ends; with what, code_end() says, which comes last. */
void code_end_if(struct bpf_code *c, uint8_t op, enum bpf_register a, int32_t value);
void code_end_if_same(struct bpf_code *c, enum bpf_register a, enum bpf_register b);
void code_end_if_other(struct bpf_code *c, enum bpf_register a, enum bpf_register b);
void code_end(struct bpf_code *c, int32_t result);

#endif
