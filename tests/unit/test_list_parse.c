/* SPDX-License-Identifier: GPL-2.0-or-later */
/* List files as they are found in the world: what each line comes to. */
#include "config.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api/list_parse.h"
#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/listset.h"
#include "tests/unit/ruleset_kit.h"

/* Compiles a file's text; the caller frees the set. */
static struct listset *read_text(enum operand o, const char *text, struct list_parse *p)
{
	struct listset *l = NULL;
	int fd = memfd_create("list", MFD_CLOEXEC), set;

	*p = (struct list_parse) { .operand = o,
		.builder = listset_builder_new(o, kit_text("/l")) };
	assert_non_null(p->builder);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(list_parse_fd(p, fd, NULL), 0);
	close(fd);
	set = listset_build_fd(p->builder);
	assert_true(set >= 0);
	assert_int_equal(listset_load_fd(set, &l, NULL), 0);
	close(set);
	listset_builder_free(p->builder);
	return l;
}

static const struct {
	const char *line;
	unsigned entries, bad;
	const char *in[3], *out[3];
} domains[] = {
	{ "0.0.0.0 a.example", 1, 0, { "a.example" }, { "x.a.example", "0.0.0.0" } },
	{ "127.0.0.1\ta.example  B.example. # c.example", 2, 0, { "a.example", "b.example" },
		{ "c.example" } },
	{ "::1 ip6-localhost a.example", 1, 0, { "a.example" }, { "ip6-localhost" } },
	{ "fe80::1%lo0 localhost", 0, 0, { NULL }, { "localhost" } },
	{ "  a.example\r", 1, 0, { "a.example" }, { "x.a.example" } },
	{ "a.example # why", 1, 0, { "a.example" }, { "why" } },
	{ "*.a.example", 1, 0, { "x.a.example", "y.x.a.example" }, { "a.example", "xa.example" } },
	{ ".a.example", 1, 0, { "a.example", "x.a.example" }, { "xa.example" } },
	{ "||a.example^", 1, 0, { "a.example", "x.a.example" }, { "xa.example" } },
	{ "||a.example^$important", 1, 0, { "a.example" }, { NULL } },
	{ "||a.example^$third-party", 0, 1, { NULL }, { "a.example" } },
	{ "||a.example/path", 0, 1, { NULL }, { "a.example" } },
	{ "@@||a.example^", 0, 1, { NULL }, { "a.example" } },
	{ "[Adblock Plus 2.0]", 0, 0, { NULL }, { NULL } },
	{ "! title", 0, 0, { NULL }, { NULL } },
	{ "; title", 0, 0, { NULL }, { NULL } },
	{ "address=/a.example/0.0.0.0", 1, 0, { "a.example", "x.a.example" }, { "0.0.0.0" } },
	{ "local=/a.example/b.example/", 2, 0, { "x.a.example", "b.example" }, { NULL } },
	{ "address=a.example", 0, 1, { NULL }, { "a.example" } },
	{ "b\303\274cher.example", 1, 0, { "xn--bcher-kva.example" }, { NULL } },
	{ "\303\226BB.example", 1, 0, { "xn--bb-eka.example" }, { NULL } },
	{ "a..example", 0, 1, { NULL }, { NULL } },
	{ "a_b-c.example", 1, 0, { "a_b-c.example" }, { NULL } },
	{ "a/b.example", 0, 1, { NULL }, { NULL } },
	{ "two words", 0, 1, { NULL }, { "two" } },
	{ "\377\376.example", 0, 1, { NULL }, { NULL } },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", 0, 1,
		{ NULL }, { NULL } },
};

static bool has_host(const struct listset *l, const char *host)
{
	struct subject s = { .host = kit_text(host) };

	return listset_find(l, &s) != 0;
}

static void test_domains(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(domains); i++) {
		struct list_parse p;
		struct listset *l = read_text(OPERAND_LISTS_DOMAINS, domains[i].line, &p);

		if (p.entries != domains[i].entries || p.bad != domains[i].bad)
			fail_msg("%s: %llu entries, %llu bad", domains[i].line,
				(unsigned long long)p.entries, (unsigned long long)p.bad);
		for (size_t k = 0; k < array_len(domains[i].in); k++) {
			if (domains[i].in[k] && !has_host(l, domains[i].in[k]))
				fail_msg("%s: not '%s'", domains[i].line, domains[i].in[k]);
			if (domains[i].out[k] && has_host(l, domains[i].out[k]))
				fail_msg("%s: '%s'", domains[i].line, domains[i].out[k]);
		}
		listset_unref(l);
	}
}

static void test_a_whole_file(void **state)
{
	static const char text[] =
		"\xef\xbb\xbf# with a mark\r\n\r\n0.0.0.0 a.example\r\nb.example\n"
		"a.example\nbad bad\nno_end.example";
	struct list_parse p;
	struct listset *l = read_text(OPERAND_LISTS_DOMAINS, text, &p);

	(void)state;
	assert_int_equal(p.lines, 7);
	assert_int_equal(p.entries, 4);
	assert_int_equal(listset_count(l), 3);
	assert_int_equal(p.bad, 1);
	assert_int_equal(p.first_bad, 6);
	assert_string_not_equal(p.why, "");
	assert_true(has_host(l, "no_end.example"));
	listset_unref(l);
}

static bool has_addr(const struct listset *l, const char *addr)
{
	struct subject s = { 0 };

	ip_addr_parse(addr, &s.flow.dst);
	return listset_find(l, &s) != 0;
}

static void test_addresses_and_networks(void **state)
{
	struct list_parse p;
	struct listset *l = read_text(OPERAND_LISTS_IPS,
		"192.0.2.1 # x\n::ffff:192.0.2.2\n2001:DB8::1\n192.0.2.300\n192.0.2.0/24\n", &p);

	(void)state;
	assert_int_equal(p.bad, 2);
	assert_true(
		has_addr(l, "192.0.2.1") && has_addr(l, "192.0.2.2") && has_addr(l, "2001:db8::1"));
	assert_false(has_addr(l, "192.0.2.3"));
	listset_unref(l);
	l = read_text(OPERAND_LISTS_NETS,
		"192.0.2.0/25\n192.0.2.200\n2001:db8::/32 ; x\n1.2.3.0/33\n", &p);
	assert_int_equal(p.bad, 1);
	assert_true(has_addr(l, "192.0.2.127") && has_addr(l, "192.0.2.200") &&
		    has_addr(l, "2001:db8:ffff::1"));
	assert_false(has_addr(l, "192.0.2.128") || has_addr(l, "2001:db9::1"));
	listset_unref(l);
}

static void test_digests_and_patterns(void **state)
{
	struct list_parse p;
	struct listset *l = read_text(OPERAND_LISTS_HASH_MD5,
		"D41D8CD98F00B204E9800998ECF8427E  empty\nd41d8cd98f00b204e9800998ecf8427\n", &p);

	(void)state;
	assert_int_equal(p.entries, 1);
	assert_int_equal(p.bad, 1);
	listset_unref(l);
	l = read_text(OPERAND_LISTS_DOMAINS_REGEXP, "# x\n^ads?\\.\n(\n!bang\n", &p);
	assert_int_equal(p.entries, 2);
	assert_int_equal(p.first_bad, 3);
	assert_true(has_host(l, "AD.example") && has_host(l, "x!bang"));
	listset_unref(l);
}

static void test_a_line_without_end(void **state)
{
	struct list_parse p = { .operand = OPERAND_LISTS_DOMAINS,
		.builder = listset_builder_new(OPERAND_LISTS_DOMAINS, kit_text("/l")) };
	int fd = memfd_create("list", MFD_CLOEXEC);
	struct error err = { 0 };
	char block[4096];

	(void)state;
	memset(block, 'a', sizeof(block));
	for (int i = 0; i < 100; i++)
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(list_parse_fd(&p, fd, &err), ERR_TOO_BIG);
	assert_non_null(strstr(err.message, "line 1"));
	close(fd);
	listset_builder_free(p.builder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_a_whole_file),
		cmocka_unit_test(test_addresses_and_networks),
		cmocka_unit_test(test_digests_and_patterns),
		cmocka_unit_test(test_a_line_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
