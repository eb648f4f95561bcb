/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Targets of exported decisions, and the messages that go there. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/export_format.h"
#include "api/export_target.h"
#include "lib/limits.h"
#include "tests/unit/syslog_kit.h"

/* ---- targets */

static void test_targets_are_taken_apart(void **state)
{
	struct export_target t;

	(void)state;
	assert_int_equal(export_target_parse("syslog+tcp://siem.example:601", &t, NULL), 0);
	assert_int_equal(t.kind, EXPORT_SYSLOG_TCP);
	assert_string_equal(t.host, "siem.example");
	assert_string_equal(t.port, "601");
	assert_int_equal(export_target_parse("syslog+udp://[2001:db8::1]:514", &t, NULL), 0);
	assert_int_equal(t.kind, EXPORT_SYSLOG_UDP);
	assert_string_equal(t.host, "2001:db8::1");
	assert_int_equal(
		export_target_parse("syslog+tls://10.0.0.1:6514?key=/k&ca=/c&cert=/x", &t, NULL),
		0);
	assert_int_equal(t.kind, EXPORT_SYSLOG_TLS);
	assert_string_equal(t.ca, "/c");
	assert_string_equal(t.cert, "/x");
	assert_string_equal(t.key, "/k");
	assert_int_equal(export_target_parse("syslog+unix:///dev/log", &t, NULL), 0);
	assert_int_equal(t.kind, EXPORT_SYSLOG_UNIX);
	assert_string_equal(t.path, "/dev/log");
	assert_int_equal(export_target_parse("json:///var/log/x.jsonl", &t, NULL), 0);
	assert_int_equal(t.kind, EXPORT_JSON);
	assert_string_equal(t.path, "/var/log/x.jsonl");
}

static void test_bad_targets_are_refused(void **state)
{
	static const char *const bad[] = { "", "x", "syslog://h:1", "syslog+tcp:", "syslog+tcp://",
		"syslog+tcp://h", "syslog+tcp://h:", "syslog+tcp://:1", "syslog+tcp://h:0",
		"syslog+tcp://h:65536", "syslog+tcp://h:123456", "syslog+tcp://h:1x",
		"syslog+tcp://h:+1", "syslog+tcp://h:1/", "syslog+tcp://h:1/x",
		"syslog+tcp://h:1?ca=/c", "syslog+udp://h:1?ca=/c", "syslog+tcp://u:p@h:1",
		"syslog+tcp://u@h:1", "syslog+tcp://2001:db8::1:514", "syslog+tcp://[h]:1",
		"syslog+tcp://[10.0.0.1]:1", "syslog+tcp://[::1:1", "syslog+tcp://h h:1",
		"syslog+tcp://h\n:1", "syslog+tcp://\xc3\xa4:1", "syslog+tcp://-h:1",
		"syslog+tcp://.:1", "syslog+tls://h:1?", "syslog+tls://h:1?x=/y",
		"syslog+tls://h:1?ca=c", "syslog+tls://h:1?ca=/c&", "syslog+tls://h:1?ca=/c&ca=/d",
		"syslog+tls://h:1?cert=/c", "syslog+tls://h:1?key=/c", "syslog+tls://h:1#x",
		"syslog+unix://", "syslog+unix:///", "syslog+unix://dev/log", "json://", "json:///",
		"json:///var/log/", "json://x", "json:///a b", "json:///a\"b", "json:///a\\b",
		"JSON:///x" };
	char deep[EXPORT_URL_MAX + 2];
	struct export_target t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = { 0 };

		if (export_target_parse(bad[i], &t, &err) != ERR_INVALID || !err.message[0])
			fail_msg("taken: %s", bad[i]);
	}
	/* What is taken fits everywhere. */
	memset(deep, 'a', sizeof(deep) - 1);
	memcpy(deep, "json:///", 8);
	deep[EXPORT_URL_MAX] = '\0';
	assert_int_equal(export_target_parse(deep, &t, NULL), 0);
	deep[EXPORT_URL_MAX] = 'a';
	deep[EXPORT_URL_MAX + 1] = '\0';
	assert_int_equal(export_target_parse(deep, &t, NULL), ERR_INVALID);
	memset(deep, 'a', sizeof(deep) - 1);
	memcpy(deep, "syslog+unix:///", 15);
	deep[15 + 107] = '\0';
	assert_int_equal(export_target_parse(deep, &t, NULL), ERR_INVALID);
	deep[15 + 106] = '\0';
	assert_int_equal(export_target_parse(deep, &t, NULL), 0);
}

/* ---- messages */

static struct text text(const char *s)
{
	return (struct text) { s, strlen(s) };
}

static struct connection_view decision(void)
{
	struct connection_view v = {
		.id = 7,
		.time_us = UINT64_C(1764324000123456),
		.latency_us = 2500000,
		.flow = { .src_port = 50312, .dst_port = 443, .proto = 6 },
		.decided = true,
		.action = ACTION_DENY,
		.reason = REASON_RULE,
		.confidence = CONFIDENCE_EXACT,
		.host = text("example.com"),
		.rule = text("deny-all"),
		.pid = 4711,
		.uid = 1000,
		.path = text("/usr/bin/curl"),
		.user = text("ann"),
	};

	ip_addr_parse("10.0.0.5", &v.flow.src);
	ip_addr_parse("93.184.216.34", &v.flow.dst);
	return v;
}

static const char *format(const struct connection_view *v, size_t size)
{
	static const struct export_origin origin = { "host", 99 };
	static char out[LIMIT_EXPORT_MESSAGE + 1];
	char *exact = malloc(size); /* so that a byte too many is seen */
	size_t len = export_format_syslog(v, &origin, 12, exact, size);

	assert_true(len <= size);
	if (!syslog_is_message(exact, len))
		fail_msg("not of RFC 5424: %.*s", (int)len, exact);
	memcpy(out, exact, len);
	out[len] = '\0';
	free(exact);
	return out;
}

static void test_a_message_has_it_all(void **state)
{
	struct connection_view v = decision();

	(void)state;
	assert_string_equal(format(&v, LIMIT_EXPORT_MESSAGE),
		"<84>1 2025-11-28T10:00:02.623456Z host opensnitch 99 decision "
		"[meta sequenceId=\"12\"][opensnitch@32473 action=\"deny\" reason=\"rule\" "
		"rule=\"deny-all\" protocol=\"tcp\" source.ip=\"10.0.0.5\" source.port=\"50312\" "
		"dest.ip=\"93.184.216.34\" dest.port=\"443\" dest.host=\"example.com\" "
		"process.id=\"4711\" process.path=\"/usr/bin/curl\" user.id=\"1000\" "
		"user.name=\"ann\" confidence=\"exact\" latency_us=\"2500000\" id=\"7\"] deny tcp "
		"10.0.0.5:50312 -> "
		"93.184.216.34:443 (example.com) by /usr/bin/curl (rule deny-all)");
	/* Nobody knows the process; ICMP has no ports; an address of IPv6. */
	v.action = ACTION_ALLOW;
	v.flow.proto = 58;
	ip_addr_parse("2001:db8::1", &v.flow.src);
	ip_addr_parse("2001:db8::2", &v.flow.dst);
	v.host = v.rule = v.path = v.user = (struct text) { NULL, 0 };
	v.pid = 0;
	v.uid = UINT32_MAX;
	v.id = 0;
	v.reason = REASON_DEFAULT;
	v.confidence = CONFIDENCE_UNKNOWN;
	assert_string_equal(format(&v, LIMIT_EXPORT_MESSAGE),
		"<86>1 2025-11-28T10:00:02.623456Z host opensnitch 99 decision "
		"[meta sequenceId=\"12\"][opensnitch@32473 action=\"allow\" reason=\"default\" "
		"protocol=\"icmp6\" source.ip=\"2001:db8::1\" dest.ip=\"2001:db8::2\" "
		"confidence=\"unknown\" latency_us=\"2500000\"] allow icmp6 2001:db8::1 -> "
		"2001:db8::2 by unknown "
		"(default)");
	v.flow.proto = 17;
	assert_non_null(strstr(format(&v, LIMIT_EXPORT_MESSAGE), " [2001:db8::1]:50312 -> "));
}

static void test_nobody_gets_out_of_a_value(void **state)
{
	struct connection_view v = decision();
	const char *got;

	(void)state;
	v.path = text("/x\"] <1>1 \\ \n\x1b[m \xff \xc3\xa4");
	v.host = text("a]\"b");
	got = format(&v, LIMIT_EXPORT_MESSAGE);
	assert_non_null(strstr(
		got, " process.path=\"/x\\\"\\] <1>1 \\\\ \\\\x0a\\\\x1b[m \\\\xff \xc3\xa4\" "));
	assert_non_null(strstr(got, " dest.host=\"a\\]\\\"b\" "));
	assert_null(strchr(got, '\n'));
	assert_null(strchr(got, '\x1b'));
}

static void test_what_does_not_fit_is_cut(void **state)
{
	struct connection_view v = decision();
	char *longest = malloc(LIMIT_PATH);

	(void)state;
	for (int c = 0; c < 256; c += c == '"' ? 1 : 29) {
		memset(longest, c, LIMIT_PATH);
		v.path = v.host = v.rule = v.user = v.cgroup = v.container = v.iface_out =
			(struct text) { longest, LIMIT_PATH };
		v.n_parents = 1;
		v.parents[0].path = v.path;
		for (size_t size = 1024; size <= 1024 + 600; size += 7)
			assert_non_null(strstr(format(&v, size), " action=\"deny\" "));
		assert_non_null(strstr(format(&v, LIMIT_EXPORT_DATAGRAM), " action=\"deny\" "));
		assert_non_null(strstr(format(&v, LIMIT_EXPORT_MESSAGE), " id=\"7\"] "));
	}
	/* Characters of several bytes are never cut. */
	for (size_t i = 0; i < LIMIT_PATH; i++)
		longest[i] = i % 2 ? '\xa4' : '\xc3';
	v.path = (struct text) { longest, LIMIT_PATH };
	for (size_t size = 1024; size <= LIMIT_EXPORT_DATAGRAM; size += 3)
		format(&v, size);
	free(longest);
}

static void test_the_host_is_a_word(void **state)
{
	struct export_origin o;

	(void)state;
	export_origin_init(&o, 5);
	assert_int_equal(o.pid, 5);
	assert_non_null(syslog_word(o.host, o.host + strlen(o.host), 255, ""));
}

static void test_a_line_is_one_line(void **state)
{
	struct connection_view v = decision();
	struct textbuf b = { 0 };

	(void)state;
	v.path = text("/x\n\"\xff");
	export_format_json(&b, &v);
	assert_false(b.failed);
	assert_ptr_equal(strchr(b.s, '\n'), b.s + b.len - 1);
	assert_non_null(strstr(b.s, "\"path\":\"/x\\\\x0a\\\"\\\\xff\""));
	textbuf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets_are_taken_apart),
		cmocka_unit_test(test_bad_targets_are_refused),
		cmocka_unit_test(test_a_message_has_it_all),
		cmocka_unit_test(test_nobody_gets_out_of_a_value),
		cmocka_unit_test(test_what_does_not_fit_is_cut),
		cmocka_unit_test(test_the_host_is_a_word),
		cmocka_unit_test(test_a_line_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
