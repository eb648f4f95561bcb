/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encodings. */
#include "config.h"

#include "daemon/bpf_code.h"

#include "lib/cleanup.h"

static unsigned put(struct bpf_code *c, uint8_t code, enum bpf_register dst, enum bpf_register src,
	int16_t offset, int32_t value)
{
	if (c->n == BPF_CODE_MAX) {
		c->is_full = true;
		return 0;
	}
	c->insns[c->n] = (struct bpf_insn) {
		.code = code,
		.dst_reg = (uint8_t)dst & 15,
		.src_reg = (uint8_t)src & 15,
		.off = offset,
		.imm = value,
	};
	return c->n++;
}

void code_load(struct bpf_code *c, enum bpf_size size, enum bpf_register to, enum bpf_register from,
	int16_t offset)
{
	put(c, (uint8_t)(BPF_LDX | BPF_MEM | size), to, from, offset, 0);
}

void code_store(struct bpf_code *c, enum bpf_size size, enum bpf_register to, int16_t offset,
	enum bpf_register from)
{
	put(c, (uint8_t)(BPF_STX | BPF_MEM | size), to, from, offset, 0);
}

void code_exchange(
	struct bpf_code *c, enum bpf_register to, int16_t offset, enum bpf_register value)
{
	put(c, BPF_STX | BPF_ATOMIC | BPF_DW, to, value, offset, BPF_XCHG);
}

void code_move(struct bpf_code *c, enum bpf_register to, enum bpf_register from)
{
	put(c, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

void code_set(struct bpf_code *c, enum bpf_register to, int32_t value)
{
	put(c, BPF_ALU64 | BPF_MOV | BPF_K, to, R0, 0, value);
}

void code_set64(struct bpf_code *c, enum bpf_register to, uint64_t value)
{
	put(c, BPF_LD | BPF_IMM | BPF_DW, to, R0, 0, (int32_t)(uint32_t)value);
	put(c, 0, R0, R0, 0, (int32_t)(uint32_t)(value >> 32));
}

void code_set_map(struct bpf_code *c, enum bpf_register to, int map_fd)
{
	put(c, BPF_LD | BPF_IMM | BPF_DW, to, (enum bpf_register)BPF_PSEUDO_MAP_FD, 0, map_fd);
	put(c, 0, R0, R0, 0, 0);
}

void code_op(struct bpf_code *c, uint8_t op, enum bpf_register to, enum bpf_register value)
{
	put(c, (uint8_t)(BPF_ALU64 | op | BPF_X), to, value, 0, 0);
}

void code_op_value(struct bpf_code *c, uint8_t op, enum bpf_register to, int32_t value)
{
	put(c, (uint8_t)(BPF_ALU64 | op | BPF_K), to, R0, 0, value);
}

void code_ntohs(struct bpf_code *c, enum bpf_register to)
{
	put(c, BPF_ALU | BPF_END | BPF_TO_BE, to, R0, 0, 16);
}

void code_call(struct bpf_code *c, int32_t helper)
{
	put(c, BPF_JMP | BPF_CALL, R0, R0, 0, helper);
}

unsigned code_jump(struct bpf_code *c, uint8_t op, enum bpf_register a, int32_t value)
{
	return put(c, (uint8_t)(BPF_JMP | op | BPF_K), a, R0, 0, value);
}

unsigned code_jump_register(
	struct bpf_code *c, uint8_t op, enum bpf_register a, enum bpf_register b)
{
	return put(c, (uint8_t)(BPF_JMP | op | BPF_X), a, b, 0, 0);
}

unsigned code_jump_always(struct bpf_code *c)
{
	return put(c, BPF_JMP | BPF_JA, R0, R0, 0, 0);
}

void code_land(struct bpf_code *c, unsigned jump)
{
	c->insns[jump].off = (int16_t)(c->n - jump - 1);
}

static void add_exit(struct bpf_code *c, unsigned jump)
{
	if (c->n_exits == array_len(c->exits))
		c->is_full = true;
	else
		c->exits[c->n_exits++] = jump;
}

void code_end_if(struct bpf_code *c, uint8_t op, enum bpf_register a, int32_t value)
{
	add_exit(c, code_jump(c, op, a, value));
}

void code_end_if_same(struct bpf_code *c, enum bpf_register a, enum bpf_register b)
{
	add_exit(c, code_jump_register(c, BPF_JEQ, a, b));
}

void code_end_if_other(struct bpf_code *c, enum bpf_register a, enum bpf_register b)
{
	add_exit(c, code_jump_register(c, BPF_JNE, a, b));
}

void code_end(struct bpf_code *c, int32_t result)
{
	for (unsigned i = 0; i < c->n_exits; i++)
		code_land(c, c->exits[i]);
	code_set(c, R0, result);
	put(c, BPF_JMP | BPF_EXIT, R0, R0, 0, 0);
}
