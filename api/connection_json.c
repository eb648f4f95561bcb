/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection object. Written straight into text: thousands may come in a second. */
#include "config.h"

#include "api/connection_json.h"

#include <netinet/in.h>
#include <string.h>

#include "db/history.h"
#include "lib/addr.h"
#include "lib/cgroup.h"
#include "lib/process_flag.h"

static struct text ipc_text(const void *msg, struct ipc_str s)
{
	struct text t;

	t.s = ipc_get(msg, s, &t.len);
	return t;
}

static struct connection_relative relative_from_ipc(const void *msg, const struct ipc_relative *r)
{
	return (struct connection_relative) { r->pid, ipc_text(msg, r->path), r->started_us, r->uid,
		r->euid, ipc_text(msg, r->name) };
}

void connection_view_from_ipc(
	const struct ipc_connection *msg, uint64_t id, struct connection_view *ret)
{
	const struct ipc_process *p = &msg->process;

	*ret = (struct connection_view) {
		.id = id,
		.time_us = msg->time_us,
		.flow = msg->flow,
		.decided = msg->header.type == IPC_CONNECTION,
		.action = (enum action)msg->action,
		.reason = (enum reason)msg->reason,
		.method = (enum attribution_method)msg->method,
		.confidence = (enum confidence)msg->confidence,
		.host_source = (enum host_source)msg->host_source,
		.host_certainty = (enum host_certainty)msg->host_certainty,
		.latency_us = msg->latency_us,
		.iface_in = { msg->iface_in, strnlen(msg->iface_in, IPC_IFACE_LEN) },
		.iface_out = { msg->iface_out, strnlen(msg->iface_out, IPC_IFACE_LEN) },
		.is_forwarded = msg->is_forwarded,
		.netns = ipc_text(msg, msg->netns),
		.host = ipc_text(msg, msg->host),
		.rule = ipc_text(msg, msg->rule),
		.pid = p->pid,
		.uid = p->uid,
		.real_uid = p->real_uid,
		.euid = p->euid,
		.started_us = p->started_us,
		.creator = relative_from_ipc(msg, &p->creator),
		.path = ipc_text(msg, p->path),
		.args = ipc_text(msg, p->args),
		.cwd = ipc_text(msg, p->cwd),
		.user = ipc_text(msg, p->user),
		.cgroup = ipc_text(msg, p->cgroup),
		.container = ipc_text(msg, p->container),
		.script = ipc_text(msg, p->script),
		.flags = p->flags,
		.n_parents = p->n_parents,
	};
	for (unsigned i = 0; i < p->n_parents; i++)
		ret->parents[i] = relative_from_ipc(msg, &p->parents[i]);
}

static struct connection_relative relative_from_record(const struct record_relative *r)
{
	return (struct connection_relative) { r->pid, r->path, r->started_us, r->uid, r->euid,
		r->name };
}

void connection_view_from_record(
	const struct connection_record *record, struct connection_view *ret)
{
	*ret = (struct connection_view) {
		.id = record->id,
		.time_us = record->time_us,
		.flow = record->flow,
		.decided = true,
		.action = record->action,
		.reason = record->reason,
		.method = record->method,
		.confidence = record->confidence,
		.host_source = record->host_source,
		.host_certainty = record->host_certainty,
		.traffic = record->has_traffic ? &record->traffic : NULL,
		.latency_us = record->latency_us,
		.iface_in = record->iface_in,
		.iface_out = record->iface_out,
		.is_forwarded = record->is_forwarded,
		.netns = record->netns,
		.host = record->host,
		.rule = record->rule,
		.pid = record->pid,
		.uid = record->uid,
		.real_uid = record->real_uid,
		.euid = record->euid,
		.started_us = record->started_us,
		.creator = relative_from_record(&record->creator),
		.path = record->path,
		.args = record->args,
		.args_separator = CONNECTION_ARGS_SEPARATOR,
		.cwd = record->cwd,
		.user = record->user,
		.cgroup = record->cgroup,
		.container = record->container,
		.script = record->script,
		.flags = record->flags,
		.n_parents = record->n_parents,
	};
	for (unsigned i = 0; i < record->n_parents; i++)
		ret->parents[i] = relative_from_record(&record->parents[i]);
}

/* One end of the flow, without the closing brace. ICMP has no ports. */
static void write_end(struct textbuf *b, const struct ip_addr *addr, uint16_t port, uint8_t proto)
{
	char ip[IP_ADDR_TEXT_LEN];
	bool has_port = proto != IPPROTO_ICMP && proto != IPPROTO_ICMPV6;

	textbuf_printf(b, "{\"ip\":\"%s\",\"port\":", ip_addr_format(addr, ip));
	if (has_port)
		textbuf_printf(b, "%u", port);
	else
		textbuf_puts(b, "null");
}

/* Each argument ends with the separator, but for the last, where it may be missing. */
static void write_args(struct textbuf *b, struct text args, char separator)
{
	const char *p = args.s, *end = args.s + args.len;

	textbuf_puts(b, ",\"args\":[");
	while (p < end) {
		const char *stop = memchr(p, separator, (size_t)(end - p));
		size_t n = (size_t)((stop ? stop : end) - p);

		if (p != args.s)
			textbuf_puts(b, ",");
		textbuf_json(b, p, n);
		p += n + 1;
	}
	textbuf_puts(b, "]");
}

static void write_uid(struct textbuf *b, const char *name, uint32_t uid)
{
	if (uid == UINT32_MAX)
		textbuf_printf(b, ",\"%s\":null", name);
	else
		textbuf_printf(b, ",\"%s\":%u", name, uid);
}

/* Since when, and as whom it runs. */
static void write_who(struct textbuf *b, uint64_t started_us, uint32_t uid, uint32_t euid)
{
	textbuf_puts(b, ",\"started\":");
	if (started_us)
		textbuf_json_time(b, started_us);
	else
		textbuf_puts(b, "null");
	write_uid(b, "real_uid", uid);
	write_uid(b, "effective_uid", euid);
}

static void write_relative(struct textbuf *b, const struct connection_relative *r)
{
	textbuf_printf(b, "{\"pid\":%d,\"path\":", r->pid);
	textbuf_json_or_null(b, r->path.s, r->path.len);
	textbuf_puts(b, ",\"name\":");
	textbuf_json_or_null(b, r->name.s, r->name.len);
	write_who(b, r->started_us, r->uid, r->euid);
	textbuf_puts(b, "}");
}

static void write_process(struct textbuf *b, const struct connection_view *v)
{
	struct text unit;

	textbuf_printf(b, "{\"pid\":%d,\"path\":", v->pid);
	textbuf_json_or_null(b, v->path.s, v->path.len);
	write_args(b, v->args, v->args_separator);
	textbuf_puts(b, ",\"cwd\":");
	textbuf_json_or_null(b, v->cwd.s, v->cwd.len);
	write_uid(b, "uid", v->uid);
	textbuf_puts(b, ",\"user\":");
	textbuf_json_or_null(b, v->user.s, v->user.len);
	write_who(b, v->started_us, v->real_uid, v->euid);
	textbuf_puts(b, ",\"socket_creator\":");
	if (v->creator.pid)
		write_relative(b, &v->creator);
	else
		textbuf_puts(b, "null");
	textbuf_puts(b, ",\"parents\":[");
	for (unsigned i = 0; i < v->n_parents; i++) {
		if (i)
			textbuf_puts(b, ",");
		write_relative(b, &v->parents[i]);
	}
	textbuf_puts(b, "],\"cgroup\":");
	textbuf_json_or_null(b, v->cgroup.s, v->cgroup.len);
	textbuf_puts(b, ",\"container\":");
	textbuf_json_or_null(b, v->container.s, v->container.len);
	textbuf_puts(b, ",\"unit\":");
	unit = cgroup_unit(v->cgroup);
	textbuf_json_or_null(b, unit.s, unit.len);
	textbuf_puts(b, ",\"script\":");
	textbuf_json_or_null(b, v->script.s, v->script.len);
	textbuf_puts(b, ",\"flags\":[");
	for (unsigned bit = 0, n = 0; bit < PROCESS_FLAG_COUNT; bit++)
		if (v->flags & 1u << bit)
			textbuf_printf(b, "%s\"%s\"", n++ ? "," : "", process_flag_str(bit));
	textbuf_puts(b, "]}");
}

/* Of a connection that ended: null while it lives, or when nobody counted. */
static void write_traffic(struct textbuf *b, const struct flow_traffic *t)
{
	if (!t) {
		textbuf_puts(b, ",\"traffic\":null");
		return;
	}
	textbuf_printf(b,
		",\"traffic\":{\"bytes_out\":%llu,\"bytes_in\":%llu,\"packets_out\":%llu,"
		"\"packets_in\":%llu,\"ended\":",
		(unsigned long long)t->bytes_out, (unsigned long long)t->bytes_in,
		(unsigned long long)t->packets_out, (unsigned long long)t->packets_in);
	textbuf_json_time(b, t->ended_us);
	textbuf_puts(b, "}");
}

void connection_json_write(struct textbuf *b, const struct connection_view *v)
{
	char proto[8];

	textbuf_puts(b, "{");
	if (v->id)
		textbuf_printf(b, "\"id\":%llu,", (unsigned long long)v->id);
	textbuf_puts(b, "\"time\":");
	textbuf_json_time(b, v->time_us);
	textbuf_printf(b, ",\"protocol\":\"%s\",\"source\":", flow_proto_str(&v->flow, proto));
	write_end(b, &v->flow.src, v->flow.src_port, v->flow.proto);
	textbuf_puts(b, "},\"dest\":");
	write_end(b, &v->flow.dst, v->flow.dst_port, v->flow.proto);
	textbuf_puts(b, ",\"host\":");
	textbuf_json_or_null(b, v->host.s, v->host.len);
	textbuf_printf(b, ",\"host_source\":\"%s\",\"host_certainty\":\"%s\"},\"iface\":{\"in\":",
		host_source_str(v->host.len ? v->host_source : HOST_NONE),
		host_certainty_str(v->host.len ? v->host_certainty : HOST_CERTAINTY_NONE));
	textbuf_json_or_null(b, v->iface_in.s, v->iface_in.len);
	textbuf_puts(b, ",\"out\":");
	textbuf_json_or_null(b, v->iface_out.s, v->iface_out.len);
	textbuf_printf(b, "},\"forwarded\":%s,\"namespace\":", v->is_forwarded ? "true" : "false");
	textbuf_json_or_null(b, v->netns.s, v->netns.len);
	textbuf_puts(b, ",\"process\":");
	/* The kernel itself has no PID. */
	if (v->pid || v->path.len)
		write_process(b, v);
	else
		textbuf_puts(b, "null");
	textbuf_printf(b, ",\"attribution\":{\"method\":\"%s\",\"confidence\":\"%s\"}",
		attribution_method_str(v->method), confidence_str(v->confidence));
	if (v->decided) {
		textbuf_printf(b,
			",\"action\":\"%s\",\"reason\":\"%s\",\"rule\":", action_str(v->action),
			reason_str(v->reason));
		textbuf_json_or_null(b, v->rule.s, v->rule.len);
		textbuf_printf(b, ",\"latency_us\":%u", v->latency_us);
		write_traffic(b, v->traffic);
	}
	textbuf_puts(b, "}");
}
