/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opensnitch-ruleman's command line, the rules that it makes, and what it says of answers. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/browser.h"
#include "cli/client.h"
#include "cli/options.h"
#include "cli/outcome.h"
#include "cli/rule.h"
#include "lib/cleanup.h"

#define ARGS_MAX 16

/* Splits `line` at spaces and parses it; the words live in static storage until the next call. */
static int parse(struct options *o, const char *line, struct error *e)
{
	static char text[512];
	static char *argv[ARGS_MAX + 2];
	int argc = 0;

	snprintf(text, sizeof(text), "opensnitch-ruleman %s", line);
	for (char *word = strtok(text, " "); word && argc <= ARGS_MAX; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	memset(e, 0, sizeof(*e));
	return options_parse(o, argc, argv, e);
}

static void test_programs(void **state)
{
	static const char *const bad[] = { "learn curl", "learn --stop", "learn --duration 1h",
		"learn /x --stop --duration 1h", "learn /x /y", "suggest", "suggest everything",
		"suggest /x 1", "suggest /x y --accept", "suggest /x --stop", "learn /x --accept",
		"learn /x --path /y" };
	struct options o;
	struct error e;

	(void)state;
	assert_int_equal(parse(&o, "learn", &e), 0);
	assert_int_equal(o.command, COMMAND_LEARN);
	assert_int_equal(parse(&o, "learn everything --duration 12h", &e), 0);
	assert_string_equal(o.spec.duration, "12h");
	assert_int_equal(parse(&o, "learn --stop /usr/bin/curl", &e), 0);
	assert_true(o.stop);
	assert_int_equal(parse(&o, "suggest /usr/bin/curl 1 3 --accept --from x", &e), 0);
	assert_true(o.accept);
	assert_int_equal(o.n_names, 3);
	for (size_t i = 0; i < array_len(bad); i++)
		if (parse(&o, bad[i], &e) != ERR_INVALID || !e.message[0])
			fail_msg("%s", bad[i]);
}

static void test_commands(void **state)
{
	struct options o;
	struct error e;

	(void)state;
	assert_int_equal(parse(&o, "list", &e), 0);
	assert_int_equal(o.command, COMMAND_LIST);
	assert_false(o.json);
	assert_null(o.url);
	assert_int_equal(parse(&o, "--json list", &e), 0);
	assert_true(o.json);
	assert_int_equal(parse(&o, "list --json --runtime-dir /tmp/x", &e), 0);
	assert_true(o.json);
	assert_string_equal(o.runtime_dir, "/tmp/x");
	assert_int_equal(parse(&o, "delete a b --json c", &e), 0);
	assert_int_equal(o.command, COMMAND_DELETE);
	assert_int_equal(o.n_names, 3);
	assert_string_equal(o.names[2], "c");
	assert_int_equal(parse(&o, "show -- --odd-name", &e), 0);
	assert_string_equal(o.names[0], "--odd-name");
	assert_int_equal(parse(&o, "--help", &e), 0);
	assert_int_equal(o.command, COMMAND_HELP);
	assert_int_equal(parse(&o, "--version list", &e), 0);
	assert_int_equal(o.command, COMMAND_VERSION);
	assert_int_equal(parse(&o, "list --url http://localhost:7373 --token-file /x", &e), 0);
	assert_string_equal(o.token_file, "/x");
	assert_int_equal(parse(&o, "list --url HTTPS://fw --token-file /x --cacert /y", &e), 0);
	assert_string_equal(o.cacert, "/y");
}

static void test_refusals(void **state)
{
	static const struct {
		const char *line, *part;
	} cases[] = {
		{ "", "no command" },
		{ "frobnicate", "frobnicate" },
		{ "list extra", "extra" },
		{ "show", "missing" },
		{ "add", "give a file" },
		{ "add a.json b.json", "b.json" },
		{ "add a.json --action allow", "not both" },
		{ "list --days 3", "list takes no option --days" },
		{ "report --days x", "a number is expected" },
		{ "revert a --change 1x", "a number is expected" },
		{ "test", "options that describe the rule" },
		{ "test a.json --remove b", "not both" },
		{ "explain", "options that describe the connection" },
		{ "explain a.json --port 1", "not both" },
		{ "explain --action allow", "explain takes no option --action" },
		{ "import", "an argument is missing" },
		{ "check a b", "too many arguments" },
		{ "list --action allow", "list takes no option --action" },
		{ "--no-such-option list", "--no-such-option" },
		{ "list --url", "needs a value" },
		{ "list --token x", "goes with --url" },
		{ "list --url http://x --token x --token-file y", "not both" },
		{ "list --cacert x", "goes with --url https:" },
		{ "list --url http://x --cacert x", "goes with --url https:" },
		{ "list --url https://x --cacert", "needs a value" },
		{ "list --json=yes", "--json=yes" },
	};

	(void)state;
	for (size_t i = 0; i < array_len(cases); i++) {
		struct options o;
		struct error e;

		assert_int_equal(parse(&o, cases[i].line, &e), ERR_INVALID);
		if (!strstr(e.message, cases[i].part))
			fail_msg("'%s' says: %s", cases[i].line, e.message);
	}
}

/* The rule that `add LINE` makes, compared with JSON. */
static void check_rule(const char *line, const char *expected)
{
	struct options o;
	struct error e;
	json_t *rule = NULL;
	json_t *wanted = json_loads(expected, 0, NULL);

	assert_non_null(wanted);
	assert_int_equal(parse(&o, line, &e), 0);
	assert_int_equal(rule_from_spec(&o.spec, &rule, &e), 0);
	if (!json_equal(rule, wanted)) {
		_cleanup_free_ char *text = json_dumps(rule, JSON_COMPACT);

		fail_msg("'%s' made %s", line, text);
	}
	json_decref(rule);
	json_decref(wanted);
}

static void test_rule_of_one_match(void **state)
{
	(void)state;
	check_rule("add --action allow --path /usr/bin/curl",
		"{\"name\":\"allow-curl\",\"description\":\"\",\"enabled\":true,\"precedence\":"
		"false,"
		"\"nolog\":false,\"action\":\"allow\",\"duration\":\"always\",\"operator\":"
		"{\"type\":\"simple\",\"operand\":\"process.path\",\"sensitive\":false,"
		"\"data\":\"/usr/bin/curl\"}}");
	check_rule("add --action deny --any --name zz --disabled --duration 5m",
		"{\"name\":\"zz\",\"description\":\"\",\"enabled\":false,\"precedence\":false,"
		"\"nolog\":false,\"action\":\"deny\",\"duration\":\"5m\",\"operator\":"
		"{\"type\":\"simple\",\"operand\":\"true\",\"sensitive\":false,\"data\":\"\"}}");
	check_rule("add --action deny --host *.a-b.example",
		"{\"name\":\"deny-a-b.example\",\"description\":\"\",\"enabled\":true,"
		"\"precedence\":false,"
		"\"nolog\":false,\"action\":\"deny\",\"duration\":\"always\",\"operator\":"
		"{\"type\":\"regexp\",\"operand\":\"dest.host\",\"sensitive\":false,"
		"\"data\":\"\\\\.a-b\\\\.example$\"}}");
}

static void test_rule_of_several(void **state)
{
	(void)state;
	check_rule("add --action reject --path /usr/bin/curl --user 1000 --ip 10.0.0.1 --net "
		   "10.0.0.0/8 "
		   "--port 80-90 --protocol tcp",
		"{\"name\":\"reject-curl-1000-10.0.0.1-10.0.0.0-8-80-90-tcp\",\"description\":\"\","
		"\"enabled\":true,"
		"\"precedence\":false,\"nolog\":false,\"action\":\"reject\",\"duration\":"
		"\"always\","
		"\"operator\":{\"type\":\"list\",\"operand\":\"list\",\"sensitive\":false,\"data\":"
		"\"\","
		"\"list\":["
		"{\"type\":\"simple\",\"operand\":\"process.path\",\"sensitive\":false,\"data\":\"/"
		"usr/bin/curl\"},"
		"{\"type\":\"simple\",\"operand\":\"user.id\",\"sensitive\":false,\"data\":"
		"\"1000\"},"
		"{\"type\":\"simple\",\"operand\":\"dest.ip\",\"sensitive\":false,\"data\":\"10.0."
		"0.1\"},"
		"{\"type\":\"network\",\"operand\":\"dest.network\",\"sensitive\":false,\"data\":"
		"\"10.0.0.0/8\"},"
		"{\"type\":\"range\",\"operand\":\"dest.port\",\"sensitive\":false,\"data\":\"80-"
		"90\"},"
		"{\"type\":\"simple\",\"operand\":\"protocol\",\"sensitive\":false,\"data\":"
		"\"tcp\"}]}}");
}

static void test_rule_refusals(void **state)
{
	static const char *const lines[] = {
		"add --path /usr/bin/curl", /* no action */
		"add --action allow", /* nothing to match */
		"add --action allow --any --port 80",
		"add --action allow --port 65536",
		"add --action allow --port 80-65536",
	};

	(void)state;
	for (size_t i = 0; i < array_len(lines); i++) {
		struct options o;
		struct error e;
		json_t *rule = NULL;

		assert_int_equal(parse(&o, lines[i], &e), 0);
		assert_int_equal(rule_from_spec(&o.spec, &rule, &e), ERR_INVALID);
		assert_null(rule);
	}
}

static void check_summary(const char *operator_, const char *expected)
{
	json_t *rule = json_pack("{s:o}", "operator", json_loads(operator_, 0, NULL));
	_cleanup_free_ char *text = rule_summary(rule);

	assert_string_equal(text, expected);
	json_decref(rule);
}

static void test_summary(void **state)
{
	(void)state;
	check_summary("{\"type\":\"simple\",\"operand\":\"true\",\"data\":\"\"}", "everything");
	check_summary("{\"type\":\"list\",\"list\":["
		      "{\"type\":\"simple\",\"operand\":\"process.path\",\"data\":\"/bin/x\"},"
		      "{\"type\":\"regexp\",\"operand\":\"dest.host\",\"data\":\"a|b\"},"
		      "{\"type\":\"network\",\"operand\":\"dest.network\",\"data\":\"LAN\"}]}",
		"process.path = /bin/x, dest.host ~ a|b, dest.network in LAN");
	check_summary("{}", "  ");
	check_summary("[]", "  ");
}

static void test_rule_path_is_encoded(void **state)
{
	static const char *const cases[][2] = {
		{ "000-allow", "/api/v1/rules/000-allow" },
		{ "a b/c?d#e%", "/api/v1/rules/a%20b%2Fc%3Fd%23e%25" },
		{ "\xc3\xbc", "/api/v1/rules/%C3%BC" },
		{ "", "/api/v1/rules/" },
	};

	(void)state;
	for (size_t i = 0; i < array_len(cases); i++) {
		_cleanup_free_ char *path = client_rule_path(cases[i][0]);

		assert_string_equal(path, cases[i][1]);
	}
}

static void test_client_targets(void **state)
{
	static const char *const bad[] = { "localhost:7373", "ftp://x", "http://", "http://x/path",
		"http://user@x", "http://x?y", "file:///etc/passwd" };
	struct client_target target = { .socket_path = "/nowhere", .agent = "test" };
	struct client *c = NULL;
	struct error e = { 0 };

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++) {
		target.url = bad[i];
		assert_int_equal(client_new(&c, &target, &e), ERR_INVALID);
	}
	target.url = "http://localhost:7373/";
	target.token = "a\r\nHost: b";
	assert_int_equal(client_new(&c, &target, &e), ERR_INVALID);
	target.token = "a";
	assert_int_equal(client_new(&c, &target, &e), 0);
	client_free(c);
}

static void check_report(
	long status, const char *body, enum outcome expected, const char *expected_text)
{
	struct response r = { .status = status, .body = json_loads(body, JSON_DECODE_ANY, NULL) };
	char *text = NULL;
	size_t len;
	FILE *err = open_memstream(&text, &len);

	assert_int_equal(outcome_report(err, "prog", "name", &r), expected);
	fclose(err);
	assert_string_equal(text, expected_text);
	free(text);
	response_done(&r);
}

static void test_report(void **state)
{
	(void)state;
	check_report(422,
		"{\"title\":\"Invalid\",\"detail\":\"the rule is invalid\",\"errors\":["
		"{\"field\":\"operator.data\",\"message\":\"bad \\u001b[31m "
		"regexp\"},{\"field\":1}]}",
		OUTCOME_INVALID,
		"prog: name: the rule is invalid\n  operator.data: bad \\x1b[31m regexp\n  rule: "
		"invalid\n");
	check_report(404, "{\"title\":\"No such rule\"}", OUTCOME_NOT_FOUND,
		"prog: name: No such rule\n");
	check_report(
		409, "null", OUTCOME_CONFLICT, "prog: name: the daemon answered with status 409\n");
	check_report(
		412, "[]", OUTCOME_CONFLICT, "prog: name: the daemon answered with status 412\n");
	check_report(
		503, "{}", OUTCOME_FAILED, "prog: name: the daemon answered with status 503\n");
	assert_int_equal(outcome_of_status(200), OUTCOME_OK);
	assert_int_equal(outcome_of_status(204), OUTCOME_OK);
	assert_int_equal(outcome_of_status(302), OUTCOME_FAILED);
	assert_int_equal(outcome_of_status(400), OUTCOME_INVALID);
	assert_int_equal(outcome_of_status(401), OUTCOME_FAILED);
}

static void test_browser_url(void **state)
{
	(void)state;
	assert_true(browser_url_ok("http://localhost:7373/login#code=Ab-_1"));
	assert_true(browser_url_ok("https://host/?a=1&b=2"));
	assert_false(browser_url_ok("file:///etc/passwd"));
	assert_false(browser_url_ok("javascript:alert(1)"));
	assert_false(browser_url_ok("-http://x"));
	assert_false(browser_url_ok("http://x/\"><script>"));
	assert_false(browser_url_ok("http://x/ y"));
	assert_false(browser_url_ok("http://x/\x1b[0m"));
	assert_false(browser_url_ok("http://x/\xc3\xbc"));
}

static void test_browser_page(void **state)
{
	_cleanup_free_ char *page = browser_page("http://x/?a=1&b=2#c");

	(void)state;
	assert_non_null(strstr(page, "content=\"0; url=http://x/?a=1&amp;b=2#c\""));
	assert_non_null(strstr(page, "href=\"http://x/?a=1&amp;b=2#c\""));
}

static void test_browser_environment_is_clean(void **state)
{
	struct desktop d = { .uid = 1000,
		.user = (char *)"ann",
		.home = (char *)"/home/ann",
		.runtime_dir = (char *)"/run/user/1000",
		.switch_user = true };
	char **env;
	bool bus = false, path = false;

	(void)state;
	setenv("LD_PRELOAD_X", "evil", 1);
	setenv("BROWSER", "evil", 1);
	env = browser_environment(&d);
	assert_non_null(env);
	for (size_t i = 0; env[i]; i++) {
		assert_null(strstr(env[i], "evil"));
		bus = bus ||
		      !strcmp(env[i], "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus");
		path = path || !strcmp(env[i], "PATH=/usr/local/bin:/usr/bin:/bin");
	}
	assert_true(bus);
	assert_true(path);
	browser_environment_free(env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_rule_of_one_match),
		cmocka_unit_test(test_rule_of_several),
		cmocka_unit_test(test_rule_refusals),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_rule_path_is_encoded),
		cmocka_unit_test(test_client_targets),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_browser_url),
		cmocka_unit_test(test_browser_page),
		cmocka_unit_test(test_browser_environment_is_clean),
	};

	return cmocka_run_group_tests_name("cli_options", tests, NULL, NULL);
}
