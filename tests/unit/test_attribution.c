/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attribution in the windows that chance seldom opens: what is traced comes while the evidence is being weighed. Tracing and sock_diag
 * are played here (trace.h and sockdiag.h are defined below instead of linked); processes and their files are real.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/attribution.h"
#include "daemon/sockdiag.h"
#include "daemon/trace.h"
#include "lib/clock.h"
#include "lib/process_flag.h"

#define BATCHES 6
#define KTHREADD 2
#define UDPLITE 136
#define CONNECTED 1
#define CLOSED 7

/* What each call of trace_drain() brings, and what happens just before it does. */
static struct {
	unsigned at;
	struct {
		struct trace_event events[2];
		unsigned n;
		void (*before)(void);
	} batches[BATCHES];
} play;

static struct {
	struct sock_owner owner;
	unsigned left; /* answers; then there is no such socket any more */
	bool has_twins;
} diag;

static int32_t child, second;
static int own_socket = -1;

/* ---- the played parts */

int trace_open(const char *tracefs, const char *name, struct trace **ret, struct error *err)
{
	(void)tracefs;
	(void)name;
	(void)err;
	*ret = (struct trace *)&play;
	return 0;
}

int trace_close(struct trace *t)
{
	(void)t;
	return 0;
}

unsigned trace_drain(
	struct trace *t, void (*fn)(void *ctx, const struct trace_event *ev), void *ctx)
{
	unsigned at = play.at++;

	(void)t;
	if (at >= BATCHES)
		return 0;
	if (play.batches[at].before)
		play.batches[at].before();
	for (unsigned i = 0; i < play.batches[at].n; i++)
		fn(ctx, &play.batches[at].events[i]);
	return play.batches[at].n;
}

int trace_check(struct trace *t, struct error *err)
{
	(void)t;
	(void)err;
	return 0;
}

void trace_leave_out(struct trace *t, const struct trace_omissions *omissions)
{
	(void)t;
	(void)omissions;
}

bool trace_can_mute(const struct trace *t)
{
	(void)t;
	return true;
}

const char *trace_what(const struct trace *t)
{
	(void)t;
	return "a play";
}

void trace_stats(const struct trace *t, struct trace_stats *ret)
{
	(void)t;
	*ret = (struct trace_stats) { 0 };
}

uint64_t trace_tasks_lost(const struct trace *t)
{
	(void)t;
	return 0;
}

int sockdiag_open(struct sockdiag **ret, struct error *err)
{
	(void)err;
	*ret = (struct sockdiag *)&diag;
	return 0;
}

void sockdiag_close(struct sockdiag *sd)
{
	(void)sd;
}

int sockdiag_find(
	struct sockdiag *sd, const struct flow *flow, uint32_t ifindex, struct sock_owner *ret)
{
	(void)sd;
	(void)flow;
	(void)ifindex;
	if (!diag.left)
		return ERR_NOT_FOUND;
	diag.left--;
	*ret = diag.owner;
	return 0;
}

bool sockdiag_has_twins(struct sockdiag *sd, const struct flow *flow)
{
	(void)sd;
	(void)flow;
	return diag.has_twins;
}

/* ---- the scene */

static void end_process(int32_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

static void end_child(void)
{
	end_process(&child);
}

static struct flow flow_of(uint8_t proto)
{
	struct flow f;

	flow_init(&f);
	f.proto = proto;
	f.src = ip_addr_v4((const uint8_t[]) { 192, 0, 2, 1 });
	f.dst = ip_addr_v4((const uint8_t[]) { 192, 0, 2, 2 });
	f.src_port = 50000;
	f.dst_port = 4242;
	return f;
}

/*
 * A child was born and has claimed the flow; a socket of ours is what sock_diag names, and the child has it not. Its end is told at
 * drain number `exit_at`: 0 is before the question, 1 when its record is made, later ones while evidence is weighed.
 */
static struct attribution *begin(uint8_t proto, uint8_t state, unsigned exit_at)
{
	struct attribution_config config = { "/sys/kernel/tracing", "play", "/proc" };
	struct flow claimed = flow_of(proto);
	struct attribution *a = NULL;
	struct error err;
	struct stat st;

	memset(&play, 0, sizeof(play));
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	own_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(own_socket >= 0 && fstat(own_socket, &st) == 0);
	diag.owner = (struct sock_owner) { .inode = (uint32_t)st.st_ino, .uid = 0, .state = state };
	diag.left = UINT32_MAX;
	diag.has_twins = false;
	if (proto == UDPLITE)
		claimed.src_port = claimed.dst_port = 0;
	play.batches[0].n = 2;
	play.batches[0].events[0] = (struct trace_event) { .type = TRACE_EVENT_FORK,
		.time_ns = clock_mono_ns(),
		.tid = getpid(),
		.child_tid = child };
	play.batches[0].events[1] = (struct trace_event) {
		.type = TRACE_EVENT_CLAIM, .time_ns = clock_mono_ns(), .tid = child, .flow = claimed
	};
	play.batches[exit_at].events[play.batches[exit_at].n++] = (struct trace_event) {
		.type = TRACE_EVENT_EXIT, .time_ns = clock_mono_ns(), .tid = child, .is_group = true
	};
	assert_int_equal(attribution_open(&config, &a, &err), 0);
	attribution_drain(a);
	return a;
}

static void finish(struct attribution *a, struct attribution_result *who)
{
	process_unref(who->process);
	process_unref(who->creator);
	attribution_close(a);
	end_child();
	end_process(&second);
	close(own_socket);
}

static uint64_t scans(const struct attribution *a)
{
	struct attribution_stats s;

	attribution_stats(a, &s);
	return s.proc_scans;
}

static void ask(struct attribution *a, uint8_t proto, struct attribution_result *ret)
{
	struct flow f = flow_of(proto);

	attribution_find(a, &f, 0, 0, false, ret);
}

/* Its files are closed already, its end is traced only at the referee's second look: it is not whoever has the socket now. */
static void test_a_claimant_that_ends_before_the_referee(void **state)
{
	struct attribution *a = begin(UDPLITE, CLOSED, 2);
	struct attribution_result who;
	int32_t pid = child;

	(void)state;
	ask(a, UDPLITE, &who);
	assert_non_null(who.process);
	assert_int_equal(who.process->pid, pid);
	assert_int_equal(who.confidence, CONFIDENCE_LIKELY);
	assert_int_equal(scans(a), 0);
	finish(a, &who);
}

/* Nothing ended: then the socket is its holder's, if the search finds it in its time. */
static void test_a_claimant_that_lives_without_the_socket(void **state)
{
	struct attribution *a = begin(UDPLITE, CLOSED, BATCHES - 1);
	struct attribution_result who;

	(void)state;
	ask(a, UDPLITE, &who);
	assert_int_equal(scans(a), 1);
	assert_true(!who.process || who.process->pid == getpid());
	finish(a, &who);
}

/*
 * A socket of the kernel's own may have a file, as those of NFS do (net/sunrpc/xprtsock.c, xs_create_sock()), so that the queue names
 * a user; but no program looked up its route.
 */
static void test_a_thread_of_the_kernel(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct attribution *a = begin(protocols[i], CLOSED, BATCHES - 1);
		struct process *thread = attribution_process(a, KTHREADD);
		bool is_kernel = thread && thread->flags & PROCESS_KERNEL;
		struct flow f = flow_of(protocols[i]);
		struct attribution_result who = { 0 };

		process_unref(thread);
		f.src_port++;
		play.batches[play.at].n = 1;
		play.batches[play.at].events[0] = (struct trace_event) { .type = TRACE_EVENT_CLAIM,
			.time_ns = clock_mono_ns(),
			.tid = KTHREADD,
			.flow = f };
		attribution_drain(a);
		if (is_kernel) {
			attribution_find(a, &f, 0, 0, false, &who);
			assert_non_null(who.process);
			assert_string_equal(who.process->path, "[kernel]");
			assert_int_equal(who.confidence, CONFIDENCE_LIKELY);
			assert_int_equal(scans(a), 0);
		}
		finish(a, &who);
		if (!is_kernel)
			skip(); /* a namespace of processes without it */
	}
}

/* It ends and closes its files just now: the datagram is its own. */
static void test_an_end_is_no_handing_on(void **state)
{
	struct attribution *a = begin(IPPROTO_UDP, CONNECTED, 2);
	struct attribution_result who;
	int32_t pid = child;

	(void)state;
	ask(a, IPPROTO_UDP, &who);
	assert_non_null(who.process);
	assert_int_equal(who.process->pid, pid);
	assert_int_equal(who.confidence, CONFIDENCE_EXACT);
	assert_null(who.creator);
	finish(a, &who);
}

/* It is over, and its socket is open: whoever has it sent. */
static void test_a_socket_that_outlives_its_maker(void **state)
{
	struct attribution *a = begin(IPPROTO_UDP, CONNECTED, 2);
	struct attribution_result who;
	int32_t pid = child;

	(void)state;
	play.batches[2].before = end_child;
	ask(a, IPPROTO_UDP, &who);
	assert_non_null(who.process);
	assert_int_equal(who.process->pid, getpid());
	assert_int_equal(who.confidence, CONFIDENCE_SCAN);
	assert_non_null(who.creator);
	assert_int_equal(who.creator->pid, pid);
	/* Its parent: no need to look through all of /proc. */
	assert_int_equal(scans(a), 0);
	finish(a, &who);
}

/* The same, but the socket went with it after all. */
static void test_a_socket_that_ends_with_its_maker(void **state)
{
	struct attribution *a = begin(IPPROTO_UDP, CONNECTED, 2);
	struct attribution_result who;
	int32_t pid = child;

	(void)state;
	play.batches[2].before = end_child;
	diag.left = 1;
	ask(a, IPPROTO_UDP, &who);
	assert_non_null(who.process);
	assert_int_equal(who.process->pid, pid);
	assert_null(who.creator);
	finish(a, &who);
}

/* Who claims a flow with a socket that is not connected sends with an address each time: nobody else can have. */
static void test_a_socket_that_is_not_connected(void **state)
{
	struct attribution *a = begin(IPPROTO_UDP, CLOSED, BATCHES - 1);
	struct attribution_result who;

	(void)state;
	ask(a, IPPROTO_UDP, &who);
	assert_non_null(who.process);
	assert_int_equal(who.process->pid, child);
	assert_int_equal(who.confidence, CONFIDENCE_EXACT);
	finish(a, &who);
}

/* One more process, once it is as it is to be: with our socket or without. */
static int32_t bear(bool has_socket)
{
	int ready[2];
	int32_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!has_socket)
			close(own_socket);
		(void)!write(ready[1], "x", 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void claim(struct attribution *a, uint8_t proto, int32_t who, uint64_t time_ns)
{
	play.at = 0;
	play.batches[0].n = 1;
	play.batches[0].events[0] = (struct trace_event) {
		.type = TRACE_EVENT_CLAIM, .time_ns = time_ns, .tid = who, .flow = flow_of(proto)
	};
	attribution_drain(a);
}

/* The child of the scene claimed first, then `other`; the one socket that sock_diag names is ours. */
static void claim_too(struct attribution *a, int32_t other)
{
	claim(a, IPPROTO_UDP, other, clock_mono_ns());
}

/* The socket is that of none of both, so the kernel names a twin: the last one counts, and nobody is sure. */
static void test_the_last_of_several(void **state)
{
	struct attribution *a = begin(IPPROTO_UDP, CLOSED, BATCHES - 1);
	struct attribution_result who;

	(void)state;
	second = bear(false);
	claim_too(a, second);
	ask(a, IPPROTO_UDP, &who);
	assert_non_null(who.process);
	assert_int_equal(who.process->pid, second);
	assert_int_equal(who.confidence, CONFIDENCE_SCAN);
	assert_true(who.is_shared);
	finish(a, &who);
}

/* The last one has the socket that the kernel names: that proves it only where no other socket has the port. */
static void check_twins(bool has_twins, enum confidence want)
{
	struct attribution *a = begin(IPPROTO_UDP, CLOSED, BATCHES - 1);
	struct attribution_result who;

	second = bear(true);
	diag.has_twins = has_twins;
	claim_too(a, second);
	ask(a, IPPROTO_UDP, &who);
	assert_non_null(who.process);
	assert_int_equal(who.process->pid, second);
	assert_int_equal(who.confidence, want);
	assert_int_equal(who.is_shared, has_twins);
	finish(a, &who);
}

static void test_the_socket_of_the_last(void **state)
{
	(void)state;
	check_twins(false, CONFIDENCE_EXACT);
}

static void test_one_of_twins(void **state)
{
	(void)state;
	check_twins(true, CONFIDENCE_SCAN);
}

/* A child was born after the claim: of a connected socket it may be the sender, of another it would have claimed. */
static void check_forked(uint8_t state, enum confidence want)
{
	struct attribution *a = begin(IPPROTO_UDP, state, BATCHES - 1);
	struct attribution_result who;

	/* Not the claimant's own, so that it is not taken for handed on. */
	diag.owner.inode = 0;
	play.at = 0;
	play.batches[0].n = 1;
	play.batches[0].events[0] = (struct trace_event) { .type = TRACE_EVENT_FORK,
		.time_ns = clock_mono_ns(),
		.tid = child,
		.child_tid = INT32_MAX };
	attribution_drain(a);
	ask(a, IPPROTO_UDP, &who);
	assert_non_null(who.process);
	assert_int_equal(who.process->pid, child);
	assert_int_equal(who.confidence, want);
	assert_int_equal(who.is_shared, want == CONFIDENCE_SCAN);
	finish(a, &who);
}

static void test_a_child_with_a_connected_socket(void **state)
{
	(void)state;
	check_forked(CONNECTED, CONFIDENCE_SCAN);
}

static void test_a_child_with_another_socket(void **state)
{
	(void)state;
	check_forked(CLOSED, CONFIDENCE_EXACT);
}

/* Its SYN was lost, and comes again without another claim: the old one counts for who has the socket. */
static void test_a_syn_that_comes_again(void **state)
{
	struct attribution *a = begin(IPPROTO_UDP, CLOSED, BATCHES - 1);
	struct attribution_result who;

	(void)state;
	second = bear(true);
	claim(a, IPPROTO_TCP, second, clock_mono_ns() - 10000000000u);
	ask(a, IPPROTO_TCP, &who);
	assert_non_null(who.process);
	assert_int_equal(who.process->pid, second);
	assert_int_equal(who.confidence, CONFIDENCE_EXACT);
	assert_int_equal(scans(a), 0);
	finish(a, &who);
}

/* ... or, where that is gone, for who claimed it alone: which proves nothing. */
static void test_an_old_claim_without_a_socket(void **state)
{
	struct attribution *a = begin(IPPROTO_UDP, CLOSED, BATCHES - 1);
	struct attribution_result who;

	(void)state;
	second = bear(false);
	claim(a, IPPROTO_TCP, second, clock_mono_ns() - 10000000000u);
	diag.left = 0;
	ask(a, IPPROTO_TCP, &who);
	assert_non_null(who.process);
	assert_int_equal(who.process->pid, second);
	assert_int_equal(who.confidence, CONFIDENCE_SCAN);
	finish(a, &who);
}

/* We send nothing: our verdict sent another packet on its way, and the kernel carries it in one of its own. */
static void test_what_our_verdict_made(void **state)
{
	struct attribution *a = begin(IPPROTO_UDP, CLOSED, BATCHES - 1);
	struct flow f = flow_of(IPPROTO_UDP);
	struct attribution_result who;

	(void)state;
	f.src_port++;
	play.at = 0;
	play.batches[0].n = 1;
	play.batches[0].events[0] = (struct trace_event) {
		.type = TRACE_EVENT_CLAIM, .time_ns = clock_mono_ns(), .tid = getpid(), .flow = f
	};
	attribution_drain(a);
	diag.left = 0;
	attribution_find(a, &f, 0, 0, false, &who);
	assert_non_null(who.process);
	assert_string_equal(who.process->path, "[kernel]");
	assert_int_equal(who.confidence, CONFIDENCE_EXACT);
	finish(a, &who);
}

/* Also after a failure: nothing of a test outlives it. */
static int end_scene(void **state)
{
	(void)state;
	end_child();
	end_process(&second);
	return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, end_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_claimant_that_ends_before_the_referee),
		TEST(test_a_claimant_that_lives_without_the_socket),
		TEST(test_a_thread_of_the_kernel),
		TEST(test_an_end_is_no_handing_on),
		TEST(test_a_socket_that_outlives_its_maker),
		TEST(test_a_socket_that_ends_with_its_maker),
		TEST(test_a_socket_that_is_not_connected),
		TEST(test_the_last_of_several),
		TEST(test_the_socket_of_the_last),
		TEST(test_one_of_twins),
		TEST(test_a_child_with_a_connected_socket),
		TEST(test_a_child_with_another_socket),
		TEST(test_a_syn_that_comes_again),
		TEST(test_an_old_claim_without_a_socket),
		TEST(test_what_our_verdict_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
