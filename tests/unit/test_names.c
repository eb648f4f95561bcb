/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table from address to name: who is newest, how long, how many. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/names.h"
#include "lib/cleanup.h"

#define SECOND 1000000000ull

static struct ip_addr addr_of(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(text, &a), 0);
	return a;
}

static void learn(struct names *n, const char *addr, const char *host, uint32_t ttl, uint64_t now_s)
{
	struct ip_addr a = addr_of(addr);
	struct name_fact fact = { .source = HOST_DNS, .ttl_s = ttl };

	names_learn(n, &a, host, strlen(host), &fact, now_s * SECOND);
}

static const struct name_asker nobody;

/* The name, or "" when none is known. */
static const char *find(struct names *n, const char *addr, uint64_t now_s)
{
	static struct name_result result;
	struct ip_addr a = addr_of(addr);

	names_find(n, &a, &nobody, now_s * SECOND, &result);
	assert_int_equal(result.len, strlen(result.host));
	assert_int_equal(result.source, result.len ? HOST_DNS : HOST_NONE);
	return result.host;
}

static void test_newest_first(void **state)
{
	struct names *n = names_new();

	(void)state;
	assert_string_equal(find(n, "192.0.2.1", 0), "");
	learn(n, "192.0.2.1", "a.test", 60, 0);
	learn(n, "192.0.2.1", "b.test", 60, 1);
	assert_string_equal(find(n, "192.0.2.1", 2), "b.test");
	learn(n, "192.0.2.1", "a.test", 60, 3); /* known, and now the newest */
	assert_string_equal(find(n, "192.0.2.1", 4), "a.test");
	assert_int_equal(names_count(n), 1);
	learn(n, "2001:db8::1", "six.test", 60, 3);
	assert_string_equal(find(n, "2001:db8::1", 4), "six.test");
	assert_string_equal(find(n, "2001:db8::2", 4), "");
	assert_int_equal(names_count(n), 2);
	names_free(n);
	names_free(NULL);
}

static void test_life(void **state)
{
	static const struct {
		uint32_t ttl;
		uint64_t life_s;
	} table[] = { { 0, 60 + 3600 }, { 59, 60 + 3600 }, { 300, 300 + 3600 }, { 82800, 86400 },
		{ 604800, 86400 }, { UINT32_MAX, 86400 } };

	(void)state;
	for (size_t i = 0; i < array_len(table); i++) {
		struct names *n = names_new();

		learn(n, "192.0.2.1", "a.test", table[i].ttl, 1000);
		assert_string_equal(find(n, "192.0.2.1", 999 + table[i].life_s), "a.test");
		assert_string_equal(find(n, "192.0.2.1", 1000 + table[i].life_s), "");
		assert_int_equal(names_count(n), 0);
		names_free(n);
	}
	{
		struct names *n = names_new();

		/* An older name that lives longer takes over again. */
		learn(n, "192.0.2.1", "long.test", 80000, 0);
		learn(n, "192.0.2.1", "short.test", 60, 1);
		assert_string_equal(find(n, "192.0.2.1", 3660), "short.test");
		assert_string_equal(find(n, "192.0.2.1", 3661), "long.test");
		names_free(n);
	}
}

static void test_text(void **state)
{
	static const struct {
		const char *host, *want;
	} table[] = {
		{ "WWW.Example.COM", "www.example.com" },
		{ "example.com.", "example.com" },
		{ "xn--brcke-lva.example", "xn--brcke-lva.example" },
		{ "a\\032b.test", "a\\032b.test" },
		{ "", "" },
		{ ".", "" },
		{ "a b.test", "" },
		{ "a\nb.test", "" },
		{ "\x1b[31m.test", "" },
		{ "br\303\274cke.test", "" },
		{ "a\x7f.test", "" },
	};
	char big[300];

	(void)state;
	for (size_t i = 0; i < array_len(table); i++) {
		struct names *n = names_new();

		learn(n, "192.0.2.1", table[i].host, 60, 0);
		assert_string_equal(find(n, "192.0.2.1", 0), table[i].want);
		assert_int_equal(names_count(n), table[i].want[0] ? 1 : 0);
		names_free(n);
	}
	memset(big, 'a', sizeof(big));
	for (size_t len = LIMIT_HOST - 1; len < LIMIT_HOST + 3; len++) {
		struct names *n = names_new();
		struct ip_addr a = addr_of("192.0.2.1");

		names_learn(n, &a, big, len, &(struct name_fact) { .source = HOST_DNS }, 0);
		assert_int_equal(strlen(find(n, "192.0.2.1", 0)), len <= LIMIT_HOST ? len : 0);
		names_free(n);
	}
}

static void test_names_per_address_are_bounded(void **state)
{
	struct names *n = names_new();
	char host[32];

	(void)state;
	/* The first expires last, so that it would show when it were still there. */
	learn(n, "192.0.2.1", "first.test", 80000, 0);
	for (unsigned i = 0; i < LIMIT_NAMES_PER_ADDR; i++) {
		snprintf(host, sizeof(host), "n%u.test", i);
		learn(n, "192.0.2.1", host, 60, 0);
	}
	assert_string_equal(find(n, "192.0.2.1", 0), host);
	assert_string_equal(find(n, "192.0.2.1", 5000), "");
	names_free(n);
}

static void nth_addr(unsigned i, char buf[static 32])
{
	snprintf(buf, 32, "10.%u.%u.%u", i >> 16 & 0xff, i >> 8 & 0xff, i & 0xff);
}

static void test_least_used_goes_first(void **state)
{
	struct names *n = names_new();
	char addr[32];

	(void)state;
	for (unsigned i = 0; i < LIMIT_NAMES; i++) {
		nth_addr(i, addr);
		learn(n, addr, "old.test", 60, 0);
	}
	assert_int_equal(names_count(n), LIMIT_NAMES);
	assert_string_equal(find(n, "10.0.0.0", 0), "old.test"); /* used */
	learn(n, "10.0.0.2", "old.test", 60, 0); /* told again */
	for (unsigned i = 0; i < 1000; i++) {
		nth_addr(LIMIT_NAMES + i, addr);
		learn(n, addr, "new.test", 60, 0);
	}
	assert_int_equal(names_count(n), LIMIT_NAMES);
	for (unsigned i = 0; i < 1002; i++) {
		nth_addr(i, addr);
		assert_string_equal(find(n, addr, 0), i == 0 || i == 2 ? "old.test" : "");
	}
	nth_addr(1002, addr);
	assert_string_equal(find(n, addr, 0), "old.test");
	nth_addr(LIMIT_NAMES + 999, addr);
	assert_string_equal(find(n, addr, 0), "new.test");
	names_free(n);
}

/* ---- who asked */

static void asked(
	struct names *n, const char *addr, const char *host, int32_t pid, uint64_t program)
{
	struct name_fact fact = { .source = HOST_DNS, .ttl_s = 60, .asker = { pid, 7, program } };
	struct ip_addr a = addr_of(addr);

	names_learn(n, &a, host, strlen(host), &fact, 0);
}

static void check(struct names *n, const char *addr, int32_t pid, uint64_t program,
	const char *host, enum host_source source, enum host_certainty certainty)
{
	struct name_asker asker = { pid, 7, program };
	struct ip_addr a = addr_of(addr);
	struct name_result result;

	names_find(n, &a, &asker, 0, &result);
	assert_string_equal(result.host, host);
	assert_int_equal(result.source, source);
	assert_int_equal(result.certainty, certainty);
}

static void test_who_asked_has_its_name(void **state)
{
	struct names *n = names_new();

	(void)state;
	check(n, "192.0.2.1", 1, 100, "", HOST_NONE, HOST_CERTAINTY_NONE);
	asked(n, "192.0.2.1", "shop.test", 1, 100);
	check(n, "192.0.2.1", 1, 100, "shop.test", HOST_DNS, HOST_CERTAINTY_EXACT);
	/* The only name there is. */
	check(n, "192.0.2.1", 9, 900, "shop.test", HOST_DNS, HOST_CERTAINTY_LIKELY);
	check(n, "192.0.2.1", 0, 0, "shop.test", HOST_DNS, HOST_CERTAINTY_LIKELY);
	asked(n, "192.0.2.1", "blog.test", 2, 200);
	check(n, "192.0.2.1", 1, 100, "shop.test", HOST_DNS, HOST_CERTAINTY_EXACT);
	check(n, "192.0.2.1", 2, 200, "blog.test", HOST_DNS, HOST_CERTAINTY_EXACT);
	/* Another process of the same program. */
	check(n, "192.0.2.1", 3, 100, "shop.test", HOST_DNS, HOST_CERTAINTY_LIKELY);
	/* Nobody of that program: the newest, which is a guess. */
	check(n, "192.0.2.1", 9, 900, "blog.test", HOST_DNS, HOST_CERTAINTY_GUESS);
	/* A PID used again is another process. */
	{
		struct name_asker again = { 1, 8, 900 };
		struct ip_addr a = addr_of("192.0.2.1");
		struct name_result result;

		names_find(n, &a, &again, 0, &result);
		assert_int_equal(result.certainty, HOST_CERTAINTY_GUESS);
	}
	/* Of two names that one process asked for, the later one. */
	asked(n, "192.0.2.1", "blog.test", 1, 100);
	check(n, "192.0.2.1", 1, 100, "blog.test", HOST_DNS, HOST_CERTAINTY_EXACT);
	names_free(n);
}

/* Each has it from where it heard it; one host is one name all the same. */
static void test_two_sources_of_one_name(void **state)
{
	static const struct {
		enum host_source source;
		int32_t pid;
	} told[] = { { HOST_DNS, 10 }, { HOST_MDNS, 20 } };
	struct names *n = names_new();
	struct ip_addr a = addr_of("192.0.2.1");
	struct name_asker asker = { 30, 7, 0 };
	struct name_result r;

	(void)state;
	assert_false(names_has(n, &a, "box.test", 8, HOST_DNS, 0));
	for (unsigned i = 0; i < 2; i++) {
		struct name_fact fact = {
			.source = told[i].source, .ttl_s = 60, .asker = { told[i].pid, 7, 0 }
		};

		names_learn(n, &a, "Box.test", 8, &fact, SECOND * i);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct name_asker own = { told[i].pid, 7, 0 };

		names_find(n, &a, &own, 2 * SECOND, &r);
		assert_int_equal(r.source, told[i].source);
		assert_int_equal(r.certainty, HOST_CERTAINTY_EXACT);
		assert_true(names_has(n, &a, "box.test", 8, told[i].source, 2 * SECOND));
		assert_false(names_has(n, &a, "box.test", 8, told[i].source, 5000 * SECOND));
	}
	assert_false(names_has(n, &a, "box.test", 8, HOST_HOSTS, 0));
	names_find(n, &a, &asker, 2 * SECOND, &r);
	assert_int_equal(r.certainty, HOST_CERTAINTY_LIKELY);
	learn(n, "192.0.2.1", "other.test", 60, 2);
	names_find(n, &a, &asker, 2 * SECOND, &r);
	assert_int_equal(r.certainty, HOST_CERTAINTY_GUESS);
	assert_int_equal(names_set_hosts(n, "192.0.2.1 box.test\n", 19), 1);
	assert_true(names_has(n, &a, "box.test", 8, HOST_HOSTS, 0));
	a = addr_of("192.0.2.2");
	learn(n, "192.0.2.2", "box.test", 60, 2);
	assert_int_equal(names_set_hosts(n, "192.0.2.2 box.test\n", 19), 1);
	names_find(n, &a, &asker, 2 * SECOND, &r);
	assert_int_equal(r.source, HOST_HOSTS);
	assert_int_equal(r.certainty, HOST_CERTAINTY_LIKELY);
	assert_false(names_has(n, &a, "other.test", 10, HOST_HOSTS, 0));
	names_free(n);
}

static void test_askers_are_bounded(void **state)
{
	struct names *n = names_new();

	(void)state;
	asked(n, "192.0.2.1", "other.test", 999, 9);
	for (int32_t pid = 1; pid <= LIMIT_NAME_ASKERS + 1; pid++)
		asked(n, "192.0.2.1", "shop.test", pid, (uint64_t)pid * 100);
	asked(n, "192.0.2.1", "other.test", 999, 9);
	check(n, "192.0.2.1", 1, 100, "other.test", HOST_DNS, HOST_CERTAINTY_GUESS);
	for (int32_t pid = 2; pid <= LIMIT_NAME_ASKERS + 1; pid++)
		check(n, "192.0.2.1", pid, (uint64_t)pid * 100, "shop.test", HOST_DNS,
			HOST_CERTAINTY_EXACT);
	names_free(n);
}

static void test_hosts_file(void **state)
{
	static const char text[] = "# a comment\n127.0.0.1 localhost\n::1 localhost\n"
				   "0.0.0.0 blocked.test\n192.0.2.1\tNAS.Home nas # mine\r\n"
				   "not-an-address x\n192.0.2.2\n2001:db8::1   six.home";
	struct names *n = names_new();

	(void)state;
	assert_int_equal(names_set_hosts(n, text, strlen(text)), 2);
	check(n, "192.0.2.1", 1, 1, "nas.home", HOST_HOSTS, HOST_CERTAINTY_LIKELY);
	check(n, "2001:db8::1", 1, 1, "six.home", HOST_HOSTS, HOST_CERTAINTY_LIKELY);
	check(n, "127.0.0.1", 1, 1, "", HOST_NONE, HOST_CERTAINTY_NONE);
	/* Who asked has its answer; who did not has the file's name, but that is a guess now. */
	asked(n, "192.0.2.1", "www.test", 5, 50);
	check(n, "192.0.2.1", 5, 50, "www.test", HOST_DNS, HOST_CERTAINTY_EXACT);
	check(n, "192.0.2.1", 1, 1, "nas.home", HOST_HOSTS, HOST_CERTAINTY_GUESS);
	assert_int_equal(names_set_hosts(n, "", 0), 0);
	check(n, "2001:db8::1", 1, 1, "", HOST_NONE, HOST_CERTAINTY_NONE);
	names_set_hosts(n, text, strlen(text));
	names_free(n);
}

static void test_hosts_file_is_bounded(void **state)
{
	struct names *n = names_new();
	size_t size = (LIMIT_HOSTS_NAMES + 10) * 32, len = 0;
	char *text = malloc(size);

	(void)state;
	for (unsigned i = 0; i < LIMIT_HOSTS_NAMES + 10; i++)
		len += (size_t)snprintf(
			text + len, size - len, "10.0.%u.%u h%u.test\n", i >> 8, i & 0xff, i);
	assert_int_equal(names_set_hosts(n, text, len), LIMIT_HOSTS_NAMES);
	free(text);
	names_free(n);
}

static void test_use_keeps_a_name(void **state)
{
	struct names *n = names_new();
	struct ip_addr a = addr_of("192.0.2.1");

	(void)state;
	learn(n, "192.0.2.1", "a.test", 60, 0);
	names_keep(n, &a, "a.test", 6, 3600 * SECOND);
	assert_string_equal(find(n, "192.0.2.1", 7000), "a.test");
	assert_string_equal(find(n, "192.0.2.1", 7300), "");
	names_free(n);
}

static void count_name(void *ctx, const struct name_view *view)
{
	unsigned *n = ctx;

	assert_true(view->host_len > 0);
	++*n;
}

static void test_listing(void **state)
{
	struct names *n = names_new();
	struct ip_addr a = addr_of("192.0.2.1");
	struct text shop = { "shop.test", 9 };
	unsigned count = 0;

	(void)state;
	asked(n, "192.0.2.1", "shop.test", 1, 1);
	asked(n, "192.0.2.1", "blog.test", 1, 1);
	asked(n, "192.0.2.2", "shop.test", 1, 1);
	names_set_hosts(n, "192.0.2.1 nas.home\n", 19);
	assert_int_equal(names_list(n, &a, NULL, 10, 0, count_name, &count), 3);
	assert_int_equal(names_list(n, NULL, &shop, 10, 0, count_name, &count), 2);
	assert_int_equal(names_list(n, NULL, NULL, 10, 0, count_name, &count), 4);
	assert_int_equal(names_list(n, NULL, NULL, 3, 0, count_name, &count), 3);
	assert_int_equal(count, 12);
	names_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_newest_first),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_names_per_address_are_bounded),
		cmocka_unit_test(test_least_used_goes_first),
		cmocka_unit_test(test_who_asked_has_its_name),
		cmocka_unit_test(test_two_sources_of_one_name),
		cmocka_unit_test(test_askers_are_bounded),
		cmocka_unit_test(test_hosts_file),
		cmocka_unit_test(test_hosts_file_is_bounded),
		cmocka_unit_test(test_use_keeps_a_name),
		cmocka_unit_test(test_listing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
