/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console's life, and what it says. */
#include "config.h"

#include "daemon/engine_internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/child.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"

#define BACKOFF_FIRST_NS 50000000u
#define BACKOFF_MAX_NS 10000000000u
#define STUCK_NS 10000000000u
#define STEADY_NS 30000000000u
#define STOP_MS 3000
#define MESSAGES_A_TURN 64

void engine_flush(struct engine *e, bool events)
{
	struct epoll_event ev = { .data.fd = e->channel };
	int r = outbox_flush(e->outbox, events);
	bool wait = r == ERR_AGAIN;

	if (e->channel < 0 || wait == e->channel_waits_out)
		return;
	ev.events = EPOLLIN | (wait ? EPOLLOUT : 0);
	if (epoll_ctl(e->epoll_fd, EPOLL_CTL_MOD, e->channel, &ev) == 0)
		e->channel_waits_out = wait;
}

void engine_alert(struct engine *e, enum ipc_alert_code code, const char *fmt, ...)
{
	struct ipc_alert *m = ipc_begin(&e->builder, IPC_ALERT);
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_warning("%s", text);
	m->time_us = clock_real_us();
	m->code = code;
	ipc_put(&e->builder, &m->text, text, strlen(text));
	ipc_end(&e->builder);
	/* Of no console: kept with the events, for the next one. */
	if (!outbox_urgent(e->outbox, e->builder.buf, e->builder.len))
		outbox_event(e->outbox, e->builder.buf, e->builder.len);
}

static int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int watch(struct engine *e, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

int engine_console_start(struct engine *e, struct error *err)
{
	const struct engine_setup *s = &e->setup;
	int r = child_serve(s->options, s->folders, s->listeners, s->home_netns, &e->console_pid,
		&e->channel, err);

	if (r < 0)
		return r;
	e->console_starts++;
	e->console_started_ns = clock_mono_ns();
	e->console_ready = false;
	e->channel_waits_out = false;
	e->console_pidfd = pidfd_of(e->console_pid);
	if (e->console_pidfd < 0 || watch(e, e->console_pidfd) < 0 || watch(e, e->channel) < 0)
		return error_set(err, err_from_errno(errno), NULL, "cannot watch the console: %s",
			strerror(errno));
	return 0;
}

static void close_console(struct engine *e)
{
	if (e->channel >= 0)
		close(steal_fd(&e->channel));
	if (e->console_pidfd >= 0)
		close(steal_fd(&e->console_pidfd));
	e->console_pid = 0;
	e->console_ready = false;
	outbox_set_fd(e->outbox, -1);
}

static void describe_end(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(buf, size, "signal %d", WTERMSIG(status));
	else
		snprintf(buf, size, "status %d", WEXITSTATUS(status));
}

void engine_console_died(struct engine *e)
{
	uint64_t now = clock_mono_ns();
	int status = 0;
	char how[32];

	kill(e->console_pid, SIGKILL);
	while (waitpid(e->console_pid, &status, 0) < 0 && errno == EINTR)
		;
	close_console(e);
	describe_end(status, how, sizeof(how));
	if (now - e->console_started_ns > STEADY_NS || !e->console_backoff_ns)
		e->console_backoff_ns = BACKOFF_FIRST_NS;
	else if (e->console_backoff_ns < BACKOFF_MAX_NS)
		e->console_backoff_ns *= 2;
	e->console_retry_ns = now + e->console_backoff_ns;
	if (e->clients)
		e->clients_grace_ns = now + CLIENTS_GRACE_NS;
	e->clients = 0;
	/* The answer that this rule set came with will not follow any more. */
	if (e->reevaluate_except)
		engine_reevaluate(e, 0);
	e->reevaluate_except = 0;
	engine_alert(e, ALERT_CONSOLE_DIED, "the console ended (%s) and is started again", how);
}

void engine_console_tick(struct engine *e, uint64_t now_ns)
{
	uint64_t stuck = outbox_stuck_since_ns(e->outbox);
	struct error err;

	if (e->console_pid) {
		if (stuck && now_ns - stuck > STUCK_NS) {
			log_warning("the console takes no messages: it is ended");
			kill(e->console_pid, SIGKILL);
		}
		return;
	}
	if (now_ns < e->console_retry_ns)
		return;
	if (engine_console_start(e, &err) < 0) {
		log_error("%s", err.message);
		close_console(e);
		e->console_backoff_ns = BACKOFF_MAX_NS;
		e->console_retry_ns = now_ns + BACKOFF_MAX_NS;
	}
}

void engine_console_stop(struct engine *e)
{
	struct pollfd gone = { .fd = e->console_pidfd, .events = POLLIN };

	if (!e->console_pid)
		return;
	outbox_flush(e->outbox, true);
	/* Closing the channel is the word to end: it then stores what it has. */
	if (e->channel >= 0)
		close(steal_fd(&e->channel));
	if (gone.fd < 0 || poll(&gone, 1, STOP_MS) <= 0)
		kill(e->console_pid, SIGKILL);
	while (waitpid(e->console_pid, NULL, 0) < 0 && errno == EINTR)
		;
	close_console(e);
}

void engine_tls_tick(struct engine *e)
{
	if (tls_watch_look(&e->tls) && e->console_ready)
		(void)tls_watch_send(&e->tls, e->channel);
}

/* ---- what it says */

static void on_ready(struct engine *e)
{
	struct ipc_hello *m;

	outbox_set_fd(e->outbox, e->channel);
	e->console_ready = true;
	e->interception_number = 0;
	engine_forget_lists(e);
	m = ipc_begin(&e->builder, IPC_HELLO);
	m->instance = e->instance;
	m->started_us = e->started_us;
	m->engine_pid = (int32_t)getpid();
	m->console_starts = e->console_starts;
	pending_ids(e->pending, &m->prompts_from, &m->prompts_to);
	ipc_end(&e->builder);
	outbox_urgent(e->outbox, e->builder.buf, e->builder.len);
	(void)tls_watch_send(&e->tls, e->channel);
	engine_report_status(e);
	engine_tell_prompts(e, true);
	engine_flows_tell_all(e);
}

static void on_flow_end(struct engine *e, const struct ipc_flow_end *m)
{
	int r = engine_flow_end(e, m->flow_id, FLOW_ENDED);
	struct ipc_flow_end_result *reply = ipc_begin(&e->builder, IPC_FLOW_END_RESULT);

	reply->request = m->request;
	reply->flow_id = m->flow_id;
	reply->error = r;
	ipc_end(&e->builder);
	outbox_urgent(e->outbox, e->builder.buf, e->builder.len);
}

static void on_settings(struct engine *e, const struct ipc_settings *m)
{
	e->settings = *m;
	log_set_level((enum log_level)m->log_level);
}

static void on_answer(struct engine *e, const struct ipc_answer *m)
{
	struct prompt *prompt = pending_find(e->pending, m->prompt_id);
	struct ipc_answer_result *reply;
	unsigned released = 0;
	struct text rule;

	rule.s = ipc_get(m, m->rule, &rule.len);
	if (prompt)
		released = engine_close_prompt(
			e, prompt, (enum action)m->action, REASON_ANSWER, rule, PROMPT_ANSWERED);
	if (e->reevaluate_except == m->prompt_id)
		e->reevaluate_except = 0;
	reply = ipc_begin(&e->builder, IPC_ANSWER_RESULT);
	reply->request = m->request;
	reply->prompt_id = m->prompt_id;
	reply->error = prompt ? 0 : ERR_GONE;
	reply->released = released;
	ipc_end(&e->builder);
	outbox_urgent(e->outbox, e->builder.buf, e->builder.len);
}

static void on_interception(struct engine *e, const struct ipc_interception *m)
{
	e->paused_until_ns = e->paused_until_us = 0;
	if (!m->enabled && m->for_ms) {
		e->paused_until_ns = clock_mono_ns() + m->for_ms * 1000000ull;
		e->paused_until_us = clock_real_us() + m->for_ms * 1000ull;
	}
	if (e->enabled != (bool)m->enabled)
		log_notice("filtering is %s", m->enabled ? "on" : "paused");
	e->enabled = m->enabled;
	e->interception_number = m->number;
	if (!e->enabled)
		engine_close_all(e, ACTION_ALLOW, REASON_PAUSED);
	engine_report_status(e);
}

static void dispatch(struct engine *e, const void *msg, int fd)
{
	const struct ipc_header *h = msg;

	switch (h->type) {
	case IPC_READY:
		on_ready(e);
		break;
	case IPC_SETTINGS:
		on_settings(e, msg);
		break;
	case IPC_RULESET:
		engine_load_ruleset(e, msg, fd);
		break;
	case IPC_LIST:
		engine_load_list(e, msg, fd);
		break;
	case IPC_ANSWER:
		on_answer(e, msg);
		break;
	case IPC_CLIENTS:
		e->clients = ((const struct ipc_clients *)msg)->n;
		if (e->clients)
			e->clients_grace_ns = 0;
		break;
	case IPC_FLOW_END:
		on_flow_end(e, msg);
		break;
	case IPC_NAMES:
		engine_names_tell(e, msg);
		break;
	case IPC_INTERCEPTION:
		on_interception(e, msg);
		break;
	default: /* the engine's own types: nothing that a console may say */
		e->counters.ipc_refused++;
		break;
	}
}

bool engine_console_readable(struct engine *e)
{
	_Alignas(8) uint8_t buf[LIMIT_IPC_MESSAGE];
	int n = 1;

	for (int i = 0; i < MESSAGES_A_TURN && e->channel >= 0 && !e->load.is_running; i++) {
		int fd;

		n = ipc_receive(e->channel, buf, &fd);
		if (n > 0)
			dispatch(e, buf, fd);
		if (fd >= 0)
			close(fd);
		if (n <= 0)
			break;
	}
	if (e->reevaluate) {
		e->reevaluate = false;
		engine_reevaluate(e, e->reevaluate_except);
	}
	engine_flush(e, false);
	if (n == ERR_MALFORMED) {
		e->counters.ipc_refused++;
		log_error("the console sent a malformed message: it is ended");
	}
	/* At the end of the channel the pidfd would tell too, but a console may linger. */
	if (n == 0 || (n < 0 && n != ERR_AGAIN))
		engine_console_died(e);
	return n <= 0 || e->channel < 0;
}
