/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of a decision: what, why, how known. Names as in the API; values travel in IPC messages. */
#ifndef LIB_VERDICT_H
#define LIB_VERDICT_H

#include <stdbool.h>

enum action {
	ACTION_ALLOW = 0,
	ACTION_DENY = 1, /* dropped, silently */
	ACTION_REJECT = 2, /* the program gets a TCP reset or an ICMP error at once */
	ACTION_COUNT_,
};

enum reason {
	REASON_RULE = 0,
	REASON_DEFAULT = 1, /* no rule, and prompts are not possible for this one */
	REASON_ANSWER = 2, /* a person (or script) answered the prompt */
	REASON_TIMEOUT = 3, /* nobody did in time */
	REASON_NO_CLIENT = 4, /* nobody was there to ask */
	REASON_OVERFLOW = 5, /* a bound on held packets was reached */
	REASON_PAUSED = 6, /* interception is off */
	REASON_OWN = 7, /* the dashboard's own listener */
	REASON_COUNT_,
};

enum attribution_method {
	METHOD_NONE = 0,
	METHOD_FTRACE = 1,
	METHOD_PROC = 2, /* /proc scan */
	METHOD_QUEUE =
		3, /* the queue said that no open file is behind the packet: the kernel sends it */
	METHOD_BPF = 4, /* seen in the act of sending */
	METHOD_COUNT_,
};

enum confidence {
	CONFIDENCE_UNKNOWN = 0,
	CONFIDENCE_SCAN = 1, /* /proc only */
	CONFIDENCE_LIKELY = 2, /* one candidate */
	CONFIDENCE_EXACT = 3, /* tuple or inode proven */
	CONFIDENCE_COUNT_,
};

enum host_source {
	HOST_NONE = 0,
	HOST_DNS = 1,
	HOST_SNI = 2,
	HOST_MDNS = 3,
	HOST_HOSTS = 4,
	HOST_COUNT_,
};

/* How sure it is that the program meant this host. */
enum host_certainty {
	HOST_CERTAINTY_NONE = 0, /* no host is known */
	HOST_CERTAINTY_GUESS =
		1, /* the address has several names, and this process asked for none, or said another */
	HOST_CERTAINTY_LIKELY =
		2, /* the only name, or one that another process of the program asked for */
	HOST_CERTAINTY_EXACT = 3, /* this process asked for it, or said it itself */
	HOST_CERTAINTY_COUNT_,
};

/* What one prompt's end was. */
enum prompt_end {
	PROMPT_ANSWERED = 0,
	PROMPT_TIMED_OUT = 1,
	PROMPT_RULE = 2, /* a rule made meanwhile decided all that was held */
	PROMPT_CANCELLED = 3, /* nothing is held any more: flushed, paused, or the daemon ends */
	PROMPT_END_COUNT_,
};

/* Why a live flow is no more. */
enum flow_end {
	FLOW_CLOSED = 0, /* by its ends, or by time */
	FLOW_ENDED = 1, /* a person did */
	FLOW_RULE = 2, /* a new rule denies it */
	FLOW_FORGOTTEN = 3, /* not followed any more: too many at once, or its end was missed */
	FLOW_END_COUNT_,
};

/* Names ("allow", "no_client", "ftrace", "exact", "dns", "answered"); never NULL, "?" for a bad value. */
const char *action_str(enum action a);
const char *reason_str(enum reason r);
const char *attribution_method_str(enum attribution_method m);
const char *confidence_str(enum confidence c);
const char *host_source_str(enum host_source s);
const char *prompt_end_str(enum prompt_end e);
const char *flow_end_str(enum flow_end e); /* "closed", "ended", "rule", "forgotten" */
const char *host_certainty_str(enum host_certainty c); /* "none", "guess", "likely", "exact" */

/* By name; false where there is none, and *ret stays. */
bool action_parse(const char *name, enum action *ret);
bool reason_parse(const char *name, enum reason *ret);
bool attribution_method_parse(const char *name, enum attribution_method *ret);
bool confidence_parse(const char *name, enum confidence *ret);
bool host_source_parse(const char *name, enum host_source *ret);

#endif
