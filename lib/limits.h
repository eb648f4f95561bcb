/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every bound on what somebody outside can make us hold or do: the one table. */
#ifndef LIB_LIMITS_H
#define LIB_LIMITS_H

/* ---- text about one process and connection */
#define LIMIT_PATH 1024 /* bytes of an executable's path or a cwd */
#define LIMIT_ARGS 4096 /* bytes of argv, NUL-separated, cut past that */
#define LIMIT_HOST 253 /* octets of a host name in text (RFC 1035) */
#define LIMIT_PARENTS 16 /* ancestors told with a connection */
#define LIMIT_CGROUP 512 /* bytes of a cgroup path */
#define LIMIT_USER_NAME 64 /* bytes of a user name */

/* ---- rules */
#define LIMIT_RULE_NAME 200 /* bytes; the rule's file name is made from it */
#define LIMIT_RULE_DATA 4096 /* bytes of one operator's data */
#define LIMIT_RULE_OPERATORS 64 /* in one rule, lists included */
#define LIMIT_RULE_DEPTH 4 /* lists in lists */
#define LIMIT_RULES 20000 /* rules in one set */
#define LIMIT_RULESET_BYTES (64u << 20)
#define LIMIT_WHATIFS 4 /* tests of rules against the history at once */
#define LIMIT_TEXTS_BYTES (4u << 20) /* of recorded texts that a walk over the history remembers */
#define LIMIT_WHATIF_KINDS 32768 /* kinds of connections that one of them remembers */
#define LIMIT_REPORT_COMPARISONS 4000000 /* of two rules, for one report */
#define LIMIT_LEARNINGS_DONE 200 /* learnings that are remembered as dealt with */
#define LIMIT_SUGGEST_TARGETS 400 /* places of one program that suggestions look at */
#define LIMIT_RULE_CHANGES 20000 /* changes of rules remembered, of all rules together */
#define LIMIT_REGEXP_MATCH 20000 /* PCRE2 match limit: steps for one pattern and one string */
#define LIMIT_REGEXP_DEPTH 500 /* PCRE2 depth limit */

/* ---- lists */
#define LIMIT_LISTS 64 /* folders that rules name, by operand */
#define LIMIT_TRIAL_LISTS 4 /* folders that only a rule on trial names: read for that trial */
#define LIMIT_LIST_BYTES (64u << 20) /* of one folder, compiled */
#define LIMIT_LIST_FILE (128u << 20) /* bytes of one list file */
#define LIMIT_LIST_PROBES 1024 /* slots that one search looks at */
#define LIMIT_LIST_PATTERNS 1000 /* regular expressions of one folder: each is tried in turn */
#define LIMIT_SUBSCRIPTIONS 64 /* lists from a URL */
#define LIMIT_SUBSCRIPTION_NAME 64 /* bytes; its file is named after it */
#define LIMIT_SUBSCRIPTION_INTERVAL_MIN_MS (5 * 60000) /* between two looks at a URL */
#define LIMIT_SUBSCRIPTION_INTERVAL_MAX_MS (UINT64_C(90) * 86400000)
#define LIMIT_FETCH_URL 2048 /* bytes */
#define LIMIT_FETCH_TAG 256 /* bytes of an ETag or Last-Modified that is kept */
#define LIMIT_FETCH_BYTES (64u << 20) /* of one list from a URL */
#define LIMIT_FETCH_MS 300000 /* for one list */
#define LIMIT_FETCH_REDIRECTS 5
#define LIMIT_FETCH_MEMORY (256u << 20) /* bytes of data of the process that fetches */
#define LIMIT_FETCH_PROCESSES 512 /* of the console's user while it fetches, threads included */

/* ---- held packets */
#define LIMIT_PROMPTS 256 /* open at once */
#define LIMIT_HELD_PER_PROMPT 64 /* packets */
#define LIMIT_HELD_PER_PROCESS 128 /* packets */
#define LIMIT_HELD_PER_FLOW 4 /* datagrams of one flow; TCP sends one SYN */
#define LIMIT_HELD 1024 /* packets in all */
#define LIMIT_PROMPT_TIMEOUT_MS 120000 /* a held connect() gives up soon after */

/* ---- kernel queues */
#define LIMIT_QUEUE_MAXLEN 4096 /* packets waiting for a first look */
#define LIMIT_HOLD_QUEUE_MAXLEN 2048 /* more than LIMIT_HELD: never the kernel's own bound */
#define LIMIT_QUEUE_RCVBUF (8u << 20)

/* ---- tables of the engine */
#define LIMIT_NAMES 16384 /* addresses with a known name */
#define LIMIT_NAMES_PER_ADDR 8
#define LIMIT_HOSTS_BYTES (1u << 20) /* of /etc/hosts; what is behind is not read */
#define LIMIT_HOSTS_NAMES 4096 /* addresses taken from it */
#define LIMIT_NAME_ASKERS 4 /* processes remembered to have asked for one name */
#define LIMIT_DNS_QUERIES 4096 /* own questions waiting for their answer */
#define LIMIT_DNS_SOCKETS 2048 /* sockets of which it is known whose questions they send */
#define LIMIT_DNS_STREAMS 64 /* directions of DNS over TCP put together at once */
#define LIMIT_DNS_STREAM 65537 /* bytes of one: a whole message with its length */
#define LIMIT_SNI_FLOWS 1024 /* waiting for their first words, or just decided */
#define LIMIT_SNI_PACKETS 4 /* of one flow while its first words are not all there */
#define LIMIT_SNI_HELLO_MS 1000 /* for the rest of a ClientHello */
#define LIMIT_SNI_SILENT_MS 10000 /* then it is told without a name */
#define LIMIT_HELLO_BYTES 8192 /* of a ClientHello that are looked at */
#define LIMIT_FLOWS 4096 /* live ones that are followed */
#define LIMIT_FLOWS_ENDED 64 /* that one rule change ends, and tells */
#define LIMIT_NAMES_TOLD 1000 /* in one answer */
#define LIMIT_CONNTRACK_RCVBUF (2u << 20)
#define LIMIT_NFLOG_RCVBUF (4u << 20)
#define LIMIT_DNS_RECORDS 256 /* records read of one answer */
#define LIMIT_PROCESSES 8192 /* process records kept */
#define LIMIT_TRACE_CANDIDATES                                                                     \
	16384 /* connects seen by the kernel's tracing, waiting for their packet */
#define LIMIT_RECENT_FLOWS 8192 /* decided flows remembered for retransmits */
#define LIMIT_DIGESTS 256 /* executables whose digests are kept */
#define LIMIT_DIGEST_JOBS                                                                          \
	64 /* executables waiting to be read; then rules with digests do not match */
#define LIMIT_DIGEST_FILE (1u << 30) /* bytes of an executable that is read for its digest */
#define LIMIT_DIGEST_WAITING                                                                       \
	256 /* packets waiting for a digest; then they are decided without it */
#define LIMIT_DIGEST_WAIT_MS 10000 /* that a packet waits for a digest */
#define LIMIT_SCAN_MS 20 /* of work, of one /proc scan */
#define LIMIT_NETNS_NAME                                                                           \
	79 /* octets of the name of a network namespace, or of the container that it belongs to */
#define LIMIT_PROC_NET_LINES                                                                       \
	20000 /* sockets of another network namespace looked through for one flow */

/* ---- between engine and console */
#define LIMIT_IPC_MESSAGE 32768 /* bytes of one message */
#define LIMIT_IPC_BACKLOG (4u << 20) /* bytes waiting for a slow console; then events are lost */

/* ---- HTTP */
#define LIMIT_HTTP_BODY (1u << 20)
#define LIMIT_HTTP_CONNECTIONS 512 /* on one listener */
#define LIMIT_HTTP_SPARE 64 /* fewer free than these: the one waited for longest goes */
#define LIMIT_HTTP_TIMEOUT_S 30 /* until a request must be there whole */
#define LIMIT_TLS_FILE 131072 /* bytes of a certificate chain, or of its key */
#define LIMIT_JSON_DEPTH 64
#define LIMIT_PAGE_ITEMS 1000
#define LIMIT_PAGE_DEFAULT 100
#define LIMIT_SSE_RING 4096 /* events kept for replay */
#define LIMIT_SSE_RING_BYTES (2u << 20)
#define LIMIT_SSE_CLIENTS 256
#define LIMIT_SSE_CLIENT_BYTES (1u << 20) /* of the ring, behind by more: reset */
#define LIMIT_SESSIONS 64
#define LIMIT_SESSION_IDLE_S (7 * 86400) /* unused for so long: ended */
#define LIMIT_SESSION_S (30 * 86400) /* ended, used or not */
#define LIMIT_TOKENS 256
#define LIMIT_TOKEN_NAME 64 /* bytes */
#define LIMIT_AUDIT_DETAIL 1024 /* bytes of a request's body in the audit log */
#define LIMIT_LOGIN_CODES 16
#define LIMIT_PASSWORD_LEAST 8 /* bytes of a password */
#define LIMIT_PASSWORD 256
#define LIMIT_LOGIN_ADDRESSES 256 /* whose wrong passwords are remembered */
#define LIMIT_LOGIN_DELAY_S 900 /* that one address waits at most after wrong passwords */
#define LIMIT_LOGIN_FREE 20 /* wrong passwords in all before everybody waits */
#define LIMIT_LOGIN_DELAY_ALL_S 8 /* that everybody waits at most */
#define LIMIT_LOGIN_FORGET_S 3600 /* without another failure: forgotten */
#define LIMIT_LOGIN_CODE_S 60

#define LIMIT_STATS_GROUPS 20000 /* of one question to /stats, while it is counted */
#define LIMIT_STATS_ITEMS 1000 /* of one answer */
#define LIMIT_STATS_ITEMS_DEFAULT 20
#define LIMIT_STATS_BUCKETS 1000

/* ---- the log */
#define LIMIT_LOG_BURST 10 /* messages of one place in the code in an interval */
#define LIMIT_LOG_INTERVAL_MS 10000
#define LIMIT_LOG_PLACES 256 /* of which it is known how many there were */

/* ---- export of decisions */
#define LIMIT_EXPORT_TARGETS 4
#define LIMIT_EXPORT_BUFFER (4u << 20) /* bytes waiting for one target; then decisions are lost */
#define LIMIT_EXPORT_MESSAGE 8192 /* bytes of one syslog message in a stream */
#define LIMIT_EXPORT_DATAGRAM 2048 /* bytes of one in a datagram (RFC 5426, 3.2) */
#define LIMIT_EXPORT_RETRY_MS 30000 /* at most between two tries to reach a target */
#define LIMIT_EXPORT_STALL_MS 30000 /* that a receiver takes nothing; then it is left */
#define LIMIT_EXPORT_ALERT_MS 15000 /* without a target; then it is told */
#define LIMIT_EXPORT_MEMORY (256u << 20) /* bytes of data of a process that exports */

/* ---- history */
#define LIMIT_HISTORY_BATCH 500 /* rows in one transaction */
#define LIMIT_HISTORY_QUEUE 8192 /* rows waiting for the disk; then rows are lost, and counted */
#define LIMIT_HISTORY_QUEUE_BYTES (2u << 20) /* of rows waiting */

#endif
