/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console process: what its modules share, and its one loop.
 *
 * Start: main() takes the inherited descriptors (daemon/ipc.h), drops every privilege, closes the
 * sandbox, and only then parses anything: the config, the database, the rules. After IPC_READY the
 * engine says IPC_HELLO; from then on the process serves HTTP, stores what the engine tells, and
 * sends settings, rule sets and answers. It ends when the channel closes or on SIGTERM.
 *
 * One thread. Everything hangs on the loop of api/loop.h: the channel, libmicrohttpd's epoll sets,
 * timers, and whatever a module watches. Handlers get this struct through http_request; other modules
 * get only the parts that they use.
 */
#ifndef API_CONSOLE_H
#define API_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "api/metrics.h"
#include "lib/heap.h"
#include "lib/limits.h"

struct auth;
struct caller;
struct config;
struct engine_asks;
struct engine_view;
struct exports;
struct flow_views;
struct history;
struct ipc_client;
struct lists;
struct loop;
struct password;
struct peers;
struct prompts;
struct rule_book;
struct rule_book;
struct server;
struct sse;
struct store;
struct subscriptions;
struct tls_files;

struct console {
	struct loop *loop;
	uint64_t n_messages; /* of the engine that made work, since the start */
	struct heap_care heap;
	struct timer *tick_timer;
	bool is_resting; /* the next tick has time */
	struct store *store; /* db/store.h: the database */
	struct history *history; /* db/history.h: decided connections */
	struct network_aliases *network_aliases; /* api/network_aliases.h */
	struct rule_book *rules; /* api/rule_book.h */
	struct lists *lists; /* api/lists.h: list folders that rules name */
	struct subscriptions *subscriptions; /* api/subscriptions.h: lists from a URL */
	struct config *config; /* api/configuration.h */
	struct auth *auth; /* api/auth.h: token, sessions, codes */
	struct password *password; /* api/password.h */
	struct peers *peers; /* api/peers.h: who is at the other end of a TCP connection */
	struct ipc_client *ipc; /* api/ipc_client.h: the engine */
	struct engine_view *engine; /* api/engine_view.h: what the engine last said of itself */
	struct engine_asks *asks; /* api/engine_ask.h: requests that wait for the engine */
	struct flow_views *flows; /* api/flows.h: what lives */
	struct prompts *prompts; /* api/prompts.h */
	struct sse *sse; /* api/sse.h: events to clients */
	struct exports *exports; /* api/exports.h: decisions to other machines and files */
	struct server *server; /* api/server.h */
	struct tls_files *tls; /* api/tls.h: what the engine sent last */
	unsigned tls_end_told; /* ALERT_TLS_EXPIRES or ALERT_TLS_EXPIRED; 0: neither */
	uint64_t tls_end_told_us; /* when, CLOCK_REALTIME */

	uint64_t
		instance; /* of the engine (IPC_HELLO); 0 until it said so. "until restart" belongs to it */
	uint64_t started_us; /* of the engine, CLOCK_REALTIME */
	uint64_t generation; /* of the rule set sent last */
	bool engine_gone; /* its channel is closed */
	bool has_hello;
	struct metrics metrics; /* what the console counts for itself */
	uint64_t failed_login_us; /* when the audit log noted one last */
	unsigned n_whatifs; /* tests of rules against the history that run now */
	const struct caller *caller; /* whose request is being handled; NULL: nobody's */
};

/* What main() has before the sandbox closes. */
struct console_start {
	unsigned n_listen; /* sockets, from IPC_FD_LISTEN on */
	int64_t group; /* of sandbox_drop() */
	int peers_fd; /* of peers_open() */
	int fetcher; /* of fetcher_start(), or -1: no list can be fetched */
	int exporter[LIMIT_EXPORT_TARGETS]; /* of exporter_start(), or -1 */
};

/*
 * Serves from the sockets, until the channel closes or SIGTERM comes. Takes all the descriptors. The exit status.
 */
int console_serve(const struct console_start *start);

/* Reads the config, sends it as IPC_CONFIG; or tells each problem as "FILE:LINE: FIELD: message". The exit status. */
int console_read_config(void);

/*
 * Builds the rule set as it stands (api/rule_book.h) and sends it, with the next generation. `answers` is the
 * prompt whose IPC_ANSWER follows, or 0. 0; ERR_NOMEM, ERR_CLOSED. Rules call this after every change that
 * is stored; before IPC_HELLO it does nothing, as the set is sent then.
 */
int console_send_ruleset(struct console *c, uint64_t answers);

/* Puts the config as it is now into force: log, history, engine. */
void console_apply_config(struct console *c);

/* An alert of our own (ALERT_* from 32 on): to the log, the clients and the warnings of /status. */
void console_alert(struct console *c, unsigned code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for one that the engine sent. */
void console_told_alert(struct console *c, unsigned code, uint64_t time_us, const char *message);

/* Takes a warning of that code out of /status: what it told of is over. */
void console_alert_over(struct console *c, unsigned code);

#endif
