/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tracing on the real kernel: its two instances, and what comes out of them. */
#include "config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "daemon/trace.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/fd_read.h"
#include "tests/net/netns.h"

#define TRACEFS "/sys/kernel/tracing"
#define DEADLINE_NS 120000000000u /* for thousands of threads, on a busy machine */
#define TURNS 4000
#define TURNS_NS 10000000000u /* on a busy machine as many as go in this time */
#define PATH_LEN 512
#define PORT 9000
#define SEEN_MAX (4 * TURNS)

static char instance[64], routes[80];

struct seen {
	enum trace_event_type type;
	uint64_t time_ns;
	struct flow flow; /* of a claim */
};

/* What one task did, in the order in which it was told. */
struct watch {
	int32_t tid;
	unsigned n;
	struct seen list[SEEN_MAX];
};

static struct watch watch;

static int group_setup(void **state)
{
	if (access(TRACEFS "/events", F_OK) < 0) {
		printf("1..0 # SKIP no tracefs here\n");
		exit(0);
	}
	snprintf(instance, sizeof(instance), "opensnitch-test-trace-%d", getpid());
	snprintf(routes, sizeof(routes), "%s-routes", instance);
	return netns_group_setup(state);
}

/* After a test that failed: the kernel removes an instance only when it is read by nobody. */
static void remove_instances(void)
{
	char path[160];

	snprintf(path, sizeof(path), TRACEFS "/instances/%s", instance);
	rmdir(path);
	snprintf(path, sizeof(path), TRACEFS "/instances/%s", routes);
	rmdir(path);
}

static struct trace *open_trace(void)
{
	struct trace *t = NULL;
	struct error err = { 0 };

	if (trace_open(TRACEFS, instance, &t, &err) < 0)
		fail_msg("trace_open: %s", err.message);
	return t;
}

static int setup(void **state)
{
	netns_assert_own();
	memset(&watch, 0, sizeof(watch));
	*state = open_trace();
	return 0;
}

static int teardown(void **state)
{
	int r = trace_close(*state);

	remove_instances();
	return r;
}

static void path_of(char path[static PATH_LEN], const char *name, const char *file)
{
	snprintf(path, PATH_LEN, TRACEFS "/instances/%s/%s", name, file);
}

static bool is_there(const char *name)
{
	char path[PATH_LEN];

	path_of(path, name, "");
	return access(path, F_OK) == 0;
}

static void write_file(const char *name, const char *file, const char *text)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_LEN];

	path_of(path, name, file);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail_msg("cannot write %s", path);
}

/* The beginning of it, up to the end of the line; kept till the next call. */
static const char *read_file(const char *name, const char *file)
{
	static char text[512];
	_cleanup_close_ int fd = -1;
	char path[PATH_LEN];
	ssize_t n;

	path_of(path, name, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : fd_read(fd, text, sizeof(text) - 1);
	if (n < 0)
		fail_msg("cannot read %s", path);
	text[n < 0 ? 0 : n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void note(void *ctx, const struct trace_event *ev)
{
	struct watch *w = ctx;

	if (ev->tid == w->tid && w->n < SEEN_MAX)
		w->list[w->n++] = (struct seen) { ev->type, ev->time_ns, ev->flow };
}

static void send_one(int fd)
{
	struct sockaddr_storage to;
	socklen_t len = netns_loopback(AF_INET, PORT, &to);

	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, len), 1);
}

/* A thread's birth and end, at the least cost. */
static void *nothing(void *arg)
{
	return arg;
}

static void have_child(void)
{
	pthread_t child;

	assert_int_equal(pthread_create(&child, NULL, nothing, NULL), 0);
	assert_int_equal(pthread_join(child, NULL), 0);
}

static unsigned count(const struct watch *w, enum trace_event_type type)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->n; i++)
		n += w->list[i].type == type;
	return n;
}

/* ---- the instances */

static void test_both_are_there_and_removed(void **state)
{
	struct trace *t;

	(void)state;
	t = open_trace();
	assert_true(is_there(instance));
	assert_true(is_there(routes));
	assert_string_equal(read_file(instance, "events/sched/sched_process_exit/enable"), "1");
	assert_string_equal(read_file(instance, "events/fib/enable"), "0");
	assert_string_equal(read_file(routes, "events/fib/fib_table_lookup/enable"), "1");
	assert_string_equal(read_file(routes, "events/sched/enable"), "0");
	assert_non_null(strstr(trace_what(t), "fib_table_lookup"));
	assert_non_null(strstr(trace_what(t), "sched_process_exit"));
	assert_int_equal(trace_close(t), 0);
	assert_false(is_there(instance));
	assert_false(is_there(routes));
}

static void test_what_a_crash_left_is_taken_over(void **state)
{
	struct trace *t;
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		struct error err;

		_exit(trace_open(TRACEFS, instance, &t, &err) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(is_there(instance));
	assert_true(is_there(routes));
	write_file(instance, "set_event_notrace_pid", "1");
	write_file(routes, "set_event_notrace_pid", "1");
	t = open_trace();
	assert_string_equal(read_file(instance, "set_event_notrace_pid"), "");
	assert_string_equal(read_file(routes, "set_event_notrace_pid"), "");
	assert_int_equal(trace_close(t), 0);
	assert_false(is_there(instance));
	assert_false(is_there(routes));
}

static void test_a_failure_leaves_nothing(void **state)
{
	char name[NAME_MAX], path[PATH_LEN];
	struct error err = { 0 };
	struct trace *t = NULL;

	(void)state;
	/* The second one's name is too long. */
	memset(name, 'x', sizeof(name) - 1);
	memcpy(name, instance, strlen(instance));
	name[sizeof(name) - 1] = '\0';
	assert_true(trace_open(TRACEFS, name, &t, &err) < 0);
	assert_null(t);
	assert_false(is_there(name));
	/* The first one's is not. */
	path_of(path, name, "");
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(rmdir(path), 0);
}

static void assert_mended(struct trace *t)
{
	struct error err = { 0 };
	uint64_t lost = trace_tasks_lost(t);

	assert_int_equal(trace_check(t, &err), 1);
	assert_int_equal(trace_tasks_lost(t), lost + 1);
	assert_int_equal(trace_check(t, &err), 0);
	assert_int_equal(trace_tasks_lost(t), lost + 1);
}

static void test_what_others_change_is_mended(void **state)
{
	const char *const names[] = { instance, routes };
	const char *const events[] = { "events/sched/sched_process_exit/enable",
		"events/fib/fib_table_lookup/enable" };
	struct error err = { 0 };

	assert_int_equal(trace_check(*state, &err), 0);
	for (unsigned i = 0; i < array_len(names); i++) {
		write_file(names[i], "tracing_on", "0");
		assert_mended(*state);
		assert_string_equal(read_file(names[i], "tracing_on"), "1");
		write_file(names[i], "events/enable", "0");
		assert_mended(*state);
		assert_string_equal(read_file(names[i], events[i]), "1");
		write_file(names[i], "set_event_pid", "1");
		assert_mended(*state);
		assert_string_equal(read_file(names[i], "set_event_pid"), "");
		write_file(names[i], "set_event_notrace_pid", "1");
		assert_mended(*state);
		assert_string_equal(read_file(names[i], "set_event_notrace_pid"), "");
		write_file(names[i], "trace_clock", "global");
		assert_mended(*state);
		assert_non_null(strstr(read_file(names[i], "trace_clock"), "[mono]"));
	}
	/* Nothing is lost by this one. */
	write_file(routes, "events/fib/fib_table_lookup/filter", "0");
	assert_int_equal(trace_check(*state, &err), 0);
	assert_non_null(
		strstr(read_file(routes, "events/fib/fib_table_lookup/filter"), "iif == 1"));
}

/* ---- what comes out */

struct doer {
	int fd;
	int32_t tid;
	unsigned turns, n_seen; /* of its events, by the reader */
	bool done, is_over;
};

/* Sends and has a child, in turn, all on one processor. */
static void *send_and_fork(void *arg)
{
	struct doer *d = arg;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	__atomic_store_n(&d->tid, (int32_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	while (d->turns < TURNS && !__atomic_load_n(&d->is_over, __ATOMIC_ACQUIRE)) {
		/* Not more than the ring holds. */
		if (2 * d->turns > __atomic_load_n(&d->n_seen, __ATOMIC_ACQUIRE) + 100) {
			sched_yield();
			continue;
		}
		send_one(d->fd);
		have_child();
		d->turns++;
	}
	__atomic_store_n(&d->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void test_both_come_in_order(void **state)
{
	struct doer d = { .fd = netns_socket(AF_INET, SOCK_DGRAM) };
	uint64_t until = clock_mono_ns() + TURNS_NS;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, send_and_fork, &d), 0);
	while (!watch.tid)
		watch.tid = __atomic_load_n(&d.tid, __ATOMIC_ACQUIRE);
	/* Read all the time, so that it often falls between a look at the one ring and at the other. */
	while (!__atomic_load_n(&d.done, __ATOMIC_ACQUIRE) && clock_mono_ns() < until) {
		trace_drain(*state, note, &watch);
		__atomic_store_n(&d.n_seen, watch.n, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&d.is_over, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	trace_drain(*state, note, &watch);
	close(d.fd);
	assert_in_range(d.turns, 1, TURNS);
	assert_int_equal(count(&watch, TRACE_EVENT_CLAIM), d.turns);
	assert_int_equal(count(&watch, TRACE_EVENT_FORK), d.turns);
	for (unsigned i = 1; i < watch.n; i++) {
		assert_true(watch.list[i].time_ns >= watch.list[i - 1].time_ns);
		assert_int_not_equal(watch.list[i].type, watch.list[i - 1].type);
	}
}

/* ---- what is left out */

static bool is_before(uint64_t until)
{
	usleep(1000);
	return clock_mono_ns() < until;
}

/* The list of tasks that are not traced. */
static void wait_muted(const char *want)
{
	uint64_t until = clock_mono_ns() + DEADLINE_NS;
	char got[64] = "";

	do {
		_cleanup_close_ int fd = -1;
		char path[PATH_LEN];
		ssize_t n;

		path_of(path, routes, "set_event_notrace_pid");
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : fd_read(fd, got, sizeof(got) - 1);
		got[n < 0 ? 0 : n] = '\0';
		if (n >= 0 && strcmp(got, want) == 0)
			return;
	} while (is_before(until));
	fail_msg("not traced are \"%s\", not \"%s\"", got, want);
}

static void mute(struct trace *t, int32_t one, int32_t two)
{
	struct trace_omissions o = { .muted = { one, two }, .n_muted = two ? 2 : one ? 1 : 0 };

	trace_leave_out(t, &o);
}

static void skip_unless_mutable(struct trace *t)
{
	if (!trace_can_mute(t))
		skip();
}

static void wait_check(struct trace *t, int want)
{
	uint64_t until = clock_mono_ns() + DEADLINE_NS;
	struct error err = { 0 };

	while (trace_check(t, &err) != want)
		if (!is_before(until))
			fail_msg("nothing was mended");
}

/* Until the task has claimed that many. */
static void wait_claims(struct trace *t, unsigned n)
{
	uint64_t until = clock_mono_ns() + DEADLINE_NS;

	while (trace_drain(t, note, &watch), count(&watch, TRACE_EVENT_CLAIM) < n)
		if (!is_before(until))
			fail_msg("%u claims", count(&watch, TRACE_EVENT_CLAIM));
}

static void connect_to(int af, const char *address)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_in to4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(af, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Nobody listens there. */
	if (af == AF_INET && inet_pton(af, address, &to4.sin_addr) == 1)
		(void)connect(fd, (struct sockaddr *)&to4, sizeof(to4));
	else if (inet_pton(af, address, &to.sin6_addr) == 1)
		(void)connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(fd);
}

/* What is muted: it sends before, and does all kinds of things after it was told to. */
static void __attribute__((noreturn)) be_muted(int told)
{
	struct sockaddr_storage to;
	socklen_t len = netns_loopback(AF_INET, PORT, &to);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pid_t pid;
	char c;

	if (sendto(fd, "x", 1, 0, (struct sockaddr *)&to, len) != 1 || read(told, &c, 1) != 1)
		_exit(1);
	for (int i = 0; i < 10; i++)
		if (sendto(fd, "x", 1, 0, (struct sockaddr *)&to, len) != 1)
			_exit(1);
	connect_to(AF_INET, "127.0.0.1");
	connect_to(AF_INET6, "::ffff:127.0.0.1");
	connect_to(AF_INET6, "::1");
	pid = fork();
	if (pid == 0)
		_exit(0);
	if (waitpid(pid, NULL, 0) == pid)
		execl("/bin/true", "true", (char *)NULL);
	_exit(1);
}

static void assert_connect(const struct seen *s, const char *dst)
{
	char text[IP_ADDR_TEXT_LEN];

	assert_int_equal(s->type, TRACE_EVENT_CLAIM);
	assert_int_equal(s->flow.proto, IPPROTO_TCP);
	assert_string_equal(ip_addr_format(&s->flow.dst, text), dst);
	assert_int_equal(s->flow.src.family, s->flow.dst.family);
	assert_int_equal(s->flow.dst_port, PORT);
	assert_int_equal(s->flow.src_port, 0);
}

static void test_of_a_muted_task_all_but_its_look_ups_is_told(void **state)
{
	int told[2], status;
	char want[16];
	pid_t pid;

	skip_unless_mutable(*state);
	assert_int_equal(pipe(told), 0);
	pid = fork();
	if (pid == 0)
		be_muted(told[0]);
	watch.tid = pid;
	wait_claims(*state, 1);
	assert_int_equal(watch.list[0].flow.proto, IPPROTO_UDP);
	mute(*state, pid, 0);
	snprintf(want, sizeof(want), "%d\n", pid);
	wait_muted(want);
	assert_int_equal(write(told[1], "x", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(told[0]);
	close(told[1]);
	trace_drain(*state, note, &watch);
	assert_int_equal(watch.n, 7);
	assert_connect(&watch.list[1], "127.0.0.1");
	assert_connect(&watch.list[2], "127.0.0.1");
	assert_connect(&watch.list[3], "::1");
	assert_int_equal(watch.list[4].type, TRACE_EVENT_FORK);
	assert_int_equal(watch.list[5].type, TRACE_EVENT_EXEC);
	assert_int_equal(watch.list[6].type, TRACE_EVENT_EXIT);
}

static void test_who_is_not_muted_any_more_is_traced(void **state)
{
	int fd = netns_socket(AF_INET, SOCK_DGRAM);
	char one[16], both[32];

	skip_unless_mutable(*state);
	watch.tid = getpid();
	snprintf(one, sizeof(one), "%d\n", getpid());
	snprintf(both, sizeof(both), "1\n%d\n", getpid());
	mute(*state, getpid(), 0);
	wait_muted(one);
	send_one(fd);
	mute(*state, getpid(), 1);
	wait_muted(both);
	send_one(fd);
	mute(*state, getpid(), 0);
	wait_muted(one);
	send_one(fd);
	trace_drain(*state, note, &watch);
	assert_int_equal(count(&watch, TRACE_EVENT_CLAIM), 0);
	mute(*state, 0, 0);
	wait_muted("");
	send_one(fd);
	wait_claims(*state, 1);
	close(fd);
}

static void test_who_is_muted_stays_so(void **state)
{
	const char *connects = "events/sock/inet_sock_set_state/filter";
	uint64_t until = clock_mono_ns() + DEADLINE_NS;
	char want[16], alike[40];

	skip_unless_mutable(*state);
	snprintf(want, sizeof(want), "%d\n", getpid());
	snprintf(alike, sizeof(alike), "common_pid == %d", getpid());
	mute(*state, getpid(), 0);
	wait_muted(want);
	assert_non_null(strstr(read_file(instance, connects), alike));
	/* Others may neither add to the list nor take from it. */
	write_file(routes, "set_event_notrace_pid", "1");
	wait_check(*state, 1);
	wait_muted(want);
	write_file(routes, "set_event_notrace_pid", "1");
	write_file(instance, "set_event_notrace_pid", "1");
	wait_check(*state, 1);
	wait_muted(want);
	assert_string_equal(read_file(instance, "set_event_notrace_pid"), "");
	write_file(instance, connects, "0");
	while (!strstr(read_file(instance, connects), alike)) {
		struct error err;

		assert_true(trace_check(*state, &err) >= 0);
		if (!is_before(until))
			fail_msg("connects of a muted task are not told");
	}
	mute(*state, 0, 0);
	wait_muted("");
	while (strstr(read_file(instance, connects), alike))
		if (!is_before(until))
			fail_msg("connects are still told twice");
}

static void test_closing_waits_for_what_is_written(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		struct trace *t = open_trace();

		for (int k = 0; k < i; k++)
			mute(t, k % 3 ? getpid() : 0, k % 2);
		assert_int_equal(trace_close(t), 0);
		assert_false(is_there(instance));
		assert_false(is_there(routes));
	}
}

#define TRACE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static int group_teardown(void **state)
{
	(void)state;
	remove_instances();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_are_there_and_removed),
		cmocka_unit_test(test_what_a_crash_left_is_taken_over),
		cmocka_unit_test(test_a_failure_leaves_nothing),
		TRACE_TEST(test_what_others_change_is_mended),
		TRACE_TEST(test_both_come_in_order),
		TRACE_TEST(test_of_a_muted_task_all_but_its_look_ups_is_told),
		TRACE_TEST(test_who_is_not_muted_any_more_is_traced),
		TRACE_TEST(test_who_is_muted_stays_so),
		cmocka_unit_test(test_closing_waits_for_what_is_written),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
