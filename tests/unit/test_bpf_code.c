/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions as the kernel's table of opcodes has them, where jumps lead, and programs that are too long. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "daemon/witness_code.h"
#include "lib/cleanup.h"

/* The 8 bytes of an instruction: opcode, registers (source above), offset, value. */
static void assert_bytes(const struct bpf_code *c, unsigned at, uint8_t opcode, uint8_t to,
	uint8_t from, int16_t offset, int32_t value)
{
	const struct bpf_insn *i = &c->insns[at];

	assert_in_range(at, 0, c->n - 1);
	assert_int_equal(i->code, opcode);
	assert_int_equal(i->dst_reg, to);
	assert_int_equal(i->src_reg, from);
	assert_int_equal(i->off, offset);
	assert_int_equal(i->imm, value);
}

static void opcodes(void **state)
{
	struct bpf_code c = { 0 };

	(void)state;
	code_load(&c, SIZE_1, R1, R6, 4);
	code_load(&c, SIZE_8, R2, R10, -8);
	code_store(&c, SIZE_4, R10, -52, R9);
	code_exchange(&c, R9, 16, R8);
	code_move(&c, R3, R4);
	code_set(&c, R5, -1);
	code_op(&c, BPF_XOR, R9, R1);
	code_op_value(&c, BPF_RSH, R9, 32);
	code_ntohs(&c, R4);
	code_call(&c, 25);
	assert_int_equal(c.n, 10);
	assert_bytes(&c, 0, 0x71, 1, 6, 4, 0);
	assert_bytes(&c, 1, 0x79, 2, 10, -8, 0);
	assert_bytes(&c, 2, 0x63, 10, 9, -52, 0);
	assert_bytes(&c, 3, 0xdb, 9, 8, 16, 0xe1);
	assert_bytes(&c, 4, 0xbf, 3, 4, 0, 0);
	assert_bytes(&c, 5, 0xb7, 5, 0, 0, -1);
	assert_bytes(&c, 6, 0xaf, 9, 1, 0, 0);
	assert_bytes(&c, 7, 0x77, 9, 0, 0, 32);
	assert_bytes(&c, 8, 0xdc, 4, 0, 0, 16);
	assert_bytes(&c, 9, 0x85, 0, 0, 0, 25);
}

static void values_of_64_bits_take_two(void **state)
{
	struct bpf_code c = { 0 };

	(void)state;
	code_set64(&c, R9, UINT64_C(0x9e3779b97f4a7c15));
	code_set_map(&c, R1, 7);
	assert_int_equal(c.n, 4);
	assert_bytes(&c, 0, 0x18, 9, 0, 0, 0x7f4a7c15);
	assert_bytes(&c, 1, 0, 0, 0, 0, (int32_t)0x9e3779b9);
	assert_bytes(&c, 2, 0x18, 1, BPF_PSEUDO_MAP_FD, 0, 7);
	assert_bytes(&c, 3, 0, 0, 0, 0, 0);
}

static void jumps_lead_to_where_they_land(void **state)
{
	struct bpf_code c = { 0 };
	unsigned over, always, behind;

	(void)state;
	code_end_if(&c, BPF_JEQ, R1, 5); /* 0 */
	over = code_jump(&c, BPF_JNE, R2, 17); /* 1 */
	code_end_if_same(&c, R1, R2); /* 2 */
	always = code_jump_always(&c); /* 3 */
	code_land(&c, over);
	code_end_if_other(&c, R3, R4); /* 4 */
	code_land(&c, always);
	behind = code_jump_register(&c, BPF_JSLE, R4, R3); /* 5 */
	code_land(&c, behind);
	code_end(&c, 1); /* 6, 7 */
	assert_int_equal(c.n, 8);
	assert_bytes(&c, 0, 0x15, 1, 0, 5, 5);
	assert_bytes(&c, 1, 0x55, 2, 0, 2, 17);
	assert_bytes(&c, 2, 0x1d, 1, 2, 3, 0);
	assert_bytes(&c, 3, 0x05, 0, 0, 1, 0);
	assert_bytes(&c, 4, 0x5d, 3, 4, 1, 0);
	assert_bytes(&c, 5, 0xdd, 4, 3, 0, 0);
	assert_bytes(&c, 6, 0xb7, 0, 0, 0, 1);
	assert_bytes(&c, 7, 0x95, 0, 0, 0, 0);
}

static void what_does_not_fit_is_said(void **state)
{
	struct bpf_code c = { 0 }, exits = { 0 };

	(void)state;
	for (unsigned i = 0; i < BPF_CODE_MAX; i++)
		code_set(&c, R0, 0);
	assert_false(c.is_full);
	code_end(&c, 1);
	assert_true(c.is_full);
	assert_int_equal(c.n, BPF_CODE_MAX);
	for (unsigned i = 0; i < BPF_CODE_EXITS_MAX; i++)
		code_end_if(&exits, BPF_JEQ, R1, 0);
	assert_false(exits.is_full);
	code_end_if(&exits, BPF_JEQ, R1, 0);
	assert_true(exits.is_full);
}

static void the_programs_of_the_witness_fit(void **state)
{
	const struct witness_places at = { .ctx_skb = 8 };
	const struct witness_exec_places exec_at = { .bprm_file = 8 };
	struct bpf_code sender = { 0 }, creator = { 0 }, exec = { 0 };

	(void)state;
	witness_code_sender(&sender, &at, 3, 4);
	witness_code_creator(&creator, 3);
	witness_code_exec(&exec, &exec_at, 3);
	assert_false(sender.is_full || creator.is_full || exec.is_full);
	assert_int_equal(sender.insns[sender.n - 1].code, BPF_JMP | BPF_EXIT);
	assert_int_equal(creator.insns[creator.n - 1].code, BPF_JMP | BPF_EXIT);
	assert_int_equal(exec.insns[exec.n - 1].code, BPF_JMP | BPF_EXIT);
}

/* Nobody who does not know the key can make two flows that have one entry: here a way in which both words of an address differ. */
static void flows_do_not_meet_on_purpose(void **state)
{
	struct flow f, g;

	(void)state;
	flow_init(&f);
	f.src = ip_addr_v6((const uint8_t[16]) { 0x20, 1, 0x0d, 0xb8, [15] = 1 });
	f.dst = ip_addr_v6((const uint8_t[16]) { 0x20, 1, 0x0d, 0xb8, [15] = 2 });
	f.src_port = 1234;
	f.dst_port = 53;
	f.proto = 17;
	g = f;
	g.dst.bytes[7] ^= 0x80;
	g.dst.bytes[11] ^= 0x80;
	g.dst.bytes[15] ^= 0x80;
	for (uint64_t key = 1; key < 100; key++)
		assert_int_not_equal(
			witness_flow_hash(&f, key) >> 32, witness_flow_hash(&g, key) >> 32);
}

/* Of two flows that differ in one thing the upper half differs, by which an entry is known, and of many the places are spread. */
static void flows_are_told_apart(void **state)
{
	struct flow f, g;
	uint64_t hash, key = UINT64_C(0x123456789abcdef1);
	unsigned char used[WITNESS_SETS] = { 0 };
	unsigned n_fit = 0;

	(void)state;
	flow_init(&f);
	f.src = ip_addr_v4((const uint8_t[]) { 10, 0, 0, 1 });
	f.dst = ip_addr_v4((const uint8_t[]) { 10, 0, 0, 2 });
	f.src_port = 1234;
	f.dst_port = 53;
	f.proto = 17;
	hash = witness_flow_hash(&f, key);
	assert_true(hash == witness_flow_hash(&f, key));
	assert_int_not_equal(hash >> 32, witness_flow_hash(&f, key + 1) >> 32);
	g = f;
	g.dst_port++;
	assert_int_not_equal(hash >> 32, witness_flow_hash(&g, key) >> 32);
	g = f;
	g.src_port++;
	assert_int_not_equal(hash >> 32, witness_flow_hash(&g, key) >> 32);
	g = f;
	g.proto = 6;
	assert_int_not_equal(hash >> 32, witness_flow_hash(&g, key) >> 32);
	g = f;
	g.dst.bytes[3]++;
	assert_int_not_equal(hash >> 32, witness_flow_hash(&g, key) >> 32);
	for (unsigned port = 0; port < 4096; port++) {
		uint32_t place;

		f.src_port = (uint16_t)(32768 + port);
		place = witness_flow_place(witness_flow_hash(&f, key));
		n_fit += ++used[place] <= WITNESS_WAYS;
	}
	/* By chance 4,095 of 4,096 balls are among the first four in one of 8,192 boxes: a full queue is known. */
	assert_in_range(n_fit, 4085, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opcodes),
		cmocka_unit_test(values_of_64_bits_take_two),
		cmocka_unit_test(jumps_lead_to_where_they_land),
		cmocka_unit_test(what_does_not_fit_is_said),
		cmocka_unit_test(the_programs_of_the_witness_fit),
		cmocka_unit_test(flows_do_not_meet_on_purpose),
		cmocka_unit_test(flows_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
