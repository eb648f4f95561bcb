/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiled lists: what is found in them and what is not, and files that lie. */
#include "config.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/listset.h"
#include "lib/listset_build.h"
#include "lib/listwire.h"
#include "tests/unit/random_kit.h"
#include "tests/unit/ruleset_kit.h"

static struct listset_builder *new_builder(enum operand o)
{
	struct listset_builder *b = listset_builder_new(o, kit_text("/lists/ads"));

	assert_non_null(b);
	return b;
}

/* Frees the builder. */
static struct listset *load(struct listset_builder *b)
{
	struct listset *l = NULL;
	struct error err = { 0 };
	int fd = listset_build_fd(b);

	assert_true(fd >= 0);
	if (listset_load_fd(fd, &l, &err) < 0)
		fail_msg("%s: %s", err.place, err.message);
	close(fd);
	listset_builder_free(b);
	return l;
}

static unsigned find_host(const struct listset *l, const char *host)
{
	struct subject s = { .host = kit_text(host) };

	return listset_find(l, &s);
}

static unsigned find_addr(const struct listset *l, const char *addr)
{
	struct subject s = { 0 };

	assert_int_equal(ip_addr_parse(addr, &s.flow.dst), 0);
	return listset_find(l, &s);
}

static void test_names(void **state)
{
	struct listset_builder *b = new_builder(OPERAND_LISTS_DOMAINS);
	struct listset *l;

	(void)state;
	assert_true(listset_build_name(b, kit_text("exact.example"), true, false));
	assert_false(listset_build_name(b, kit_text("exact.example"), true, false));
	listset_build_source(b, 2);
	assert_true(listset_build_name(b, kit_text("below.example"), false, true));
	listset_build_source(b, 300);
	assert_true(listset_build_name(b, kit_text("both.example"), true, true));
	assert_false(listset_build_name(b, kit_text("exact.example"), true, false));
	l = load(b);
	assert_int_equal(listset_count(l), 3);
	assert_int_equal(listset_operand(l), OPERAND_LISTS_DOMAINS);
	assert_int_equal(find_host(l, "exact.example"), 1);
	assert_int_equal(find_host(l, "EXACT.example"), 1);
	assert_int_equal(find_host(l, "www.exact.example"), 0);
	assert_int_equal(find_host(l, "below.example"), 0);
	assert_int_equal(find_host(l, "a.b.below.example"), 2);
	assert_int_equal(find_host(l, "xbelow.example"), 0);
	assert_int_equal(find_host(l, "both.example"), LISTWIRE_SOURCES);
	assert_int_equal(find_host(l, "x.both.example"), LISTWIRE_SOURCES);
	assert_int_equal(find_host(l, "example"), 0);
	assert_int_equal(find_host(l, ""), 0);
	listset_unref(l);
}

/* Many names: all are found, nothing else is. */
static void test_many_names(void **state)
{
	enum { N = 20000 };
	struct listset_builder *b = new_builder(OPERAND_LISTS_DOMAINS);
	struct listset *l;
	char name[32];

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "host%u.example", i);
		assert_true(listset_build_name(b, kit_text(name), true, false));
	}
	l = load(b);
	assert_int_equal(listset_count(l), N);
	for (unsigned i = 0; i < 2 * N; i++) {
		snprintf(name, sizeof(name), "host%u.example", i);
		assert_int_equal(find_host(l, name), i < N);
	}
	listset_unref(l);
}

static void test_addresses(void **state)
{
	struct listset_builder *b = new_builder(OPERAND_LISTS_IPS);
	struct ip_addr a;
	struct listset *l;

	(void)state;
	ip_addr_parse("192.0.2.1", &a);
	assert_true(listset_build_addr(b, &a));
	ip_addr_parse("2001:db8::1", &a);
	assert_true(listset_build_addr(b, &a));
	l = load(b);
	assert_int_equal(find_addr(l, "192.0.2.1"), 1);
	assert_int_equal(find_addr(l, "192.0.2.2"), 0);
	assert_int_equal(find_addr(l, "2001:db8::1"), 1);
	assert_int_equal(find_addr(l, "::1"), 0);
	listset_unref(l);
}

/* Random networks against each of them in turn. */
static void test_networks(void **state)
{
	struct random_state r = { 5 };

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct listset_builder *b = new_builder(OPERAND_LISTS_NETS);
		struct ip_net nets[12];
		unsigned n = random_below(&r, 12);
		struct listset *l;
		char text[64];

		for (unsigned i = 0; i < n; i++) {
			snprintf(text, sizeof(text),
				round % 2 ? "10.0.%u.%u/%u" : "2001:db8::%x:%x/%u",
				random_below(&r, 4), random_below(&r, 256),
				(round % 2 ? 20 : 100) + random_below(&r, 13));
			assert_int_equal(ip_net_parse(text, &nets[i]), 0);
			listset_build_source(b, i + 1);
			listset_build_net(b, &nets[i]);
		}
		l = load(b);
		for (unsigned k = 0; k < 200; k++) {
			struct subject s = { 0 };
			unsigned got;
			bool any = false;

			snprintf(text, sizeof(text), round % 2 ? "10.0.%u.%u" : "2001:db8::%x:%x",
				random_below(&r, 5), random_below(&r, 256));
			ip_addr_parse(text, &s.flow.dst);
			got = listset_find(l, &s);
			for (unsigned i = 0; i < n; i++)
				any |= ip_net_contains(&nets[i], &s.flow.dst);
			assert_int_equal(got != 0, any);
			if (got)
				assert_true(ip_net_contains(&nets[got - 1], &s.flow.dst));
		}
		listset_unref(l);
	}
}

static void test_patterns(void **state)
{
	struct listset_builder *b = new_builder(OPERAND_LISTS_DOMAINS_REGEXP);
	struct error err = { 0 };
	struct listset *l;

	(void)state;
	assert_int_equal(listset_build_pattern(b, kit_text("^ads?[0-9]*\\."), &err), 0);
	assert_int_equal(listset_build_pattern(b, kit_text("(("), &err), ERR_INVALID);
	listset_build_source(b, 2);
	assert_int_equal(listset_build_pattern(b, kit_text("track"), &err), 0);
	l = load(b);
	assert_int_equal(listset_count(l), 2);
	assert_int_equal(find_host(l, "ad7.example.com"), 1);
	assert_int_equal(find_host(l, "x.TRACKER.example"), 2);
	assert_int_equal(find_host(l, "example.com"), 0);
	listset_unref(l);
}

static struct text digest_of(void *ctx, enum digest which)
{
	return which == DIGEST_MD5 ? kit_text(ctx) : (struct text) { NULL, 0 };
}

static void test_digests(void **state)
{
	char md5[] = "d41d8cd98f00b204e9800998ecf8427e";
	struct subject s = { .digest = digest_of, .digest_ctx = md5 };
	struct listset_builder *b = new_builder(OPERAND_LISTS_HASH_MD5);
	struct listset *l;

	(void)state;
	assert_true(listset_build_digest(b, kit_text(md5)));
	l = load(b);
	assert_int_equal(listset_find(l, &s), 1);
	md5[0] = 'e';
	assert_int_equal(listset_find(l, &s), 0);
	s.digest = NULL;
	assert_int_equal(listset_find(l, &s), 0);
	listset_unref(l);
}

/* ---- in rules */

static struct listset *find_lists(void *ctx, enum operand o, struct text folder)
{
	struct listset *l = ctx;
	struct text own = listset_folder(l);

	return o == listset_operand(l) && folder.len == own.len &&
			       memcmp(folder.s, own.s, own.len) == 0
		       ? l
		       : NULL;
}

static void test_rule_with_lists(void **state)
{
	struct rulewire_builder *rules = rulewire_builder_new();
	struct listset_builder *b = new_builder(OPERAND_LISTS_DOMAINS);
	struct subject s = { .host = kit_text("ads.example") };
	struct ruleset_match m;
	struct ruleset *rs = NULL;
	struct listset *l;
	void *file = NULL;
	size_t len = 0;

	(void)state;
	listset_build_name(b, kit_text("ads.example"), true, false);
	l = load(b);
	kit_op(rules, rulewire_build_rule(rules, kit_text("a"), ACTION_DENY, false, false, 0),
		OPERATOR_LISTS, "lists.domains", false, "/lists/other");
	kit_op(rules, rulewire_build_rule(rules, kit_text("b"), ACTION_DENY, false, false, 0),
		OPERATOR_LISTS, "lists.domains", false, "/lists/ads");
	assert_int_equal(rulewire_build_finish(rules, 1, &file, &len), 0);
	assert_int_equal(
		ruleset_load_lists(file, len, &(struct rule_lists) { find_lists, l }, &rs, NULL),
		0);
	/* The set keeps them. */
	listset_unref(l);
	assert_true(ruleset_decide(rs, &s, 1, &m));
	assert_int_equal(m.index, 1);
	s.host = kit_text("example");
	assert_false(ruleset_decide(rs, &s, 1, &m));
	ruleset_free(rs);
	free(file);
	rulewire_builder_free(rules);
}

/* ---- files that lie */

static uint8_t *file_of(struct listset_builder *b, size_t *ret_len)
{
	int fd = listset_build_fd(b);
	uint8_t *bytes;
	struct stat st = { 0 };

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	*ret_len = (size_t)st.st_size;
	bytes = calloc(1, *ret_len + 1);
	assert_int_equal(pread(fd, bytes, *ret_len, 0), *ret_len);
	close(fd);
	listset_builder_free(b);
	return bytes;
}

static void search_all(const struct listset *l)
{
	static const char *const hosts[] = { "a.example", "b.a.example", "x" };
	static const char *const addrs[] = { "0.0.0.0", "10.0.0.1", "255.255.255.255",
		"::", "2001:db8::1" };

	for (size_t i = 0; i < array_len(hosts); i++)
		find_host(l, hosts[i]);
	for (size_t i = 0; i < array_len(addrs); i++)
		find_addr(l, addrs[i]);
}

/* Any bytes: refused, or every search ends inside them (the sanitizers look on). */
static void test_corruption(void **state)
{
	static const enum operand operands[] = { OPERAND_LISTS_DOMAINS, OPERAND_LISTS_NETS,
		OPERAND_LISTS_DOMAINS_REGEXP, OPERAND_LISTS_IPS };
	struct random_state r = { 11 };
	unsigned loaded = 0, refused = 0;

	(void)state;
	for (size_t o = 0; o < array_len(operands); o++) {
		struct listset_builder *b = new_builder(operands[o]);
		struct ip_net net;
		uint8_t *good, *bad;
		size_t len;

		listset_build_name(b, kit_text("a.example"), true, true);
		ip_net_parse("10.0.0.0/8", &net);
		listset_build_net(b, &net);
		ip_net_parse("2001:db8::/32", &net);
		listset_build_net(b, &net);
		assert_int_equal(listset_build_pattern(b, kit_text("a+"), NULL), 0);
		good = file_of(b, &len);
		bad = malloc(len + 1);
		for (unsigned i = 0; i < 4000; i++) {
			struct listset *l = NULL;
			size_t cut = i % 10 ? len : random_below(&r, (unsigned)len + 1);

			memcpy(bad, good, len);
			for (unsigned k = random_below(&r, 4); k > 0; k--) {
				/* mostly in the header's numbers and in what stands behind it */
				size_t at =
					random_below(&r, 3)
						? random_below(&r,
							  offsetof(struct listwire_header, folder))
						: random_below(&r, (unsigned)len + 1);

				bad[at] = (uint8_t)random_next(&r);
			}
			if (listset_load(bad, cut, &l, NULL) < 0) {
				refused++;
				continue;
			}
			search_all(l);
			listset_unref(l);
			loaded++;
		}
		free(good);
		free(bad);
	}
	assert_in_range(loaded, 100, 16000);
	assert_in_range(refused, 100, 16000);
}

static void test_must_be_sealed(void **state)
{
	struct listset *l = NULL;
	struct error err = { 0 };
	size_t len;
	uint8_t *bytes = file_of(new_builder(OPERAND_LISTS_IPS), &len);
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(listset_load_fd(fd, &l, &err), ERR_INVALID);
	close(fd);
	assert_int_equal(listset_load(bytes, len, &l, &err), 0);
	assert_int_equal(find_addr(l, "10.0.0.1"), 0);
	listset_unref(l);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_rule_with_lists),
		cmocka_unit_test(test_corruption),
		cmocka_unit_test(test_must_be_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
