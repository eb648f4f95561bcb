/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each source is a table of field names; what the kernel's filters promise is checked again, for a filter may be gone. */
#include "config.h"
#include "daemon/trace_event.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cleanup.h"
#include "lib/err.h"

#define FLAGS_IRQ 0x18 /* TRACE_FLAG_HARDIRQ | TRACE_FLAG_SOFTIRQ */
#define LOOPBACK_IFINDEX 1 /* the incoming interface of what this machine sends */
#define STATE_SYN_SENT 2
#define STATE_CLOSE 7
#define FLAG_CLONE_THREAD 0x10000
#define PROTO_MPTCP 262

const struct trace_source trace_sources[TRACE_SOURCE_COUNT_] = {
	[TRACE_SOURCE_FIB] = { TRACE_ROUTES, "fib", "fib_table_lookup",
		"iif == 1 && !(common_flags & 0x18) && (((proto == 6 || proto == 17) && sport != 0 "
		"&& "
		"dport != 0) || proto == 1 || proto == 132 || proto == 136)",
		true },
	[TRACE_SOURCE_FIB6] = { TRACE_ROUTES, "fib6", "fib6_table_lookup",
		"iif == 1 && !(common_flags & 0x18) && ((proto == 17 && sport != 0 && dport != 0) "
		"|| "
		"proto == 58 || proto == 132 || proto == 136)",
		false },
	[TRACE_SOURCE_STATE] = { TRACE_TASKS, "sock", "inet_sock_set_state",
		"oldstate == 7 && newstate == 2 && family == 10", false },
	[TRACE_SOURCE_NEWTASK] = { TRACE_TASKS, "task", "task_newtask", NULL, true },
	[TRACE_SOURCE_EXEC] = { TRACE_TASKS, "sched", "sched_process_exec", NULL, true },
	[TRACE_SOURCE_EXIT] = { TRACE_TASKS, "sched", "sched_process_exit", NULL, true },
};

enum { COMMON_TYPE, COMMON_FLAGS, COMMON_PID, FIRST_OWN, FIELDS_MAX = 14 };
enum { FIB_IIF = FIRST_OWN, FIB_PROTO, FIB_SRC, FIB_DST, FIB_SPORT, FIB_DPORT };
enum {
	STATE_OLD = FIRST_OWN,
	STATE_NEW,
	STATE_FAMILY,
	STATE_PROTO,
	STATE_SADDR6,
	STATE_DADDR6,
	STATE_SPORT,
	STATE_DPORT,
	STATE_SADDR,
	STATE_DADDR,
};
enum { NEWTASK_PID = FIRST_OWN, NEWTASK_FLAGS };
enum { EXEC_FILENAME = FIRST_OWN };
enum { EXIT_PID = FIRST_OWN, EXIT_GROUP };

/* In the order of the enums above; '?' marks a field that may be missing. */
static const char *const source_fields[TRACE_SOURCE_COUNT_][FIELDS_MAX] = {
	[TRACE_SOURCE_FIB] = { "common_type", "common_flags", "common_pid", "iif", "proto", "src",
		"dst", "sport", "dport" },
	[TRACE_SOURCE_FIB6] = { "common_type", "common_flags", "common_pid", "iif", "proto", "src",
		"dst", "sport", "dport" },
	[TRACE_SOURCE_STATE] = { "common_type", "common_flags", "common_pid", "oldstate",
		"newstate", "family", "protocol", "saddr_v6", "daddr_v6", "sport", "dport", "saddr",
		"daddr" },
	[TRACE_SOURCE_NEWTASK] = { "common_type", "common_flags", "common_pid", "pid",
		"clone_flags" },
	[TRACE_SOURCE_EXEC] = { "common_type", "common_flags", "common_pid", "filename" },
	[TRACE_SOURCE_EXIT] = { "common_type", "common_flags", "common_pid", "pid", "?group_dead" },
};

struct decoder_source {
	bool present;
	uint32_t id;
	bool has[FIELDS_MAX];
	struct trace_field fields[FIELDS_MAX];
};

struct trace_decoder {
	struct decoder_source sources[TRACE_SOURCE_COUNT_];
};

/* One record being read; like a cursor, its first failure sticks. */
struct reader {
	const struct decoder_source *source;
	const uint8_t *record;
	size_t len;
	bool failed;
};

struct trace_decoder *trace_decoder_new(void)
{
	return calloc(1, sizeof(struct trace_decoder));
}

void trace_decoder_free(struct trace_decoder *d)
{
	free(d);
}

int trace_decoder_add(
	struct trace_decoder *d, enum trace_source_id source, const char *format_text, size_t len)
{
	_cleanup_free_ struct trace_format *format = malloc(sizeof(*format));
	struct decoder_source s = { 0 };
	int r;

	if (!format)
		return ERR_NOMEM;
	r = trace_format_parse(format_text, len, format);
	if (r < 0)
		return r;
	if (!format->id)
		return ERR_MALFORMED;
	s.id = format->id;
	for (size_t i = 0; i < FIELDS_MAX && source_fields[source][i]; i++) {
		const char *name = source_fields[source][i];
		bool optional = name[0] == '?';
		const struct trace_field *f = trace_format_find(format, name + optional);

		if (!f && !optional)
			return ERR_UNSUPPORTED;
		if (f) {
			s.fields[i] = *f;
			s.has[i] = true;
		}
	}
	s.present = true;
	d->sources[source] = s;
	return 0;
}

static uint64_t read_uint(struct reader *r, int field)
{
	uint64_t v;

	if (!trace_field_uint(&r->source->fields[field], r->record, r->len, &v))
		r->failed = true;
	return v;
}

static uint16_t read_port(struct reader *r, int field)
{
	return (uint16_t)read_uint(r, field);
}

static struct ip_addr read_addr(struct reader *r, int field, size_t size)
{
	const uint8_t *p = trace_field_bytes(&r->source->fields[field], r->record, r->len, size);

	if (p)
		return size == 4 ? ip_addr_v4(p) : ip_addr_v6(p);
	r->failed = true;
	return (struct ip_addr) { 0 };
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

static bool is_wanted_proto(uint8_t proto, bool six)
{
	return has_ports(proto) || proto == (six ? IPPROTO_ICMPV6 : IPPROTO_ICMP) ||
	       proto == IPPROTO_SCTP || proto == IPPROTO_UDPLITE;
}

static bool decode_fib(struct reader *r, bool six, struct trace_event *ev)
{
	uint64_t iif = read_uint(r, FIB_IIF), proto = read_uint(r, FIB_PROTO);
	struct flow *f = &ev->flow;

	if (iif != LOOPBACK_IFINDEX || !is_wanted_proto((uint8_t)proto, six))
		return false;
	ev->type = TRACE_EVENT_CLAIM;
	f->proto = (uint8_t)proto;
	f->src = read_addr(r, FIB_SRC, six ? 16 : 4);
	f->dst = read_addr(r, FIB_DST, six ? 16 : 4);
	if (!has_ports(f->proto))
		return true;
	f->src_port = read_port(r, FIB_SPORT);
	f->dst_port = read_port(r, FIB_DPORT);
	/* Without a source port it is a look-up before the port is chosen: another one follows, or a state event. */
	return f->src_port && f->dst_port;
}

static bool decode_state(struct reader *r, struct trace_event *ev)
{
	uint64_t proto = read_uint(r, STATE_PROTO), family = read_uint(r, STATE_FAMILY);
	bool six = family == AF_INET6;
	struct flow *f = &ev->flow;

	if (read_uint(r, STATE_OLD) != STATE_CLOSE || read_uint(r, STATE_NEW) != STATE_SYN_SENT ||
		(!six && family != AF_INET))
		return false;
	if (proto == PROTO_MPTCP)
		proto = IPPROTO_TCP;
	if (proto != IPPROTO_TCP)
		return false;
	ev->type = TRACE_EVENT_CLAIM;
	f->proto = IPPROTO_TCP;
	f->src = read_addr(r, six ? STATE_SADDR6 : STATE_SADDR, six ? 16 : 4);
	f->dst = read_addr(r, six ? STATE_DADDR6 : STATE_DADDR, six ? 16 : 4);
	f->src_port = read_port(r, STATE_SPORT);
	f->dst_port = read_port(r, STATE_DPORT);
	/* A mapped address goes out as IPv4; of its own it may have none yet. */
	if (f->dst.family == 4 && f->src.family != 4)
		f->src = ip_addr_v4((const uint8_t[4]) { 0 });
	return true;
}

static bool decode_newtask(struct reader *r, struct trace_event *ev)
{
	ev->type = TRACE_EVENT_FORK;
	ev->child_tid = (int32_t)read_uint(r, NEWTASK_PID);
	ev->is_thread = read_uint(r, NEWTASK_FLAGS) & FLAG_CLONE_THREAD;
	return ev->child_tid > 0;
}

static bool decode_exec(struct reader *r, struct trace_event *ev)
{
	ev->type = TRACE_EVENT_EXEC;
	ev->filename = trace_field_string(
		&r->source->fields[EXEC_FILENAME], r->record, r->len, &ev->filename_len);
	/* That it executed something matters even when the name cannot be read. */
	return true;
}

static bool decode_exit(struct reader *r, struct trace_event *ev)
{
	ev->type = TRACE_EVENT_EXIT;
	ev->tid = (int32_t)read_uint(r, EXIT_PID);
	ev->has_group = r->source->has[EXIT_GROUP];
	if (ev->has_group)
		ev->is_group = read_uint(r, EXIT_GROUP) != 0;
	return true;
}

static bool decode_source(struct reader *r, enum trace_source_id id, struct trace_event *ev)
{
	switch (id) {
	case TRACE_SOURCE_FIB:
		return decode_fib(r, false, ev);
	case TRACE_SOURCE_FIB6:
		return decode_fib(r, true, ev);
	case TRACE_SOURCE_STATE:
		return decode_state(r, ev);
	case TRACE_SOURCE_NEWTASK:
		return decode_newtask(r, ev);
	case TRACE_SOURCE_EXEC:
		return decode_exec(r, ev);
	case TRACE_SOURCE_EXIT:
		return decode_exit(r, ev);
	case TRACE_SOURCE_COUNT_:
		break;
	}
	return false;
}

bool trace_decoder_decode(
	const struct trace_decoder *d, const uint8_t *record, size_t len, struct trace_event *ret)
{
	for (unsigned i = 0; i < TRACE_SOURCE_COUNT_; i++) {
		struct reader r = { &d->sources[i], record, len, false };
		enum trace_source_id id = (enum trace_source_id)i;
		uint64_t flags;

		if (!r.source->present || read_uint(&r, COMMON_TYPE) != r.source->id)
			continue;
		memset(ret, 0, sizeof(*ret));
		ret->tid = (int32_t)read_uint(&r, COMMON_PID);
		flags = read_uint(&r, COMMON_FLAGS);
		/* In an interrupt the task is whoever was interrupted; births and deaths are always a task's own. */
		if (flags & FLAGS_IRQ && (id == TRACE_SOURCE_FIB || id == TRACE_SOURCE_FIB6 ||
						 id == TRACE_SOURCE_STATE))
			return false;
		return decode_source(&r, id, ret) && !r.failed && ret->tid > 0;
	}
	return false;
}
