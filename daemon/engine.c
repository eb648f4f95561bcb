/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Wires the rooms together, and the loop. */
#include "config.h"

#include "daemon/engine_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"

#define TICK_MS 100
#define FLUSH_MS 20
#define TICKS_STATUS (1000 / TICK_MS)
#define TICKS_FIREWALL (2000 / TICK_MS)
#define TICKS_ATTRIBUTION (3000 / TICK_MS)
#define TICKS_HOSTS (2000 / TICK_MS) /* where the hosts file cannot be watched ... */
#define TICKS_HOSTS_WATCHED (60000 / TICK_MS) /* ... and for what its watch does not see */
#define TICKS_TLS (1000 / TICK_MS)
#define START_TIMEOUT_MS 20000
#define EVENTS_A_TURN 16
#define CHANNEL_SPOKE (EPOLLIN | EPOLLHUP | EPOLLERR)
#define PROMPT_ID_MAX (1ull << 52) /* and counting on stays below 2^53, exact in a JSON number */

static int add_fd(struct engine *e, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return fd < 0 ? -1 : epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

static int open_loop(struct engine *e, struct error *err)
{
	struct itimerspec tick = { { 0, TICK_MS * 1000000 }, { 0, TICK_MS * 1000000 } };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	e->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	e->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	e->flush_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	e->deadline_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (add_fd(e, e->signal_fd) < 0 || add_fd(e, e->tick_fd) < 0 ||
		add_fd(e, e->flush_fd) < 0 || add_fd(e, e->deadline_fd) < 0 ||
		timerfd_settime(e->tick_fd, 0, &tick, NULL) < 0)
		return error_set(err, err_from_errno(errno), NULL,
			"cannot set up the event loop: %s", strerror(errno));
	return 0;
}

static int open_loader(struct engine *e, struct error *err)
{
	e->loader = loader_new(err);
	if (!e->loader)
		return ERR_IO;
	return add_fd(e, loader_fd(e->loader)) < 0 ? ERR_IO : 0;
}

static int open_tables(struct engine *e, struct error *err)
{
	uint64_t first = 0;

	if (getrandom(&first, sizeof(first), 0) != sizeof(first) ||
		getrandom(&e->instance, sizeof(e->instance), 0) != sizeof(e->instance))
		return error_set(err, ERR_IO, NULL, "no random numbers: %s", strerror(errno));
	e->recent = recent_new(LIMIT_RECENT_FLOWS);
	e->pending = pending_new(first % PROMPT_ID_MAX + 1, engine_release, e);
	e->users = users_new(NULL);
	e->outbox = outbox_new();
	if (!e->recent || !e->pending || !e->users || !e->outbox)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	return 0;
}

/* Opens what belongs to the guarded network namespace: queue, rules, tracing. */
static int open_guard(struct engine *e, struct error *err)
{
	const struct options *o = e->setup.options;
	struct firewall_config fc = {
		.queue_num = o->queue_num,
		.mark_allow = e->mark_allow,
		.mark_reject = e->mark_reject,
		.fail_closed = e->setup.config->fail_closed,
		.read_sni = e->setup.config->read_sni,
		.queue_forwarded = e->setup.config->queue_forwarded,
	};
	struct attribution_config ac = {
		.tracefs = "/sys/kernel/tracing", .proc_root = "/proc", .witness = e->setup.witness
	};
	char instance[40];
	int r;

	r = digester_open(&e->digester, err);
	if (r < 0)
		return r;
	if (add_fd(e, digester_fd(e->digester)) < 0)
		return error_set(err, ERR_IO, NULL, "cannot watch: %s", strerror(errno));
	r = queue_open(o->queue_num, &e->queue, err);
	if (r < 0)
		return r;
	if (add_fd(e, queue_fd(e->queue)) < 0)
		return error_set(err, ERR_IO, NULL, "cannot watch the queue: %s", strerror(errno));
	r = engine_names_open(e, err);
	if (r < 0)
		return r;
	if (add_fd(e, nflog_fd(e->nflog)) < 0)
		return error_set(err, ERR_IO, NULL, "cannot watch DNS: %s", strerror(errno));
	if (e->hosts_watch && add_fd(e, file_watch_fd(e->hosts_watch)) < 0)
		return error_set(
			err, ERR_IO, NULL, "cannot watch the hosts file: %s", strerror(errno));
	engine_names_tick(e);
	snprintf(instance, sizeof(instance), "opensnitch-%u", o->queue_num);
	ac.instance = instance;
	r = attribution_open(&ac, &e->attribution, err);
	if (r < 0)
		return r;
	if (attribution_method(e->attribution) == METHOD_FTRACE)
		log_info("attribution: %s", attribution_why(e->attribution));
	else
		log_warning("attribution by /proc only: %s", attribution_why(e->attribution));
	r = engine_flows_open(e, err);
	if (r < 0)
		return r;
	if (e->socket_ends && add_fd(e, socket_ends_fd(e->socket_ends)) < 0)
		return error_set(err, ERR_IO, NULL, "cannot watch sockets: %s", strerror(errno));
	fc.packet_marks = !queue_has_conntrack(e->queue);
	r = firewall_new(&fc, &e->firewall);
	return r < 0 ? error_set(err, r, NULL, "out of memory") : 0;
}

int engine_new(const struct engine_setup *setup, struct engine **ret, struct error *err)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	e->epoll_fd = e->signal_fd = e->tick_fd = e->flush_fd = e->deadline_fd = -1;
	e->channel = e->console_pidfd = -1;
	e->setup = *setup;
	e->settings = setup->config->settings;
	tls_watch_init(&e->tls, setup->config);
	e->mark_allow = 1u << setup->config->mark_bit;
	e->mark_reject = 2u << setup->config->mark_bit;
	e->own_netns = setup->home_netns < 0;
	e->enabled = true;
	e->started_us = clock_real_us();
	cpu_follow_init(&e->cpu_follow);
	r = open_loop(e, err);
	if (r == 0)
		r = open_loader(e, err);
	if (r == 0)
		r = open_tables(e, err);
	if (r == 0)
		r = open_guard(e, err);
	if (r == 0)
		r = engine_console_start(e, err);
	if (r < 0) {
		engine_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

/* The default action for everything that is held. */
static void release_held(struct engine *e)
{
	engine_digests_close(e);
	engine_sni_close(e);
	engine_close_all(e, (enum action)e->settings.default_action, REASON_DEFAULT);
	queue_flush(e->queue);
}

static void close_loop(struct engine *e)
{
	int *fds[] = { &e->epoll_fd, &e->signal_fd, &e->tick_fd, &e->flush_fd, &e->deadline_fd };

	for (size_t i = 0; i < array_len(fds); i++)
		if (*fds[i] >= 0)
			close(steal_fd(fds[i]));
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	if (e->pending && e->queue)
		release_held(e);
	engine_console_stop(e);
	loader_free(e->loader);
	pending_free(e->pending, ACTION_DENY);
	digester_close(e->digester);
	queue_close(e->queue);
	attribution_close(e->attribution);
	firewall_free(e->firewall);
	ruleset_free(e->ruleset);
	engine_flows_close(e);
	for (unsigned i = 0; i < e->n_lists; i++)
		listset_unref(e->lists[i]);
	engine_names_close(e);
	recent_free(e->recent);
	users_free(e->users);
	outbox_free(e->outbox);
	close_loop(e);
	free(e);
}

static void read_timer(int fd)
{
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
}

/* Events gather for a moment, so that the console wakes up once for many. */
static void arm_flush(struct engine *e)
{
	struct itimerspec when = { .it_value.tv_nsec = FLUSH_MS * 1000000 };

	if (e->flush_armed || !outbox_has_events(e->outbox))
		return;
	timerfd_settime(e->flush_fd, 0, &when, NULL);
	e->flush_armed = true;
}

static void check_firewall(struct engine *e)
{
	struct error err = { 0 };
	int r = firewall_verify(e->firewall, &err);

	if (r == 0) {
		e->firewall_ok = true;
		return;
	}
	if (r == ERR_NOT_FOUND && firewall_install(e->firewall, &err) == 0) {
		e->counters.rules_repaired++;
		e->firewall_ok = true;
		engine_alert(e, ALERT_RULES_FLUSHED,
			"another program removed our netfilter rules; they are back. What "
			"connected "
			"meanwhile was not asked about");
		return;
	}
	if (e->firewall_ok)
		engine_alert(e, ALERT_RULES_FAILED, "our netfilter rules cannot be put back: %s",
			err.message);
	e->firewall_ok = false;
}

static void resume_when_due(struct engine *e, uint64_t now)
{
	if (e->enabled || !e->paused_until_ns || now < e->paused_until_ns)
		return;
	e->enabled = true;
	e->paused_until_ns = e->paused_until_us = 0;
	log_notice("filtering is on again");
	engine_report_status(e);
}

static int on_queue(struct engine *e, struct error *err)
{
	int n = queue_read(e->queue, engine_on_packet, e);

	e->before_is_read = false;
	if (n == ERR_CLOSED)
		return error_set(err, n, NULL, "the netfilter queue is gone");
	return n;
}

static int on_tick(struct engine *e, struct error *err)
{
	uint64_t now = clock_mono_ns();
	/* What came in time counts, also where this loop comes late to it. */
	int n = on_queue(e, err);

	if (n < 0)
		return n;
	if (n < QUEUE_READ_MAX) {
		e->heard_ns = now;
		attribution_heard(e->attribution, now);
	}
	read_timer(e->tick_fd);
	e->ticks++;
	attribution_drain(e->attribution);
	attribution_tick(e->attribution);
	engine_flows_tick(e);
	engine_console_tick(e, now);
	engine_digests_tick(e, now);
	engine_sni_tick(e, now);
	resume_when_due(e, now);
	if (e->ticks % TICKS_ATTRIBUTION == 0 && attribution_check(e->attribution))
		engine_alert(e, ALERT_TRACE_LOST, "attribution changed: %s",
			attribution_why(e->attribution));
	if (e->ticks % (e->hosts_watch ? TICKS_HOSTS_WATCHED : TICKS_HOSTS) == 0)
		engine_names_tick(e);
	if (e->ticks % TICKS_TLS == 0)
		engine_tls_tick(e);
	if (e->firewall_installed && e->ticks % TICKS_FIREWALL == 0)
		check_firewall(e);
	engine_tell_prompts(e, false);
	if (e->ticks % TICKS_STATUS == 0)
		engine_report_status(e);
	heap_tick(&e->heap, e->counters.packets + e->flows_over);
	return 0;
}

static void on_signal(struct engine *e)
{
	struct signalfd_siginfo si;

	while (read(e->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGHUP) {
			/* A new console reads config and rules anew; nothing that is held is lost. */
			log_notice("SIGHUP: the console starts again");
			if (e->console_pid)
				kill(e->console_pid, SIGTERM);
			continue;
		}
		log_notice("ending on signal %u", si.ssi_signo);
		e->stopping = true;
	}
}

static int dispatch_fd(struct engine *e, int fd, uint32_t events, struct error *err)
{
	if (fd == queue_fd(e->queue))
		return on_queue(e, err);
	if (fd == e->channel) {
		if (events & CHANNEL_SPOKE)
			engine_console_readable(e);
	} else if (fd == e->console_pidfd) {
		/* Its last words first; what they begin to load as well. */
		engine_console_readable(e);
		if (e->console_pid && !e->load.is_running)
			engine_console_died(e);
	} else if (fd == loader_fd(e->loader)) {
		engine_on_loaded(e);
	} else if (fd == e->tick_fd) {
		return on_tick(e, err);
	} else if (fd == e->flush_fd) {
		read_timer(fd);
		e->flush_armed = false;
		engine_flows_drain(e);
		engine_tell_prompts(e, false);
		engine_flush(e, true);
	} else if (fd == e->deadline_fd) {
		read_timer(fd);
		engine_deadlines(e);
	} else if (fd == digester_fd(e->digester)) {
		engine_digests_ready(e);
	} else if (fd == socket_ends_fd(e->socket_ends)) {
		engine_flows_sockets(e);
	} else if (fd == e->signal_fd) {
		on_signal(e);
	}
	return 0;
}

/* What was said before a packet came holds for that packet, and so comes first: it is among the events that tell of it. */
static void hear_before_packets(struct engine *e, struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++) {
		int fd = events[i].data.fd;

		e->before_is_read |= fd == queue_fd(e->queue);
		if (fd == nflog_fd(e->nflog)) {
			engine_names_drain(e);
		} else if (fd == file_watch_fd(e->hosts_watch)) {
			engine_names_hosts(e);
		} else if (fd == e->channel && (events[i].events & CHANNEL_SPOKE)) {
			engine_console_readable(e);
			events[i].events = 0;
		}
	}
}

/* One turn of the loop. */
static int turn(struct engine *e, int timeout_ms, struct error *err)
{
	struct epoll_event events[EVENTS_A_TURN];
	int n = epoll_wait(e->epoll_fd, events, EVENTS_A_TURN, timeout_ms);

	if (n < 0 && errno != EINTR)
		return error_set(err, ERR_IO, NULL, "epoll: %s", strerror(errno));
	hear_before_packets(e, events, n);
	for (int i = 0; i < n; i++) {
		int r = dispatch_fd(e, events[i].data.fd, events[i].events, err);

		if (r < 0)
			return r;
	}
	engine_flush(e, false);
	arm_flush(e);
	return 0;
}

/* Nothing is filtered before there are rules to filter by. */
static int wait_for_rules(struct engine *e, struct error *err)
{
	uint64_t until = clock_mono_ns() + START_TIMEOUT_MS * 1000000ull;

	while (!e->ruleset && !e->stopping) {
		int r = turn(e, TICK_MS, err);

		if (r < 0)
			return r;
		if (clock_mono_ns() > until || e->console_starts > 3)
			return error_set(err, ERR_IO, NULL,
				"the console did not start: its messages are above");
	}
	return 0;
}

int engine_run(struct engine *e, struct error *err)
{
	struct error ignored;
	int r = wait_for_rules(e, err);

	if (r < 0 || e->stopping)
		return r;
	r = firewall_install(e->firewall, err);
	e->firewall_installed = true;
	e->firewall_ok = r == 0;
	if (r == 0)
		log_notice("guarding %s%s with %u rules; netfilter queue %u",
			e->setup.options->netns ? "network namespace " : "this machine",
			e->setup.options->netns ? e->setup.options->netns : "",
			ruleset_count(e->ruleset), e->setup.options->queue_num);
	engine_report_status(e);
	while (r == 0 && !e->stopping)
		r = turn(e, -1, err);
	/* What is held goes while the REJECT rule still stands. */
	release_held(e);
	if (firewall_remove(e->firewall, &ignored) < 0)
		log_error("the netfilter rules could not be removed: %s", ignored.message);
	return r;
}
