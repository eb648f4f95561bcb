/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Suggestions: what becomes one rule, what stays apart, and what was denied is never allowed. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>

#include "api/suggest.h"
#include "lib/limits.h"

static bool went(struct suggest *s, const char *host, const char *ip, uint16_t port, bool allowed)
{
	struct suggest_target t = { .host = { host, host ? strlen(host) : 0 },
		.proto = IPPROTO_TCP,
		.port = port,
		.allowed = allowed,
		.count = 2 };

	assert_int_equal(ip_addr_parse(ip, &t.ip), 0);
	return suggest_add(s, &t);
}

/* "operand=data operand=data" of each suggestion behind the program, one a line. */
static const char *told(struct suggest *s)
{
	static char text[4096];
	json_t *list = suggest_rules(s), *item;
	size_t i, n = 0;

	text[0] = '\0';
	json_array_foreach (list, i, item) {
		json_t *ops = json_object_get(
			json_object_get(json_object_get(item, "rule"), "operator"), "list");

		assert_string_equal(
			json_string_value(json_object_get(json_array_get(ops, 0), "data")),
			"/opt/x");
		for (size_t k = 1; k < json_array_size(ops); k++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s=%s",
				k > 1 ? " " : "",
				json_string_value(
					json_object_get(json_array_get(ops, k), "operand")),
				json_string_value(json_object_get(json_array_get(ops, k), "data")));
		n += (size_t)snprintf(text + n, sizeof(text) - n, "\n");
	}
	json_decref(list);
	suggest_free(s);
	return text;
}

static void test_three_names_of_a_domain_become_the_domain(void **state)
{
	struct suggest *s = suggest_new("/opt/x");

	(void)state;
	/* co.uk is a public suffix: the domain is example.co.uk. */
	went(s, "imap.mail.example.co.uk", "10.1.0.1", 993, true);
	went(s, "smtp.mail.example.co.uk", "10.1.0.2", 587, true);
	went(s, "example.co.uk", "10.1.0.3", 443, true);
	went(s, "other.co.uk", "10.1.0.4", 443, true);
	assert_string_equal(told(s),
		"dest.host=(^|\\.)example\\.co\\.uk$ dest.port=^(443|587|993)$\n"
		"dest.host=other.co.uk dest.port=443\n");
}

/* A name comes from whoever answers for it: none of its letters may say more than itself in the pattern. */
static void test_a_domain_of_odd_letters_means_itself(void **state)
{
	struct suggest *s = suggest_new("/opt/x");

	(void)state;
	went(s, "a.*.com", "10.1.0.1", 443, true);
	went(s, "b.*.com", "10.1.0.2", 443, true);
	went(s, "c.*.com", "10.1.0.3", 443, true);
	went(s, "a.x(y)|_.org", "10.2.0.1", 443, true);
	went(s, "b.x(y)|_.org", "10.2.0.2", 443, true);
	went(s, "c.x(y)|_.org", "10.2.0.3", 443, true);
	assert_string_equal(told(s), "dest.host=(^|\\.)\\*\\.com$ dest.port=443\n"
				     "dest.host=(^|\\.)x\\(y\\)\\|_\\.org$ dest.port=443\n");
}

static void test_two_names_stay_two(void **state)
{
	struct suggest *s = suggest_new("/opt/x");

	(void)state;
	went(s, "a.example.com", "10.1.0.1", 443, true);
	went(s, "a.example.com", "10.1.0.2", 443, true);
	went(s, "b.example.com", "10.1.0.3", 443, true);
	assert_string_equal(told(s), "dest.host=a.example.com dest.port=443\n"
				     "dest.host=b.example.com dest.port=443\n");
}

static void test_a_denied_name_keeps_its_domain_apart(void **state)
{
	struct suggest *s = suggest_new("/opt/x");

	(void)state;
	went(s, "a.example.com", "10.1.0.1", 443, true);
	went(s, "b.example.com", "10.1.0.2", 443, true);
	went(s, "c.example.com", "10.1.0.3", 443, true);
	went(s, "ads.example.com", "10.1.0.4", 443, false);
	assert_string_equal(told(s), "dest.host=a.example.com dest.port=443\n"
				     "dest.host=b.example.com dest.port=443\n"
				     "dest.host=c.example.com dest.port=443\n");
}

static void test_addresses_become_networks(void **state)
{
	struct suggest *s = suggest_new("/opt/x");

	(void)state;
	for (int i = 1; i <= 3; i++) {
		char ip[32];

		snprintf(ip, sizeof(ip), "192.0.2.%d", i);
		went(s, NULL, ip, 7000, true);
		snprintf(ip, sizeof(ip), "2001:db8::%d", i);
		went(s, NULL, ip, 7000, true);
	}
	went(s, NULL, "198.51.100.1", 80, true);
	assert_string_equal(told(s), "dest.network=192.0.2.0/24 dest.port=7000\n"
				     "dest.network=2001:db8::/64 dest.port=7000\n"
				     "dest.ip=198.51.100.1 dest.port=80\n");
}

static void test_names_do_not_make_their_addresses_a_network(void **state)
{
	struct suggest *s = suggest_new("/opt/x");

	(void)state;
	went(s, "a.test", "192.0.2.1", 80, true);
	went(s, "b.test", "192.0.2.2", 80, true);
	went(s, "c.test", "192.0.2.3", 80, true);
	went(s, NULL, "192.0.2.4", 53, true);
	assert_string_equal(told(s), "dest.host=a.test dest.port=80\n"
				     "dest.host=b.test dest.port=80\n"
				     "dest.host=c.test dest.port=80\n"
				     "dest.ip=192.0.2.4 dest.port=53\n");
}

static void test_many_ports_are_not_named(void **state)
{
	struct suggest *s = suggest_new("/opt/x");

	(void)state;
	for (uint16_t port = 1; port <= 6; port++)
		went(s, "a.example.com", "10.0.0.1", port, true);
	assert_string_equal(told(s), "dest.host=a.example.com\n");
}

static void test_nothing_allowed_suggests_nothing(void **state)
{
	struct suggest *s = suggest_new("/opt/x");

	(void)state;
	went(s, "a.example.com", "10.0.0.1", 80, false);
	assert_string_equal(told(s), "");
}

static void test_targets_are_bounded(void **state)
{
	struct suggest *s = suggest_new("/opt/x");

	(void)state;
	for (unsigned i = 0; i < LIMIT_SUGGEST_TARGETS; i++)
		assert_true(went(s, "a.example.com", "10.0.0.1", (uint16_t)i, true));
	assert_false(went(s, "a.example.com", "10.0.0.1", 80, true));
	assert_string_equal(told(s), "dest.host=a.example.com\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_names_of_a_domain_become_the_domain),
		cmocka_unit_test(test_a_domain_of_odd_letters_means_itself),
		cmocka_unit_test(test_two_names_stay_two),
		cmocka_unit_test(test_a_denied_name_keeps_its_domain_apart),
		cmocka_unit_test(test_addresses_become_networks),
		cmocka_unit_test(test_names_do_not_make_their_addresses_a_network),
		cmocka_unit_test(test_many_ports_are_not_named),
		cmocka_unit_test(test_nothing_allowed_suggests_nothing),
		cmocka_unit_test(test_targets_are_bounded),
	};

	return cmocka_run_group_tests_name("suggest", tests, NULL, NULL);
}
