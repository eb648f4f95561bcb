/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Offsets in a description made by hand, and in that of the running kernel. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/btf.h"
#include "lib/cleanup.h"
#include "lib/err.h"

#define NONE UINT32_MAX

/* struct inner { int a; union { int b; int c; }; int flag : 3 (from bit 67 on); };  typedef struct inner name;  and around it */
static const char strings[] = "\0int\0inner\0a\0b\0c\0flag\0name\0outer\0in\0loop";

static uint32_t string(const char *text)
{
	for (uint32_t at = 1; at < sizeof(strings); at += (uint32_t)strlen(strings + at) + 1)
		if (strcmp(strings + at, text) == 0)
			return at;
	fail_msg("no string %s", text);
	return 0;
}

struct blob {
	uint32_t words[256];
	uint32_t n; /* words of types */
	size_t len;
};

static void add(struct blob *b, const uint32_t *words, size_t n)
{
	memcpy(b->words + sizeof(struct btf_header) / 4 + b->n, words, n * 4);
	b->n += (uint32_t)n;
}

static uint32_t info(uint32_t kind, uint32_t n, uint32_t flag)
{
	return flag << 31 | kind << 24 | n;
}

#define ADD(b, ...)                                                                                \
	add(b, (const uint32_t[]) { __VA_ARGS__ },                                                 \
		sizeof((const uint32_t[]) { __VA_ARGS__ }) / sizeof(uint32_t))

static void finish(struct blob *b)
{
	struct btf_header h = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(h),
		.type_len = b->n * 4,
		.str_off = b->n * 4,
		.str_len = sizeof(strings),
	};

	memcpy(b->words, &h, sizeof(h));
	memcpy((char *)b->words + sizeof(h) + h.str_off, strings, sizeof(strings));
	b->len = sizeof(h) + h.str_off + sizeof(strings);
}

static struct blob make(void)
{
	struct blob b = { .n = 0 };

	/* 1: int */
	ADD(&b, string("int"), info(BTF_KIND_INT, 0, 0), 4, 0x01000020);
	/* 2: the unnamed union */
	ADD(&b, 0, info(BTF_KIND_UNION, 2, 0), 4, string("b"), 1, 0, string("c"), 1, 0);
	/* 3: struct inner; with the flag, the upper 8 bits of an offset are the length of a bit field */
	ADD(&b, string("inner"), info(BTF_KIND_STRUCT, 3, 1), 12, string("a"), 1, 0, 0, 2, 32,
		string("flag"), 1, 3u << 24 | 67);
	/* 4: typedef; 5: const of it */
	ADD(&b, string("name"), info(BTF_KIND_TYPEDEF, 0, 0), 3);
	ADD(&b, 0, info(BTF_KIND_CONST, 0, 0), 4);
	/* 6: struct outer { int in; const name loop; ... } */
	ADD(&b, string("outer"), info(BTF_KIND_STRUCT, 2, 0), 20, string("in"), 1, 0,
		string("loop"), 5, 64);
	finish(&b);
	return b;
}

static uint32_t offset(const struct btf *btf, const char *type, const char *path)
{
	uint32_t found = 0;

	return btf_offset(btf, type, path, &found) == 0 ? found : NONE;
}

static void members_are_found(void **state)
{
	struct blob b = make();
	struct btf btf;

	(void)state;
	assert_int_equal(btf_open(&btf, b.words, b.len), 0);
	assert_int_equal(btf.n_types, 7);
	assert_int_equal(offset(&btf, "inner", "a"), 0);
	assert_int_equal(offset(&btf, "inner", "b"), 4);
	assert_int_equal(offset(&btf, "inner", "c"), 4);
	assert_int_equal(offset(&btf, "outer", "in"), 0);
	assert_int_equal(offset(&btf, "outer", "loop.a"), 8);
	assert_int_equal(offset(&btf, "outer", "loop.c"), 12);
	/* Not at a byte, no such member, no member of an int, no such structure, a name of a type only. */
	assert_int_equal(offset(&btf, "inner", "flag"), NONE);
	assert_int_equal(offset(&btf, "outer", "a"), NONE);
	assert_int_equal(offset(&btf, "outer", "loo"), NONE);
	assert_int_equal(offset(&btf, "outer", "loop.ab"), NONE);
	assert_int_equal(offset(&btf, "outer", "in.a"), NONE);
	assert_int_equal(offset(&btf, "outer", "loop."), NONE);
	assert_int_equal(offset(&btf, "none", "a"), NONE);
	assert_int_equal(offset(&btf, "name", "a"), NONE);
	btf_close(&btf);
}

static void open_bad(const struct blob *b, size_t len)
{
	_cleanup_free_ void *copy = malloc(len ? len : 1);
	struct btf btf;

	memcpy(copy, b->words, len);
	assert_int_equal(btf_open(&btf, copy, len), ERR_MALFORMED);
}

static void nonsense_is_refused(void **state)
{
	const struct blob good = make();
	struct blob b = good;
	struct btf_header *h = (void *)b.words;

	(void)state;
	for (size_t len = 0; len < good.len; len++)
		open_bad(&good, len);
	h->magic = 0x9feb;
	open_bad(&b, b.len);
	b = good;
	h->version = 2;
	open_bad(&b, b.len);
	b = good;
	h->type_len = UINT32_MAX;
	open_bad(&b, b.len);
	b = good;
	h->type_off = UINT32_MAX - 3;
	open_bad(&b, b.len);
	b = good;
	h->str_len--;
	((char *)b.words)[b.len - 2] = 'x';
	open_bad(&b, b.len);
	/* A kind that we do not know has a length that we do not know. */
	b = make();
	ADD(&b, 0, info(31, 0, 0), 0);
	finish(&b);
	open_bad(&b, b.len);
	/* More members than there is room. */
	b = make();
	ADD(&b, 0, info(BTF_KIND_STRUCT, 1000, 0), 4);
	finish(&b);
	open_bad(&b, b.len);
}

/* Names of each other, and a structure that has itself in it without a name: an end is found all the same. */
static void circles_end(void **state)
{
	struct blob b = { .n = 0 };
	struct btf btf;

	(void)state;
	ADD(&b, string("name"), info(BTF_KIND_TYPEDEF, 0, 0), 2);
	ADD(&b, string("name"), info(BTF_KIND_TYPEDEF, 0, 0), 1);
	ADD(&b, string("inner"), info(BTF_KIND_STRUCT, 8, 0), 4, 0, 3, 0, 0, 3, 0, 0, 3, 0, 0, 3, 0,
		0, 3, 0, 0, 3, 0, 0, 3, 0, string("a"), 99, 0);
	ADD(&b, string("outer"), info(BTF_KIND_STRUCT, 1, 0), 4, string("loop"), 1, 0);
	finish(&b);
	assert_int_equal(btf_open(&btf, b.words, b.len), 0);
	assert_int_equal(offset(&btf, "inner", "b"), NONE);
	assert_int_equal(offset(&btf, "outer", "loop.a"), NONE);
	/* A type that is not there is no structure. */
	assert_int_equal(offset(&btf, "inner", "a.b"), NONE);
	btf_close(&btf);
}

static void the_running_kernel(void **state)
{
	_cleanup_fclose_ FILE *f = fopen("/sys/kernel/btf/vmlinux", "re");
	_cleanup_free_ char *bytes = malloc(64u << 20);
	struct btf btf;
	size_t len;

	(void)state;
	if (!f) {
		print_message("this kernel has no BTF\n");
		skip();
	}
	assert_non_null(bytes);
	len = fread(bytes, 1, 64u << 20, f);
	assert_int_equal(btf_open(&btf, bytes, len), 0);
	/* The first of struct sock is its common part; both are fixed by what user space sees. */
	assert_int_equal(offset(&btf, "sock", "__sk_common"), 0);
	assert_int_equal(offset(&btf, "sock", "__sk_common.skc_daddr"), 0);
	assert_int_equal(offset(&btf, "sock", "__sk_common.skc_rcv_saddr"), 4);
	assert_int_equal(offset(&btf, "iphdr", "saddr"), 12);
	assert_int_equal(offset(&btf, "iphdr", "daddr"), 16);
	assert_int_equal(offset(&btf, "iphdr", "version"), NONE);
	btf_close(&btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(circles_end),
		cmocka_unit_test(the_running_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
