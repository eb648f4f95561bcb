/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the engine share. Nobody else includes this. */
#ifndef DAEMON_ENGINE_INTERNAL_H
#define DAEMON_ENGINE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "daemon/attribution.h"
#include "daemon/connection.h"
#include "daemon/conntrack.h"
#include "daemon/cpu_follow.h"
#include "daemon/digester.h"
#include "daemon/dns_watch.h"
#include "daemon/engine.h"
#include "daemon/file_watch.h"
#include "daemon/firewall.h"
#include "daemon/flows.h"
#include "daemon/interfaces.h"
#include "daemon/loader.h"
#include "daemon/names.h"
#include "daemon/nflog.h"
#include "daemon/outbox.h"
#include "daemon/packet.h"
#include "daemon/pending.h"
#include "daemon/queue.h"
#include "daemon/recent.h"
#include "daemon/sockdiag.h"
#include "daemon/socket_ends.h"
#include "daemon/tls_watch.h"
#include "lib/heap.h"
#include "lib/ruleset.h"
#include "lib/users.h"

/* A console that died with people connected: they get this long to come back before they count as gone. */
#define CLIENTS_GRACE_NS 10000000000u

struct engine {
	struct engine_setup setup;
	struct ipc_settings settings;
	uint32_t mark_allow, mark_reject;
	bool own_netns; /* the dashboard's listener is in the namespace that we guard */

	struct queue *queue;
	uint64_t flows_over; /* since the start */
	struct {
		bool is_wanted; /* the console may have missed that one began or ended */
		bool is_running;
		uint32_t number; /* of the last one */
		uint64_t started_ns; /* CLOCK_MONOTONIC */
	} flows_telling; /* of all flows, anew */
	uint64_t flows_judged; /* generation of the rule set that all live flows were judged by */
	bool uids_told; /* the queue tells who owns a socket: it did once */
	struct cpu_follow cpu_follow;
	uint64_t drained_batch; /* of the queue, for which traces and names were read */
	uint64_t heard_batch; /* for which the console was heard */
	struct firewall *firewall;
	struct attribution *attribution;
	struct names *names;
	struct nflog *nflog; /* copies of DNS packets */
	struct dns_watch *dns;
	struct hash sni_flows; /* whose first words tell their name: engine_sni.c */
	struct sni_flow *sni_stalest;
	uint64_t heard_ns; /* all that was sent before was read: CLOCK_MONOTONIC */
	bool before_is_read; /* names and words of the console from before the packet that the queue told of */
	/* What others ask for through this machine: names that nobody here asked for must not become those of our own flows. */
	struct names *forwarded_names;
	struct dns_watch *forwarded_dns;
	struct stat hosts_seen; /* of the hosts file as it was read */
	struct file_watch *hosts_watch; /* NULL: it is looked at every few seconds */
	struct conntrack *conntrack;
	struct sockdiag *sockdiag; /* to end sockets with */
	struct socket_ends *socket_ends; /* NULL: the kernel does not tell when they end */
	struct flows *flows;
	struct ruleset *ruleset; /* NULL before the first one */
	struct listset *lists[LIMIT_LISTS]; /* for the rule sets to come */
	unsigned n_lists;
	struct loader *loader;
	struct {
		bool is_running; /* meanwhile the console is not listened to */
		bool is_ruleset;
		uint64_t generation, answers; /* of the rule set */
	} load;
	struct pending *pending;
	struct digester *digester;
	struct digest_waiting *waiting; /* packets that wait for a digest, oldest first */
	unsigned n_waiting;
	bool digest_missing; /* the last match asked for a digest that is not there yet */
	struct recent *recent;
	struct users *users;
	struct interfaces interfaces;
	struct ipc_counters counters;
	uint64_t events_lost_told;

	bool enabled; /* interception */
	uint16_t interception_number; /* of the console's last word about it */
	uint64_t paused_until_ns; /* CLOCK_MONOTONIC; 0: until told */
	uint64_t paused_until_us;
	bool firewall_installed;
	bool firewall_ok;

	/* the console */
	struct outbox *outbox;
	pid_t console_pid; /* 0: none */
	int console_pidfd, channel;
	bool console_ready; /* it said IPC_READY */
	uint32_t console_starts;
	uint64_t console_started_ns, console_retry_ns, console_backoff_ns;
	uint32_t clients;
	uint64_t clients_grace_ns; /* until then, clients of a dead console count */
	bool reevaluate; /* a new rule set came: put it to what is held */
	uint64_t reevaluate_except; /* the prompt whose answer follows */
	bool reevaluate_digests; /* what is held is to be put to the rules again when a digest comes */
	uint64_t instance, started_us;
	struct tls_watch tls; /* for its listeners beyond loopback */

	/* the loop */
	int epoll_fd, signal_fd, tick_fd, flush_fd, deadline_fd;
	bool flush_armed, channel_waits_out;
	bool stopping;
	unsigned ticks;
	struct heap_care heap;
	struct ipc_builder builder; /* one message at a time */
};

/* ---- engine_packet.c */

/* queue_read()'s callback. */
void engine_on_packet(void *engine, const struct queue_packet *p);

/* Puts the rules to a connection: true when one decides. */
bool engine_match(struct engine *e, const struct connection *c, struct ruleset_match *ret);

/*
 * Everything about a decision but the verdict itself: remembers it for retransmits, counts, tells. `rule` may be empty;
 * `n_packets` were released by it.
 */
void engine_decided(struct engine *e, const struct connection *c, enum action action,
	enum reason reason, const struct ruleset_match *match, struct text rule,
	unsigned n_packets);

/* Gives one packet its verdict. */
void engine_verdict(struct engine *e, const struct queue_ref *ref, enum action action);

/* Who makes the connection of this packet, and where to: all of *ret. */
void engine_learn(struct engine *e, const struct queue_packet *p, const struct packet *packet,
	struct connection *ret);

/* A packet of a connection that nobody has judged yet. */
void engine_judge_packet(
	struct engine *e, const struct queue_packet *p, const struct packet *packet);

/* ruleset_outcomes() for a connection whose host is not known yet. */
unsigned engine_outcomes(struct engine *e, const struct connection *c);

/* ---- engine_sni.c */

/* A new flow: true when it waits for its first words, or was judged by them; then *c was taken. */
bool engine_sni_begin(struct engine *e, const struct queue_packet *p, const struct packet *packet,
	struct connection *c);

/* One more packet of the first queue: true when its flow waits, and the packet was dealt with. */
bool engine_sni_more(struct engine *e, const struct queue_packet *p, const struct packet *packet);

/* A packet of the second queue that nobody held: true when it is of an undecided flow, and was dealt with. */
bool engine_sni_undecided(
	struct engine *e, const struct queue_packet *p, const struct packet *packet);

/* A flow was decided: so are its packets that wait. */
void engine_sni_decided(struct engine *e, const struct flow *flow, enum action action);

void engine_sni_tick(struct engine *e, uint64_t now_ns);
void engine_sni_close(struct engine *e);

/* ---- engine_names.c */

int engine_names_open(struct engine *e, struct error *err);
void engine_names_close(struct engine *e);

/* Takes in the copies of DNS packets there are now: before each connection, so that no name comes late. */
void engine_names_drain(struct engine *e);

/* Finds the name of where a connection goes, whose process is known. */
void engine_names_find(struct engine *e, struct connection *c);

/* All names of where it goes, at most `max`: their number. Borrowed until the next change. */
unsigned engine_names_all(
	struct engine *e, const struct connection *c, struct text *ret, unsigned max);

/* A flow goes on: its name lives on. */
void engine_names_keep(struct engine *e, const struct connection *c);

/* A connection whose process is known now may be one that asks questions. */
void engine_names_asker(struct engine *e, const struct connection *c);

/* Reads the hosts file again when it changed. */
void engine_names_tick(struct engine *e);

/* The watch of the hosts file has something to tell. */
void engine_names_hosts(struct engine *e);

/* Answers a question of the console about names. */
void engine_names_tell(struct engine *e, const struct ipc_names *m);

/* ---- engine_flows.c */

int engine_flows_open(struct engine *e, struct error *err);
void engine_flows_close(struct engine *e);

/* A connection was decided: its flow's id, or 0 when it begins none. */
uint64_t engine_flow_begin(struct engine *e, const struct connection *c, enum action action,
	enum reason reason, bool nolog, struct text rule);

/* Ends its socket and its conntrack entry. 0, ERR_NOT_FOUND, or a code: then it lives. */
int engine_flow_end(struct engine *e, uint64_t id, enum flow_end why);

/* Ends the flows of sockets that are gone. */
void engine_flows_sockets(struct engine *e);

/* Takes in what conntrack told; asks for the counters of one flow now; both, for some flows, and the end of those that changed rules deny, every 100 ms. */
void engine_flows_drain(struct engine *e);
void engine_flows_look(struct engine *e, const struct live_flow *f);
void engine_flows_tick(struct engine *e);

/*
 * Tells the console of all live flows: a new one; and later, after it may have missed that one began or ended. As much at a time
 * as leaves room for events; the ticks go on with it.
 */
void engine_flows_tell_all(struct engine *e);

/* Puts the rules to a connection, and does what they say. Takes what is in *c. */
void engine_judge(struct engine *e, const struct queue_packet *p, struct connection *c);

/* ---- engine_digest.c: rules that ask for a digest of the executed file */

/* subject.h's callback; `ctx` is a struct engine_digest_ctx. */
struct engine_digest_ctx {
	struct engine *engine;
	const struct connection *connection;
};
struct text engine_digest(void *ctx, enum digest which);

/* Keeps the packet until the digest is there; true: it waits, and *c was taken. False: too many do. */
bool engine_wait_for_digest(struct engine *e, const struct queue_packet *p, struct connection *c);

/* Results came in, or time passed: judges again who waited. */
void engine_digests_ready(struct engine *e);
void engine_digests_tick(struct engine *e, uint64_t now_ns);

/* Gives all that waits the default action. */
void engine_digests_close(struct engine *e);

/* ---- engine_prompt.c */

/* Nothing matched: holds the packet, or lets the default action decide. Takes what is in *c. */
void engine_ask(struct engine *e, const struct queue_packet *p, struct connection *c);

/* One more packet of a flow that is held: on to the hold queue, or dropped past the bound. */
void engine_hold_more(struct engine *e, const struct queue_packet *p, struct held_flow *flow);

/* A packet came from the hold queue. */
void engine_on_held(struct engine *e, const struct queue_packet *p, const struct packet *packet);

/* pending.c's callback. */
void engine_release(
	void *engine, const struct held_flow *flow, struct held_packet packet, enum action action);

/* Decides all of a prompt; the number of packets released. Tells the console that it is closed. */
unsigned engine_close_prompt(struct engine *e, struct prompt *prompt, enum action action,
	enum reason reason, struct text rule, enum prompt_end end);

/* Decides what is held and now matches a rule, but for the prompt `except` (0: none). */
void engine_reevaluate(struct engine *e, uint64_t except);

/* Ends every prompt past its deadline, when the console has been heard out; or some seconds later. */
void engine_deadlines(struct engine *e);

/* Releases everything with `action`. */
void engine_close_all(struct engine *e, enum action action, enum reason reason);

/* Tells the console of prompts that changed since it last heard of them; all of them with `all`. */
void engine_tell_prompts(struct engine *e, bool all);

/* Arms the deadline timer for the earliest prompt. */
void engine_arm_deadline(struct engine *e);

/* ---- engine_console.c */

int engine_console_start(struct engine *e, struct error *err);
/* Does what it says. False: more waits to be heard, behind a rule set that is being loaded. */
bool engine_console_readable(struct engine *e);
void engine_console_died(struct engine *e);
void engine_console_tick(
	struct engine *e, uint64_t now_ns); /* starts it again, kills a stuck one */
void engine_console_stop(struct engine *e);

/* Every second: sends certificate and key again when they changed. */
void engine_tls_tick(struct engine *e);

/* Sends urgent messages now and watches for room when the socket is full. */
void engine_flush(struct engine *e, bool events);

/* Tells an alert, and logs it. */
void engine_alert(struct engine *e, enum ipc_alert_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- engine_load.c */

/* Begin to load what came with a message; `fd` is borrowed. */
void engine_load_ruleset(struct engine *e, const struct ipc_ruleset *m, int fd);
void engine_load_list(struct engine *e, const struct ipc_list *m, int fd);

/* It is loaded: in force, or refused. */
void engine_on_loaded(struct engine *e);

/* A new console sends all lists again. */
void engine_forget_lists(struct engine *e);

/* ---- engine_report.c: messages of what the engine knows */

void engine_report_connection(struct engine *e, const struct connection *c, enum action action,
	enum reason reason, bool nolog, struct text rule, unsigned n_packets, uint64_t flow_id);
bool engine_report_flow(struct engine *e, const struct live_flow *f); /* false: it is lost */
bool engine_report_flow_table(struct engine *e, uint32_t number, bool is_end); /* likewise */
void engine_report_traffic(
	struct engine *e, const struct live_flow *f, bool is_end, enum flow_end end);
void engine_report_prompt(struct engine *e, struct prompt *prompt);
void engine_report_status(struct engine *e);

#endif
