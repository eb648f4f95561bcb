/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Enum names, one table each. */
#include "lib/verdict.h"

#include <string.h>

static const char *const action_names[ACTION_COUNT_] = {
	[ACTION_ALLOW] = "allow",
	[ACTION_DENY] = "deny",
	[ACTION_REJECT] = "reject",
};

static const char *const reason_names[REASON_COUNT_] = {
	[REASON_RULE] = "rule",
	[REASON_DEFAULT] = "default",
	[REASON_ANSWER] = "answer",
	[REASON_TIMEOUT] = "timeout",
	[REASON_NO_CLIENT] = "no_client",
	[REASON_OVERFLOW] = "overflow",
	[REASON_PAUSED] = "paused",
	[REASON_OWN] = "own",
};

static const char *const method_names[METHOD_COUNT_] = {
	[METHOD_NONE] = "none",
	[METHOD_FTRACE] = "ftrace",
	[METHOD_PROC] = "proc",
	[METHOD_QUEUE] = "queue",
	[METHOD_BPF] = "bpf",
};

static const char *const confidence_names[CONFIDENCE_COUNT_] = {
	[CONFIDENCE_UNKNOWN] = "unknown",
	[CONFIDENCE_SCAN] = "scan",
	[CONFIDENCE_LIKELY] = "likely",
	[CONFIDENCE_EXACT] = "exact",
};

static const char *const host_names[HOST_COUNT_] = {
	[HOST_NONE] = "none",
	[HOST_DNS] = "dns",
	[HOST_SNI] = "sni",
	[HOST_MDNS] = "mdns",
	[HOST_HOSTS] = "hosts",
};

static const char *const certainty_names[HOST_CERTAINTY_COUNT_] = {
	[HOST_CERTAINTY_NONE] = "none",
	[HOST_CERTAINTY_GUESS] = "guess",
	[HOST_CERTAINTY_LIKELY] = "likely",
	[HOST_CERTAINTY_EXACT] = "exact",
};

static const char *const flow_end_names[FLOW_END_COUNT_] = {
	[FLOW_CLOSED] = "closed",
	[FLOW_ENDED] = "ended",
	[FLOW_RULE] = "rule",
	[FLOW_FORGOTTEN] = "forgotten",
};

static const char *const end_names[PROMPT_END_COUNT_] = {
	[PROMPT_ANSWERED] = "answered",
	[PROMPT_TIMED_OUT] = "timed_out",
	[PROMPT_RULE] = "rule",
	[PROMPT_CANCELLED] = "cancelled",
};

static const char *name_of(const char *const *names, unsigned n, unsigned value)
{
	return value < n ? names[value] : "?";
}

static bool value_of(const char *const *names, unsigned n, const char *name, unsigned *ret)
{
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

#define NAMED_ENUM(prefix, type, table, count)                                                     \
	const char *prefix##_str(type v)                                                           \
	{                                                                                          \
		return name_of(table, count, (unsigned)v);                                         \
	}

#define PARSED_ENUM(prefix, type, table, count)                                                    \
	bool prefix##_parse(const char *name, type *ret)                                           \
	{                                                                                          \
		unsigned v;                                                                        \
                                                                                                   \
		if (!value_of(table, count, name, &v))                                             \
			return false;                                                              \
		*ret = (type)v;                                                                    \
		return true;                                                                       \
	}

NAMED_ENUM(action, enum action, action_names, ACTION_COUNT_)
NAMED_ENUM(reason, enum reason, reason_names, REASON_COUNT_)
NAMED_ENUM(attribution_method, enum attribution_method, method_names, METHOD_COUNT_)
NAMED_ENUM(confidence, enum confidence, confidence_names, CONFIDENCE_COUNT_)
NAMED_ENUM(host_source, enum host_source, host_names, HOST_COUNT_)
NAMED_ENUM(prompt_end, enum prompt_end, end_names, PROMPT_END_COUNT_)
NAMED_ENUM(host_certainty, enum host_certainty, certainty_names, HOST_CERTAINTY_COUNT_)
NAMED_ENUM(flow_end, enum flow_end, flow_end_names, FLOW_END_COUNT_)
PARSED_ENUM(action, enum action, action_names, ACTION_COUNT_)
PARSED_ENUM(reason, enum reason, reason_names, REASON_COUNT_)
PARSED_ENUM(attribution_method, enum attribution_method, method_names, METHOD_COUNT_)
PARSED_ENUM(confidence, enum confidence, confidence_names, CONFIDENCE_COUNT_)
PARSED_ENUM(host_source, enum host_source, host_names, HOST_COUNT_)
