/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console: its parts put together, and what the engine's messages mean to them. */
#include "config.h"

#include "api/console.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/auth.h"
#include "api/configuration.h"
#include "api/engine_ask.h"
#include "api/engine_view.h"
#include "api/exports.h"
#include "api/flows.h"
#include "api/http.h"
#include "api/ipc_client.h"
#include "api/lists.h"
#include "api/loop.h"
#include "api/network_aliases.h"
#include "api/names.h"
#include "api/password.h"
#include "api/peers.h"
#include "api/prompts.h"
#include "api/rule_book.h"
#include "api/rule_history.h"
#include "api/sandbox.h"
#include "api/server.h"
#include "api/sse.h"
#include "api/subscriptions.h"
#include "api/tls.h"
#include "db/history.h"
#include "db/store.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/utf8.h"

#define HISTORY_TICK_MS 200
#define RESTING_TICK_MS 1000 /* while there is nothing to write */
#define HELLO_MS 2000 /* for the engine to say it */

/* ---- to the engine */

/*
 * Generations must rise over restarts of the console as well, and nothing of ours is sure to survive one: the time since boot
 * does rise, and the engine does not live longer than a boot.
 */
static uint64_t next_generation(struct console *c)
{
	uint64_t now = clock_boot_ns() / 1000;

	c->generation = now > c->generation ? now : c->generation + 1;
	return c->generation;
}

int console_send_ruleset(struct console *c, uint64_t answers)
{
	uint64_t generation;
	int fd, r;

	if (!c->has_hello)
		return 0;
	lists_sync(c->lists, c->rules);
	r = lists_send(c->lists, c->ipc);
	if (r < 0)
		return r;
	generation = next_generation(c);
	fd = rule_book_build(c->rules, generation);
	if (fd < 0) {
		log_error("the rule set cannot be built: %s", err_str(fd));
		return fd;
	}
	r = ipc_client_send_ruleset(c->ipc, generation, answers, fd);
	close(fd);
	return r;
}

static void send_changed_rules(void *ctx)
{
	int r = console_send_ruleset(ctx, 0);

	if (r < 0)
		log_error("the rule set cannot be sent: %s", err_str(r));
}

/* ---- from the engine */

static void on_hello(struct console *c, const struct ipc_hello *m)
{
	c->instance = m->instance;
	c->started_us = m->started_us;
	c->engine->engine_pid = m->engine_pid;
	c->engine->status.console_starts = m->console_starts;
	c->has_hello = true;
	prompts_hello(c->prompts, m);
	lists_unsent(c->lists);
	rule_book_set_instance(c->rules, m->instance);
	ipc_client_send_settings(c->ipc, config_get(c->config));
	send_changed_rules(c);
	ipc_client_send_clients(c->ipc, sse_prompt_clients(c->sse));
	if (m->console_starts > 1)
		console_told_alert(c, ALERT_CONSOLE_DIED, clock_real_us(),
			"the console ended unexpectedly and was started again");
}

static void count_hit(struct console *c, struct text rule, const struct ipc_connection *m)
{
	char name[LIMIT_RULE_NAME + 1];
	const struct rule_entry *e;

	rule_book_hit(c->rules, rule, m->time_us);
	if (rule.len >= sizeof(name))
		return;
	memcpy(name, rule.s, rule.len);
	name[rule.len] = '\0';
	e = rule_book_find(c->rules, name);
	if (e)
		lists_hit(c->lists, e->doc, m);
}

static void on_connection(struct console *c, const struct ipc_connection *m)
{
	struct text rule;
	uint64_t id = 0;

	metrics_note_connection(&c->metrics, m);
	rule.s = ipc_get(m, m->rule, &rule.len);
	if (rule.len)
		count_hit(c, rule, m);
	if (m->nolog) {
		flows_begun(c->flows, m, 0);
		return;
	}
	if (c->history)
		id = history_add(c->history, m);
	sse_publish_connection(c->sse, m, id);
	exports_send(c->exports, m, id);
	flows_begun(c->flows, m, id);
}

static void on_status(struct console *c, const struct ipc_status *m)
{
	engine_view_status(c->engine, m);
	if (m->rules_ok)
		exports_begin(c->exports);
	if (sse_is_wanted(c->sse, SSE_STATS))
		sse_publish(c->sse, SSE_STATS, status_json(c));
}

static void on_alert(struct console *c, const struct ipc_alert *m)
{
	char message[320];
	size_t len;
	const char *text = ipc_get(m, m->text, &len);

	utf8_sanitize(text, len, message, sizeof(message));
	console_told_alert(c, m->code, m->time_us, message);
}

static void on_ruleset_result(struct console *c, const struct ipc_ruleset_result *m)
{
	size_t len;
	const char *text = ipc_get(m, m->text, &len);

	if (m->error == 0)
		console_alert_over(c, ALERT_RULESET_REFUSED);
	else
		console_alert(c, ALERT_RULESET_REFUSED, "the engine refused the rule set: %.*s",
			(int)len, text);
}

static void plan_tick(struct console *c)
{
	c->is_resting = c->history && !history_has_work(c->history);
	loop_timer_set(c->tick_timer, c->is_resting ? RESTING_TICK_MS : HISTORY_TICK_MS);
}

static void on_message(void *ctx, const struct ipc_header *m, int fd)
{
	struct console *c = ctx;
	const void *msg = m;

	/* How it is comes every second, also when nothing happens. */
	c->n_messages += m->type != IPC_STATUS;
	switch ((enum ipc_type)m->type) {
	case IPC_HELLO:
		on_hello(c, msg);
		break;
	case IPC_CONNECTION:
		on_connection(c, msg);
		break;
	case IPC_PROMPT:
		prompts_told(c->prompts, msg);
		break;
	case IPC_PROMPT_CLOSED:
		metrics_note_prompt_end(&c->metrics, msg);
		prompts_closed(c->prompts, msg);
		break;
	case IPC_STATUS:
		on_status(c, msg);
		break;
	case IPC_ALERT:
		on_alert(c, msg);
		break;
	case IPC_RULESET_RESULT:
		on_ruleset_result(c, msg);
		break;
	case IPC_ANSWER_RESULT:
		prompts_answer_result(c->prompts, msg);
		break;
	case IPC_FLOW:
		flows_told(c->flows, msg);
		break;
	case IPC_FLOW_TRAFFIC:
		flows_traffic(c->flows, msg);
		break;
	case IPC_FLOW_TABLE:
		flows_table(c->flows, msg);
		break;
	case IPC_FLOW_END_RESULT:
		flows_end_result(c->flows, msg);
		break;
	case IPC_NAME:
		names_told(c, msg);
		break;
	case IPC_NAMES_END:
		names_end(c, msg);
		break;
	case IPC_TLS_FILE:
		tls_told(c, msg, fd);
		break;
	case IPC_FLOW_END:
	case IPC_NAMES:
	case IPC_CONFIG:
	case IPC_READY:
	case IPC_SETTINGS:
	case IPC_RULESET:
	case IPC_LIST:
	case IPC_ANSWER:
	case IPC_CLIENTS:
	case IPC_INTERCEPTION:
		log_warning("the engine sent a message of ours (type %u)", m->type);
		break;
	}
	if (c->is_resting && history_has_work(c->history))
		plan_tick(c);
}

static void on_closed(void *ctx)
{
	struct console *c = ctx;

	c->engine_gone = true;
	loop_stop(c->loop);
}

/* ---- from the other parts */

static void on_clients(void *ctx, unsigned n)
{
	struct console *c = ctx;

	if (c->has_hello)
		ipc_client_send_clients(c->ipc, n);
}

static void on_greet(void *ctx, struct sse_client *client)
{
	struct console *c = ctx;

	prompts_greet(c->prompts, client);
}

static void on_rule_event(void *ctx, enum rule_event what, const struct rule_entry *rule,
	const struct rule_doc *before)
{
	static const enum sse_type types[] = { [RULE_CREATED] = SSE_RULE_CREATED,
		[RULE_UPDATED] = SSE_RULE_UPDATED,
		[RULE_DELETED] = SSE_RULE_DELETED };
	struct console *c = ctx;

	rule_history_record(c, what, rule, before);
	sse_publish(c->sse, types[what],
		what == RULE_DELETED ? json_pack("{s:s}", "name", rule->doc->name)
				     : rule_book_json(rule));
}

static void on_rule_problem(void *ctx, const struct rule_problem *p)
{
	console_alert(ctx, ALERT_RULE_FILE, "rule file '%s' is skipped: %s%s%s", p->file, p->place,
		*p->place ? ": " : "", p->message);
}

static void on_rule_problems_over(void *ctx)
{
	console_alert_over(ctx, ALERT_RULE_FILE);
}

static void on_history(void *ctx, const struct history_state *state)
{
	if (state->stopped) {
		console_alert(
			ctx, ALERT_HISTORY_STOPPED, "connections are not recorded: %s", state->why);
		return;
	}
	console_alert_over(ctx, ALERT_HISTORY_STOPPED);
	console_alert(ctx, ALERT_HISTORY_RESUMED, "connections are recorded again (%llu were lost)",
		(unsigned long long)state->lost);
}

static void on_export(void *ctx, bool is_down, const char *text)
{
	console_alert(ctx, is_down ? ALERT_EXPORT_DOWN : ALERT_EXPORT_RESUMED, "%s", text);
}

static void on_exports_well(void *ctx)
{
	console_alert_over(ctx, ALERT_EXPORT_DOWN);
}

void console_apply_config(struct console *c)
{
	const struct config_values *v = config_get(c->config);
	struct history_limits limits = { .max_age_ms = v->history_max_age.ms,
		.max_rows = v->history_max_rows };

	log_init("console", (enum log_level)v->log_level, (enum log_format)v->log_format);
	if (c->history)
		history_set_limits(c->history, &limits);
	ipc_client_send_settings(c->ipc, v);
}

/* ---- start and end */

static void tick(void *ctx)
{
	struct console *c = ctx;
	uint64_t now = clock_real_us();

	if (c->history)
		history_tick(c->history);
	plan_tick(c);
	server_end_expired(c->server, now);
	tls_check_end(c, now);
	heap_tick(&c->heap, c->n_messages);
}

static void on_signal(void *ctx, uint32_t events)
{
	struct console *c = ctx;

	(void)events;
	loop_stop(c->loop);
}

/* SIGTERM ends the process by way of the loop. SIGINT of a terminal is meant for the engine, which ends us. */
static int open_signals(struct console *c)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return ERR_IO;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0 || !loop_watch(c->loop, fd, EPOLLIN, on_signal, c))
		return ERR_IO;
	return fd;
}

static int print_problems(const struct config_problems *problems)
{
	const char *file = getenv(IPC_ENV_CONFIG_PATH);

	for (unsigned i = 0; i < problems->n; i++) {
		const struct config_problem *p = &problems->items[i];

		if (strncmp(p->field, "--", 2) == 0)
			fprintf(stderr, "%s: %s\n", p->field, p->message);
		else
			fprintf(stderr, "%s:%u: %s%s%s\n", file && *file ? file : "config", p->line,
				p->field, *p->field ? ": " : "", p->message);
	}
	return 2;
}

/* The store and what lives in it. A history that fails is none; rules and settings must be there. */
static int open_store(struct console *c, struct error *err)
{
	const char *dir = getenv(IPC_ENV_STATE_DIR), *rules_dir = getenv(IPC_ENV_RULES_DIR);
	struct store_opened opened;
	struct rule_book_options book = {
		.loop = c->loop,
		.folder = IPC_FD_RULES,
		.folder_path = rules_dir ? rules_dir : "rules",
		.hooks = { on_rule_event, send_changed_rules, on_rule_problem,
			on_rule_problems_over, c },
	};
	int r;

	if (!dir || !*dir)
		return error_set(err, ERR_INVALID, NULL, IPC_ENV_STATE_DIR " is not set");
	r = store_open(dir, &c->store, &opened, err);
	if (r < 0)
		return r;
	if (opened.set_aside[0])
		log_warning("the database was damaged: it is now %s, and a new one was begun",
			opened.set_aside);
	r = config_load_changes(c->config, c->store);
	if (r != 0)
		log_warning("settings that were changed live are not in force: %s",
			r < 0 ? err_str(r) : "this version does not know them");
	r = history_open(c->store, on_history, c, &c->history, err);
	if (r < 0)
		console_alert(
			c, ALERT_HISTORY_STOPPED, "connections are not recorded: %s", err->message);
	c->network_aliases = network_aliases_load(getenv(IPC_ENV_CONFIG_PATH), IPC_FD_RULES);
	book.aliases = c->network_aliases;
	book.store = c->store;
	r = rule_book_open(&book, &c->rules, err);
	if (r == 0)
		rule_book_set_lists(c->rules, lists_finder(c->lists));
	return r;
}

/* Takes the fetcher. */
static int open_subscriptions(struct console *c, int fetcher, struct error *err)
{
	const struct subscriptions_options o = {
		.loop = c->loop,
		.store = c->store,
		.state_fd = IPC_FD_STATE,
		.state_path = getenv(IPC_ENV_STATE_DIR),
		.fetcher = fetcher,
	};

	return subscriptions_open(&o, &c->subscriptions, err);
}

static int build(struct console *c, const struct console_start *start, struct error *err)
{
	const struct sse_hooks sse_hooks = { on_clients, on_greet, c };
	const struct ipc_client_hooks ipc_hooks = { on_message, on_closed, c };
	const struct exports_hooks export_hooks = { on_export, on_exports_well, c };
	int r;

	c->engine = calloc(1, sizeof(*c->engine));
	c->sse = sse_new(c->loop, &sse_hooks);
	c->prompts = prompts_new(c);
	c->asks = engine_asks_new(c);
	c->flows = flow_views_new(c);
	c->lists = lists_new(c->loop, send_changed_rules, c);
	c->exports = exports_new(
		c->loop, start->exporter, &config_get(c->config)->export, &export_hooks);
	if (!c->engine || !c->sse || !c->prompts || !c->lists || !c->asks || !c->flows ||
		!c->exports)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	r = open_store(c, err);
	if (r == 0)
		r = open_subscriptions(c, start->fetcher, err);
	if (r < 0)
		return r;
	c->auth = auth_new(IPC_FD_TOKEN, c->store, start->group);
	c->password = password_new(c->store);
	c->ipc = ipc_client_new(c->loop, IPC_FD_CHANNEL, &ipc_hooks);
	if (!c->auth || !c->password || !c->ipc)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	c->server = server_new(c, IPC_FD_LISTEN, start->n_listen);
	if (!c->server)
		return error_set(err, ERR_IO, NULL, "the HTTP server cannot start");
	auth_set_server(c->auth, c->server);
	console_apply_config(c);
	return ipc_client_send_ready(c->ipc);
}

static void done(struct console *c)
{
	if (c->auth)
		auth_set_server(c->auth, NULL);
	server_free(c->server);
	engine_asks_free(c->asks);
	flow_views_free(c->flows);
	prompts_free(c->prompts);
	ipc_client_free(c->ipc);
	auth_free(c->auth);
	password_free(c->password);
	peers_free(c->peers);
	rule_book_close(c->rules);
	network_aliases_free(c->network_aliases);
	subscriptions_close(c->subscriptions);
	lists_free(c->lists);
	exports_free(c->exports);
	history_close(c->history);
	config_free(c->config);
	store_close(c->store);
	sse_free(c->sse);
	free(c->engine);
	loop_free(c->loop);
}

/* Nobody is served before the engine's first words: they say which prompts there were, and what its status is. */
static void wait_for_hello(struct console *c)
{
	struct pollfd channel = { .fd = IPC_FD_CHANNEL, .events = POLLIN };
	uint64_t until = clock_mono_ns() + HELLO_MS * 1000000ull;

	while (!c->has_hello && !c->engine_gone && clock_mono_ns() < until)
		if (poll(&channel, 1, HELLO_MS) > 0)
			ipc_client_read(c->ipc);
}

static int run(struct console *c, const struct console_start *start)
{
	struct error err = { 0 };
	int signals = open_signals(c);
	int r = build(c, start, &err);

	c->tick_timer = loop_timer_new(c->loop, tick, c);
	if (r < 0 || signals < 0 || !c->tick_timer) {
		log_error(
			"the console cannot start: %s", err.message[0] ? err.message : err_str(r));
		r = r < 0 ? r : ERR_IO;
	} else {
		wait_for_hello(c);
		plan_tick(c);
		r = loop_run(c->loop);
	}
	if (signals >= 0)
		close(signals);
	return r;
}

static int confine(void)
{
	static const int folders[] = { IPC_FD_STATE, IPC_FD_RULES };
	const struct sandbox_places places = { .folders = folders, .n_folders = 2 };
	struct error err = { 0 };
	int r = sandbox_confine(&places, &err);

	if (r < 0)
		log_error("%s", err.message);
	return r;
}

int console_serve(const struct console_start *start)
{
	struct tls_files tls;
	struct console c = { .tls = &tls };
	struct config_values *values = malloc(sizeof(*values));
	struct config_problems problems;
	int r;

	tls_files_init(&tls);
	if (values && config_read(values, &problems) < 0) {
		free(values);
		return print_problems(&problems);
	}
	c.config = values ? config_new(values) : NULL;
	free(values);
	c.loop = loop_new();
	c.peers = peers_new(start->peers_fd, start->group);
	r = c.config && c.loop && c.peers ? confine() : ERR_NOMEM;
	if (r == 0)
		r = run(&c, start);
	done(&c);
	tls_files_done(&tls);
	return r < 0 ? 1 : 0;
}

int console_read_config(void)
{
	struct config_values *values = malloc(sizeof(*values));
	struct config_problems problems;
	struct ipc_builder b;
	int r;

	if (!values)
		return 1;
	if (config_read(values, &problems) < 0) {
		free(values);
		return print_problems(&problems);
	}
	config_fill(values, ipc_begin(&b, IPC_CONFIG));
	free(values);
	ipc_end(&b);
	r = ipc_send(IPC_FD_CHANNEL, b.buf, b.len, -1);
	if (r < 0)
		log_error("the config cannot be sent: %s", err_str(r));
	return r < 0 ? 1 : 0;
}
