/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decisions for other programs. */
#include "config.h"

#include "api/export_format.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cgroup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/utf8.h"

#define FACILITY_AUTHPRIV 10
#define SEVERITY_WARNING 4
#define SEVERITY_INFO 6
/* A number of an enterprise must stand here. We have none: this one is for documentation (RFC 5612). */
#define SD_ID "opensnitch@32473"
#define VALUE_MAX 512 /* bytes of one value */

struct line {
	char *s;
	size_t len, size;
};

/* All of it or nothing. */
static bool add(struct line *l, const char *s, size_t len)
{
	if (len > l->size - l->len)
		return false;
	memcpy(l->s + l->len, s, len);
	l->len += len;
	return true;
}

/* RFC 5424, 6.3.3: UTF-8, with a backslash before these three. Left out where it does not fit; one byte stays for the bracket. */
static void add_param(struct line *l, const char *name, const char *value, size_t len)
{
	char text[VALUE_MAX + 1], out[2 * VALUE_MAX + 64];
	size_t n = utf8_sanitize(value, len, text, sizeof(text));
	int at = snprintf(out, 48, " %s=\"", name);

	if (len == 0 || at < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (strchr("\"\\]", text[i]))
			out[at++] = '\\';
		out[at++] = text[i];
	}
	out[at++] = '"';
	if ((size_t)at < l->size - l->len)
		add(l, out, (size_t)at);
}

static void add_text(struct line *l, const char *name, struct text value)
{
	add_param(l, name, value.s, value.len);
}

static void add_word(struct line *l, const char *name, const char *value)
{
	add_param(l, name, value, strlen(value));
}

static void add_number(struct line *l, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	add_word(l, name, text);
}

static bool has_ports(const struct connection_view *v)
{
	return v->flow.proto != IPPROTO_ICMP && v->flow.proto != IPPROTO_ICMPV6;
}

static void add_flow(struct line *l, const struct connection_view *v)
{
	char text[IP_ADDR_TEXT_LEN], proto[8];

	add_word(l, "protocol", flow_proto_str(&v->flow, proto));
	add_word(l, "source.ip", ip_addr_format(&v->flow.src, text));
	if (has_ports(v))
		add_number(l, "source.port", v->flow.src_port);
	add_word(l, "dest.ip", ip_addr_format(&v->flow.dst, text));
	if (has_ports(v))
		add_number(l, "dest.port", v->flow.dst_port);
	add_text(l, "dest.host", v->host);
}

/* The names are those of rules and filters. What matters most comes first. */
static void add_decision(struct line *l, const struct connection_view *v)
{
	add_word(l, "action", action_str(v->action));
	add_word(l, "reason", reason_str(v->reason));
	add_text(l, "rule", v->rule);
	add_flow(l, v);
	if (v->pid)
		add_number(l, "process.id", (uint64_t)v->pid);
	add_text(l, "process.path", v->path);
	if (v->uid != UINT32_MAX)
		add_number(l, "user.id", v->uid);
	add_text(l, "user.name", v->user);
	if (v->n_parents)
		add_text(l, "process.parent.path", v->parents[0].path);
	add_text(l, "unit", cgroup_unit(v->cgroup));
	add_text(l, "container", v->container);
	add_text(l, "iface.out", v->iface_out);
	add_word(l, "confidence", confidence_str(v->confidence));
	add_number(l, "latency_us", v->latency_us);
	if (v->id)
		add_number(l, "id", v->id);
}

static int format_end(
	char *out, size_t size, const struct ip_addr *addr, uint16_t port, bool has_port)
{
	char ip[IP_ADDR_TEXT_LEN];

	ip_addr_format(addr, ip);
	if (!has_port)
		return snprintf(out, size, "%s", ip);
	return snprintf(out, size, addr->family == 6 ? "[%s]:%u" : "%s:%u", ip, port);
}

/* For people. ASCII, so that it needs no byte order mark (RFC 5424, 6.4). */
static void add_message(struct line *l, const struct connection_view *v)
{
	char from[64], to[64], proto[8], host[300], path[VALUE_MAX], rule[300], text[2048];
	int n;

	format_end(from, sizeof(from), &v->flow.src, v->flow.src_port, has_ports(v));
	format_end(to, sizeof(to), &v->flow.dst, v->flow.dst_port, has_ports(v));
	n = snprintf(text, sizeof(text), " %s %s %s -> %s%s%s%s by %s (%s%s%s)",
		action_str(v->action), flow_proto_str(&v->flow, proto), from, to,
		v->host.len ? " (" : "", log_quote(v->host.s, v->host.len, host, sizeof(host)),
		v->host.len ? ")" : "",
		v->path.len ? log_quote(v->path.s, v->path.len, path, sizeof(path)) : "unknown",
		reason_str(v->reason), v->rule.len ? " " : "",
		log_quote(v->rule.s, v->rule.len, rule, sizeof(rule)));
	if (n < 0)
		return;
	if ((size_t)n > l->size - l->len)
		n = (int)(l->size - l->len);
	add(l, text, (size_t)n);
}

size_t export_format_syslog(const struct connection_view *v, const struct export_origin *o,
	uint32_t sequence, char *out, size_t size)
{
	int severity = v->action == ACTION_ALLOW ? SEVERITY_INFO : SEVERITY_WARNING;
	struct line l = { .s = out, .size = size };
	char head[512], when[CLOCK_TEXT_LEN];
	int n = snprintf(head, sizeof(head),
		"<%d>1 %s %s opensnitch %d decision [meta sequenceId=\"%u\"][" SD_ID,
		FACILITY_AUTHPRIV * 8 + severity, clock_format(v->time_us + v->latency_us, when),
		o->host, (int)o->pid, sequence);

	if (n < 0 || !add(&l, head, (size_t)n))
		return 0;
	add_decision(&l, v);
	add(&l, "]", 1);
	add_message(&l, v);
	return l.len;
}

void export_format_json(struct textbuf *b, const struct connection_view *v)
{
	connection_json_write(b, v);
	textbuf_puts(b, "\n");
}

void export_origin_init(struct export_origin *o, int32_t pid)
{
	size_t n = 0;

	o->pid = pid;
	if (gethostname(o->host, sizeof(o->host)) < 0)
		o->host[0] = '\0';
	o->host[sizeof(o->host) - 1] = '\0';
	while (o->host[n] > ' ' && o->host[n] <= '~')
		n++;
	if (n == 0 || o->host[n])
		strcpy(o->host, "-");
}
