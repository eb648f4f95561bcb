/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the log writes, how often, and in the journal's fields. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "lib/log.h"
#include "lib/log_journal.h"
#include "lib/log_limit.h"
#include "lib/utf8.h"

#define SECOND UINT64_C(1000000000)

/* ---- how often */

static void test_a_place_is_limited_alone(void **state)
{
	struct log_limit *l = calloc(1, sizeof(*l));
	uint64_t now = 5 * SECOND;
	struct log_ruling r;

	(void)state;
	for (unsigned i = 1; i <= LIMIT_LOG_BURST; i++) {
		r = log_limit_note(l, 1, now + i);
		assert_true(r.is_allowed);
		assert_int_equal(r.is_last, i == LIMIT_LOG_BURST);
		assert_int_equal(r.n_left_out, 0);
	}
	for (unsigned i = 0; i < 7; i++)
		assert_false(log_limit_note(l, 1, now + 9 * SECOND).is_allowed);
	assert_true(log_limit_note(l, 2, now).is_allowed);
	/* The next interval begins with what was left out, and that is told once. */
	now += LIMIT_LOG_INTERVAL_MS * UINT64_C(1000000) + 1;
	r = log_limit_note(l, 1, now);
	assert_true(r.is_allowed);
	assert_int_equal(r.n_left_out, 7);
	r = log_limit_note(l, 1, now);
	assert_true(r.is_allowed);
	assert_int_equal(r.n_left_out, 0);
	free(l);
}

static void test_any_number_of_places(void **state)
{
	struct log_limit *l = calloc(1, sizeof(*l));

	(void)state;
	/* More than there is room for: none loses its first message. */
	for (uintptr_t site = 1; site <= 10 * LIMIT_LOG_PLACES; site++)
		assert_true(log_limit_note(l, site, SECOND).is_allowed);
	/* Call sites a few bytes apart do not all fall into one slot. */
	memset(l, 0, sizeof(*l));
	for (uintptr_t site = 0; site < 16; site++)
		log_limit_note(l, 0x55550000 + 37 * site, SECOND);
	unsigned used = 0;

	for (unsigned i = 0; i < LIMIT_LOG_PLACES; i++)
		used += l->places[i].site != 0;
	assert_true(used >= 12);
	free(l);
}

/* ---- what */

/* Calls `fn` with stderr in a file; returns what it wrote (owned). */
static char *capture(void (*fn)(void))
{
	FILE *f = tmpfile();
	int saved = dup(STDERR_FILENO);
	char *text = calloc(1, 1 << 16);

	assert_non_null(f);
	assert_non_null(text);
	fflush(stderr);
	dup2(fileno(f), STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(f);
	(void)!fread(text, 1, (1 << 16) - 1, f);
	fclose(f);
	return text;
}

static unsigned n_lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void write_hostile(void)
{
	log_warning("a %s b", "\"\\\n\x1b[m\xff\xc3\xa4");
}

static void write_many(void)
{
	for (int i = 0; i < 50; i++)
		log_notice("the same place, %d", i);
	for (int i = 0; i < 50; i++)
		log_debug("debug %d", i);
	for (int i = 0; i < 50; i++) {
		log_write_about(1, LOG_LEVEL_NOTICE, "one subject");
		log_write_about(2, LOG_LEVEL_NOTICE, "another subject");
	}
	log_error("yet another place");
}

static void test_lines(void **state)
{
	char *text;

	(void)state;
	log_init("tester", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	text = capture(write_hostile);
	assert_string_equal(text, "tester: warning: a \"\\\\x0a\\x1b[m\\xff\\xc3\\xa4 b\n");
	free(text);
	log_init("tester", LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	text = capture(write_many);
	assert_int_equal(n_lines(text), 3 * LIMIT_LOG_BURST + 50 + 1);
	assert_non_null(strstr(text, "the same place, 9 (more like this are left out for 10 s)\n"));
	assert_null(strstr(text, "the same place, 10"));
	assert_non_null(strstr(text, "tester: error: yet another place\n"));
	free(text);
}

static void test_json_lines(void **state)
{
	json_t *json;
	char *text;

	(void)state;
	log_init("tester", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	text = capture(write_hostile);
	assert_int_equal(n_lines(text), 1);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "level")), "warning");
	assert_string_equal(json_string_value(json_object_get(json, "process")), "tester");
	assert_string_equal(json_string_value(json_object_get(json, "message")),
		"a \"\\\\x0a\\x1b[m\\xff\xc3\xa4 b");
	json_decref(json);
	free(text);
}

static void write_long(void)
{
	char *longest = malloc(8001);

	memset(longest, '"', 8000);
	longest[8000] = '\0';
	log_error("%s", longest);
	memset(longest, '\xff', 8000);
	log_error("%s", longest);
	free(longest);
}

static void test_long_ones_are_cut(void **state)
{
	static const enum log_format formats[] = { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		char *text, *line;

		log_init("tester", LOG_LEVEL_INFO, formats[i]);
		text = capture(write_long);
		assert_int_equal(n_lines(text), 2);
		for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
			json_t *json = json_loads(line, 0, NULL);

			assert_true(
				formats[i] == LOG_FORMAT_TEXT ? strlen(line) > 800 : json != NULL);
			json_decref(json);
		}
		free(text);
	}
}

/* ---- the journal */

static void test_the_stream_is_known(void **state)
{
	int pair[2];
	struct stat st;
	char stream[64];

	(void)state;
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(fstat(pair[1], &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		(unsigned long long)st.st_ino);
	assert_true(log_journal_is_stream(stream, pair[1]));
	assert_false(log_journal_is_stream(stream, STDIN_FILENO));
	assert_false(log_journal_is_stream(NULL, pair[1]));
	assert_false(log_journal_is_stream("", pair[1]));
	assert_false(log_journal_is_stream("1:2:3", pair[1]));
	strcat(stream, "x");
	assert_false(log_journal_is_stream(stream, pair[1]));
	close(pair[0]);
	close(pair[1]);
	assert_false(log_journal_is_stream("1:2", pair[1]));
}

static void test_fields(void **state)
{
	struct log_entry e = { 4, "console", "something \xc3\xa4", 0 };
	char out[512], message[600];
	size_t len;

	(void)state;
	len = log_journal_format(&e, out, sizeof(out));
	out[len] = '\0';
	assert_string_equal(out, "PRIORITY=4\nSYSLOG_FACILITY=3\n"
				 "SYSLOG_IDENTIFIER=opensnitch-console\n"
				 "MESSAGE=something \xc3\xa4\n");
	e = (struct log_entry) { 3, "opensnitchd", "x", 5 };
	len = log_journal_format(&e, out, sizeof(out));
	out[len] = '\0';
	assert_string_equal(out, "PRIORITY=3\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=opensnitchd\n"
				 "OPENSNITCH_LEFT_OUT=5\nMESSAGE=x\n");
	memset(message, 'm', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	e.message = message;
	for (size_t size = 256; size < sizeof(out); size++) {
		len = log_journal_format(&e, out, size);
		assert_true(len < size && out[len - 1] == '\n' && out[len - 2] == 'm');
	}
}

static void test_the_socket_never_waits(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/opensnitch-log-XXXXXX", path[64], got[16];
	int server, fd;
	ssize_t n;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	assert_int_equal(log_journal_open(path), -1);
	strcpy(addr.sun_path, path);
	server = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&addr, sizeof(addr)), 0);
	fd = log_journal_open(path);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) & FD_CLOEXEC);
	/* Nobody reads: it is full some time. */
	do
		n = send(fd, "MESSAGE=x\n", 10, 0);
	while (n > 0);
	assert_int_equal(recv(server, got, sizeof(got), 0), 10);
	close(fd);
	close(server);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_place_is_limited_alone),
		cmocka_unit_test(test_any_number_of_places),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_json_lines),
		cmocka_unit_test(test_long_ones_are_cut),
		cmocka_unit_test(test_the_stream_is_known),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_the_socket_never_waits),
	};

	/* The test driver's own stderr may be the journal. */
	log_leave_journal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
