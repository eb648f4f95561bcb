/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The channel between engine and console: the only thing the two halves share besides lib/.
 *
 * One AF_UNIX SOCK_SEQPACKET socket; each datagram is one message: `struct ipc_header`, then the
 * fixed struct of its type, then a tail of strings that the struct refers to by offset and length. A datagram
 * of the engine may hold several, each padded to 8 bytes (ipc_unpack()).
 * Both ends run on one machine from one build, so words are in host order; the version must be equal.
 *
 * Nobody trusts the other side: ipc_check() proves the length of the fixed part, every enum, and that every
 * string lies inside the message, before anything looks at it. A message that fails is dropped and
 * counted; the engine then restarts the console, the console exits.
 *
 * Life of a console: the engine starts it with this socket and the listening sockets as inherited
 * descriptors (see IPC_FD_*). Console sends IPC_READY; engine sends IPC_HELLO, then every open prompt as
 * IPC_PROMPT; console sends IPC_SETTINGS, IPC_RULESET and IPC_CLIENTS as it sees fit. When the console
 * dies the engine starts another, and the same begins again: nothing but the database and the open
 * prompts carries over.
 *
 * Life of a prompt: IPC_PROMPT (opened, and again whenever `held` changes), IPC_ANSWER by the console,
 * IPC_ANSWER_RESULT (ok, or gone when it ended meanwhile), IPC_PROMPT_CLOSED. To answer with a rule the
 * console first stores the rule, then sends IPC_RULESET (with `answers` = the prompt's id), then
 * IPC_ANSWER: the engine handles them in order, so nothing that arrives in between can open the same
 * prompt again. A new rule set is also put to everything else that is held: what it matches is
 * decided with reason `rule`, and its prompts close with PROMPT_RULE.
 */
#ifndef DAEMON_IPC_H
#define DAEMON_IPC_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/file_identity.h"
#include "lib/flow.h"
#include "lib/limits.h"

#define IPC_VERSION 2
#define IPC_LISTEN_MAX 8
#define IPC_IFACE_LEN 16

/*
 * Descriptors that a console process is born with. `opensnitch-console` takes no other arguments than
 * `--fds N_LISTEN` (serve), `--read-config` (parse the config, send IPC_CONFIG or fail, exit) or `--check-tls` (receive one
 * pair of IPC_TLS_FILE, say what is wrong, exit).
 */
enum {
	IPC_FD_CHANNEL = 3, /* SOCK_SEQPACKET to the engine */
	IPC_FD_CONFIG = 4, /* the config file, read-only (/dev/null when there is none) */
	IPC_FD_STATE = 5, /* O_PATH|O_DIRECTORY: the state directory (serve only) */
	IPC_FD_RULES = 6, /* O_RDONLY|O_DIRECTORY: the rules directory (serve only) */
	IPC_FD_TOKEN = 7, /* the token file, read-only (serve only) */
	IPC_FD_LISTEN = 8, /* the first of N_LISTEN listening sockets: TCP, and one AF_UNIX */
};

/* Environment of a console process: paths for messages and for SQLite, which wants a name. */
#define IPC_ENV_CONFIG_PATH "OPENSNITCH_CONFIG" /* "" when no file exists */
#define IPC_ENV_STATE_DIR "OPENSNITCH_STATE_DIR"
#define IPC_ENV_RULES_DIR "OPENSNITCH_RULES_DIR"
#define IPC_ENV_LOG_FORMAT "OPENSNITCH_LOG_FORMAT" /* of --log-format; unset: the config's */
#define IPC_ENV_LISTEN "OPENSNITCH_LISTEN" /* "ADDR:PORT" from --listen; unset: the config's */

enum ipc_type {
	/* engine to console */
	IPC_HELLO = 1,
	IPC_CONNECTION = 2,
	IPC_PROMPT = 3,
	IPC_PROMPT_CLOSED = 4,
	IPC_STATUS = 5,
	IPC_ALERT = 6,
	IPC_RULESET_RESULT = 7,
	IPC_ANSWER_RESULT = 8,
	IPC_FLOW = 9,
	IPC_FLOW_TRAFFIC = 10,
	IPC_FLOW_END_RESULT = 11,
	IPC_NAME = 12,
	IPC_NAMES_END = 13,
	IPC_TLS_FILE = 14, /* in a datagram of its own, with the file as its descriptor */
	IPC_FLOW_TABLE = 15,
	/* console to engine */
	IPC_CONFIG = 32,
	IPC_READY = 33,
	IPC_SETTINGS = 34,
	IPC_RULESET = 35, /* carries one descriptor: the sealed memfd of lib/rulewire.h */
	IPC_ANSWER = 36,
	IPC_CLIENTS = 37,
	IPC_INTERCEPTION = 38,
	IPC_LIST =
		39, /* with a descriptor: the sealed memfd of lib/listwire.h, for rule sets that come after it */
	IPC_FLOW_END = 40,
	IPC_NAMES = 41,
};

struct ipc_header {
	uint32_t len; /* of the whole message, this header included */
	uint16_t version;
	uint16_t type; /* enum ipc_type */
};

/* A string in the tail; off counts from the start of the message. Not NUL-terminated. Empty: len 0. */
struct ipc_str {
	uint16_t off;
	uint16_t len;
};

/* A process by name and number: an ancestor, or who made a socket. */
struct ipc_relative {
	int32_t pid; /* 0: none */
	struct ipc_str path;
	struct ipc_str name; /* what the kernel calls it; empty unless the path is */
	uint32_t uid, euid; /* real and effective; UINT32_MAX: not known */
	uint64_t started_us; /* CLOCK_REALTIME; 0: not known */
};

/* Who. All strings went through utf8_sanitize() except args, which are raw: sanitize each. */
struct ipc_process {
	int32_t pid; /* 0: no process is known */
	uint32_t uid; /* of the socket; UINT32_MAX: not known */
	uint32_t real_uid, euid; /* its own, likewise */
	uint64_t start_time; /* clock ticks since boot, field 22 of /proc/PID/stat */
	uint64_t started_us; /* CLOCK_REALTIME; 0: not known */
	struct file_identity exe; /* the executed file */
	uint32_t flags; /* of enum process_flag */
	uint32_t n_parents; /* at most LIMIT_PARENTS, nearest first */
	struct ipc_str path;
	struct ipc_str args; /* NUL-separated */
	struct ipc_str cwd;
	struct ipc_str user;
	struct ipc_str cgroup;
	struct ipc_str container; /* empty: none */
	struct ipc_str script; /* empty: none */
	struct ipc_relative creator; /* of the socket, where that is another process */
	struct ipc_relative parents[LIMIT_PARENTS];
};

/* One connection with its decision; in a prompt, without (action, reason, rule are then void). */
struct ipc_connection {
	struct ipc_header header;
	uint64_t time_us; /* CLOCK_REALTIME when the packet was read */
	struct flow flow;
	uint32_t latency_us; /* from reading the packet to its verdict */
	uint8_t action; /* enum action */
	uint8_t reason; /* enum reason */
	uint8_t method; /* enum attribution_method */
	uint8_t confidence; /* enum confidence */
	uint8_t host_source; /* enum host_source */
	uint8_t nolog; /* the rule says: do not record */
	uint8_t host_certainty; /* enum host_certainty */
	uint8_t is_forwarded; /* 0 or 1: it comes from another network namespace or machine */
	uint64_t flow_id; /* of the live flow that it begins; 0: none */
	uint32_t held_packets; /* that this decision released or dropped; 1 for an unheld one */
	char iface_in[IPC_IFACE_LEN]; /* of a forwarded one; NUL-padded; may be empty */
	char iface_out[IPC_IFACE_LEN]; /* likewise, of any */
	struct ipc_str host;
	struct ipc_str rule;
	struct ipc_str
		netns; /* name of the network namespace that a forwarded one comes from; empty: not known */
	struct ipc_process process;
};

struct ipc_prompt {
	struct ipc_connection connection; /* header.type is IPC_PROMPT */
	uint64_t id; /* never used again while this engine lives; starts at a random number */
	uint64_t opened_us; /* CLOCK_REALTIME */
	uint64_t deadline_us; /* CLOCK_REALTIME */
	uint32_t held; /* packets waiting now */
	uint32_t pad;
};

struct ipc_prompt_closed {
	struct ipc_header header;
	uint64_t id;
	uint8_t end; /* enum prompt_end */
	uint8_t action; /* what became of the packets */
	uint8_t pad[2];
	uint32_t released; /* packets */
};

struct ipc_hello {
	struct ipc_header header;
	uint64_t instance; /* random, one an engine start: "until restart" rules belong to it */
	uint64_t started_us; /* CLOCK_REALTIME */
	int32_t engine_pid;
	uint32_t console_starts; /* 1 for the first console of this engine */
	uint64_t prompts_from, prompts_to; /* ids that prompts had until now: from <= id < to */
};

/* Everything counts from the engine's start unless it says "now". */
struct ipc_counters {
	uint64_t packets; /* read from the queues */
	uint64_t decisions[3]; /* by enum action */
	uint64_t reasons[8]; /* by enum reason */
	uint64_t methods[5]; /* by enum attribution_method */
	uint64_t confidences[4]; /* by enum confidence */
	uint64_t dns_answers; /* learnt from */
	uint64_t dns_refused; /* malformed, or nobody asked */
	uint64_t retransmits; /* packets of flows already decided */
	uint64_t midstream; /* TCP packets of connections older than the daemon: accepted */
	uint64_t malformed; /* packets that no parser understood: default action */
	uint64_t prompts; /* opened */
	uint64_t prompts_timed_out;
	uint64_t overflow; /* decided by default because a bound was reached */
	uint64_t queue_dropped; /* by the kernel: queue full */
	uint64_t queue_user_dropped; /* by the kernel: socket buffer full */
	uint64_t verdict_lost; /* ENOENT: flushed before the verdict came */
	uint64_t verdict_errors; /* other */
	uint64_t trace_events;
	uint64_t trace_lost;
	uint64_t trace_reads; /* of a processor's ring buffer */
	uint64_t trace_empty_reads; /* ... that found nothing new */
	uint64_t proc_scans;
	uint64_t events_lost; /* not sent: the console was too slow or absent */
	uint64_t ipc_refused; /* messages of the console that failed their check */
	uint64_t rules_repaired; /* times that netfilter rules were put back */
	uint32_t held_now; /* packets */
	uint32_t prompts_now;
	uint32_t processes_now; /* records in the process table */
	uint32_t names_now; /* addresses with a name */
};

struct ipc_status {
	struct ipc_header header;
	struct ipc_counters counters;
	uint64_t ruleset_generation; /* the one that decides now; 0 = none yet */
	uint64_t paused_until_us; /* CLOCK_REALTIME; 0 with enabled = 0: until told */
	uint64_t engine_rss_kib;
	uint8_t enabled; /* interception */
	uint8_t method; /* enum attribution_method in use */
	uint8_t fail_closed;
	uint8_t rules_ok; /* netfilter rules stand */
	uint32_t queue_num;
	uint32_t console_starts;
	uint16_t
		interception; /* `number` of the last ipc_interception of this console that was handled; 0: none */
	uint8_t pad[2];
	struct ipc_str method_why; /* a sentence: why this method */
	struct ipc_str netns; /* guarded network namespace as given; empty: the daemon's own */
};

enum ipc_alert_code {
	ALERT_RULES_FLUSHED = 1, /* another tool removed our netfilter rules; they are back */
	ALERT_RULES_FAILED = 2, /* ... and could not be put back */
	ALERT_CONSOLE_DIED = 3,
	ALERT_QUEUE_OVERFLOW = 4, /* the kernel dropped packets before we saw them */
	ALERT_TRACE_LOST = 5, /* trace events were lost, or tracing stopped */
	ALERT_EVENTS_LOST = 6, /* the console was too slow */
	ALERT_RULESET_REFUSED = 7,
	/* the console's own */
	ALERT_HISTORY_STOPPED = 32, /* the disk is full or failing */
	ALERT_HISTORY_RESUMED = 33,
	ALERT_RULE_FILE = 34, /* a rule file is bad and was skipped */
	ALERT_EXPORT_DOWN = 35, /* decisions do not reach a target */
	ALERT_EXPORT_RESUMED = 36,
	ALERT_TLS_REFUSED = 37, /* certificate and key are not used: the former ones are, or none */
	ALERT_TLS_KEY_OPEN = 38, /* everybody may read the key */
	ALERT_TLS_EXPIRES = 39, /* the certificate ends soon */
	ALERT_TLS_EXPIRED = 40, /* ... and has ended */
};

struct ipc_alert {
	struct ipc_header header;
	uint64_t time_us;
	uint32_t code; /* enum ipc_alert_code */
	uint32_t pad;
	struct ipc_str text;
};

struct ipc_ruleset_result {
	struct ipc_header header;
	uint64_t generation;
	int32_t error; /* 0: it decides now */
	uint32_t n_rules;
	struct ipc_str text; /* what is wrong */
};

struct ipc_answer_result {
	struct ipc_header header;
	uint64_t request; /* as in IPC_ANSWER */
	uint64_t prompt_id;
	int32_t error; /* 0, or ERR_GONE */
	uint32_t released; /* packets */
};

/* What can change while the engine runs. */
struct ipc_settings {
	struct ipc_header header;
	uint32_t prompt_timeout_ms; /* 1000 .. LIMIT_PROMPT_TIMEOUT_MS */
	uint8_t default_action; /* enum action */
	uint8_t prompt_timeout_action;
	uint8_t prompt_without_clients; /* 0 or 1 */
	uint8_t intercept_dns; /* 0 or 1: learn names from answers */
	uint8_t log_level; /* enum log_level */
	uint8_t end_flows; /* 0 or 1: a new rule set ends the flows that it denies */
	uint8_t pad[6];
};

struct ipc_listen {
	struct ip_addr addr;
	uint16_t port;
};

/* All of the config that the engine needs, before it starts. */
struct ipc_config {
	struct ipc_settings settings; /* header.type is IPC_CONFIG */
	uint32_t n_listen;
	uint8_t fail_closed;
	uint8_t mark_bit; /* 0..30: this bit means allowed, the next one rejected */
	uint8_t log_format; /* enum log_format */
	uint8_t queue_forwarded; /* 0 or 1: also what others send through this machine */
	uint8_t read_sni; /* 0 or 1: names from the first words of a connection */
	uint8_t pad[3];
	struct ipc_listen listen[IPC_LISTEN_MAX];
	char tls_certificate[LIMIT_PATH + 1]; /* NUL-terminated paths; both or none */
	char tls_key[LIMIT_PATH + 1];
};

struct ipc_ready {
	struct ipc_header header;
	int32_t pid;
	uint32_t pad;
};

struct ipc_ruleset {
	struct ipc_header header;
	uint64_t generation; /* greater than every one before */
	uint64_t
		answers; /* id of the prompt that an IPC_ANSWER right behind this one decides; 0 = none */
};

/* Without a descriptor: no rule names these lists any more. */
struct ipc_list {
	struct ipc_header header;
	uint32_t operand; /* enum operand: one of lists.* */
	uint32_t pad;
	struct ipc_str folder; /* as rules name it */
};

struct ipc_answer {
	struct ipc_header header;
	uint64_t request; /* the console's own number */
	uint64_t prompt_id;
	uint8_t action; /* enum action */
	uint8_t pad[7];
	struct ipc_str rule; /* the rule made with it, told in the event; empty for "once" */
};

struct ipc_clients {
	struct ipc_header header;
	uint32_t n; /* that can answer prompts now */
};

struct ipc_interception {
	struct ipc_header header;
	uint8_t enabled;
	uint8_t pad;
	uint16_t number; /* the console's own */
	uint32_t for_ms; /* with enabled = 0: enable again after this; 0 = stay */
};

/* ---- live flows: one begins with an IPC_CONNECTION that has its flow_id */

/* A flow that the console does not know: from before the start, or from before this console. */
struct ipc_flow {
	struct ipc_connection connection; /* header.type is IPC_FLOW */
	uint64_t bytes_out, bytes_in, packets_out, packets_in;
	uint8_t before_start; /* nobody judged it: action and reason are void */
	uint8_t pad[7];
};

struct ipc_flow_traffic {
	struct ipc_header header;
	uint64_t flow_id;
	uint64_t time_us; /* CLOCK_REALTIME */
	uint64_t bytes_out, bytes_in, packets_out, packets_in;
	uint8_t is_end;
	uint8_t end; /* enum flow_end */
	uint8_t counted; /* 0: this kernel counts nothing */
	uint8_t pad[5];
};

/*
 * All flows are told from here on, each by an IPC_FLOW, or by the IPC_CONNECTION of one that begins meanwhile; with `is_end` they were.
 * What the console knows and was not told since is over: its end was lost.
 */
struct ipc_flow_table {
	struct ipc_header header;
	uint32_t number; /* of this telling, the same at its end; never 0 */
	uint8_t is_end;
	uint8_t pad[3];
};

struct ipc_flow_end {
	struct ipc_header header;
	uint64_t request; /* the console's own number */
	uint64_t flow_id;
};

struct ipc_flow_end_result {
	struct ipc_header header;
	uint64_t request;
	uint64_t flow_id;
	int32_t error; /* 0: it is no more */
	uint32_t pad;
};

/* ---- names: IPC_NAMES is answered by IPC_NAME for each, then IPC_NAMES_END */

struct ipc_names {
	struct ipc_header header;
	uint64_t request; /* the console's own number */
	struct ip_addr addr; /* family 0: any */
	uint8_t pad[3];
	struct ipc_str host; /* empty: any */
};

struct ipc_name {
	struct ipc_header header;
	uint64_t request;
	uint64_t learnt_us; /* CLOCK_REALTIME; 0: not by DNS */
	uint64_t expires_us; /* CLOCK_REALTIME; 0: never */
	struct ip_addr addr;
	struct ip_addr server; /* who said so; family 0: nobody */
	uint8_t source; /* enum host_source */
	uint8_t pad;
	uint32_t n_askers;
	int32_t askers[LIMIT_NAME_ASKERS]; /* PIDs, the latest first */
	struct ipc_str host;
};

struct ipc_names_end {
	struct ipc_header header;
	uint64_t request;
	uint32_t n; /* told */
	uint32_t pad;
};

/* ---- TLS: the certificate, then the key, again whenever one of the files changed */

enum ipc_tls_part { IPC_TLS_CERTIFICATE, IPC_TLS_KEY, IPC_TLS_COUNT_ };

struct ipc_tls_file {
	struct ipc_header header;
	uint32_t part; /* enum ipc_tls_part */
	int32_t errnum; /* errno of opening it, and then no descriptor; otherwise 0 */
};

/* ---- writing */

/* One message being built. `buf` starts with the fixed struct; fill it in place through a cast. */
struct ipc_builder {
	_Alignas(8) uint8_t buf[LIMIT_IPC_MESSAGE];
	size_t len;
	int truncated; /* a string did not fit and was cut */
};

/* Starts a message of `type`, its fixed part zeroed, and returns that part (inside `b`). */
void *ipc_begin(struct ipc_builder *b, enum ipc_type type);

/* Appends `len` bytes to the tail and sets *ret; cut (never failed) when the message would grow too big. */
void ipc_put(struct ipc_builder *b, struct ipc_str *ret, const char *s, size_t len);

/* Writes the length into the header. The message is then buf[0 .. len). */
void ipc_end(struct ipc_builder *b);

/* ---- reading */

/* The size of the fixed part of a type; 0 for a type that does not exist. */
size_t ipc_fixed_size(unsigned type);

/*
 * Whether these bytes are one whole, well-formed message: header, length, version, type, enums, counts,
 * strings in bounds, no reserved value. 0, or ERR_MALFORMED. `msg` must be 8-aligned.
 */
int ipc_check(const void *msg, size_t len);

/* The bytes of a string of a checked message, with its length in *ret_len. Never NULL. */
const char *ipc_get(const void *msg, struct ipc_str s, size_t *ret_len);

/* ---- the socket */

/*
 * Sends one message, with a descriptor when `pass_fd` >= 0 (borrowed). 0; ERR_AGAIN when the socket is full;
 * ERR_CLOSED when the other side is gone; ERR_IO.
 */
int ipc_send(int fd, const void *msg, size_t len, int pass_fd);

/*
 * Receives one message into `buf` (8-aligned, LIMIT_IPC_MESSAGE bytes) and checks it. Returns its length;
 * 0 at the end; ERR_AGAIN, ERR_MALFORMED (that message is gone, the next may be good) or ERR_IO. *ret_fd is a
 * descriptor that came with it (owned by the caller, CLOEXEC) or -1.
 */
int ipc_receive(int fd, void *buf, int *ret_fd);

/* Bytes that a message takes among several. */
size_t ipc_padded(size_t len);

/*
 * Receives a datagram of one or several messages into `buf` (8-aligned, LIMIT_IPC_MESSAGE bytes), unchecked. *ret_fd is as with
 * ipc_receive(). Its length; 0 at the end; ERR_AGAIN, ERR_MALFORMED (too long) or ERR_IO.
 */
int ipc_receive_packed(int fd, void *buf, int *ret_fd);

/*
 * The message at *pos of such a datagram of `len` bytes, checked; *pos moves on to the next. NULL at the end (*pos == len), or
 * where no good message stands (*pos < len).
 */
const struct ipc_header *ipc_unpack(const void *buf, size_t len, size_t *pos);

#endif
