/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a message of the engine to a record; ancestors, and who made the socket, as one text each. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/history_private.h"
#include "lib/utf8.h"

static struct text text_of(const struct ipc_connection *msg, struct ipc_str s)
{
	struct text t;

	t.s = ipc_get(msg, s, &t.len);
	return t;
}

static struct record_relative relative_of(
	const struct ipc_connection *msg, const struct ipc_relative *r)
{
	return (struct record_relative) { r->pid, text_of(msg, r->path), r->started_us, r->uid,
		r->euid, text_of(msg, r->name) };
}

/* The arguments are the program's own bytes: each is made printable, which leaves the separator free. */
static struct text sanitize_args(struct text raw, char *buf, size_t size)
{
	size_t used = 0, start = 0;

	/* A NUL ends each argument; the last may be cut and have none. */
	if (raw.len && raw.s[raw.len - 1] == '\0')
		raw.len--;
	for (size_t i = 0; raw.len && i <= raw.len && used + 1 < size; i++) {
		if (i < raw.len && raw.s[i] != '\0')
			continue;
		if (start)
			buf[used++] = CONNECTION_ARGS_SEPARATOR;
		used += utf8_sanitize(raw.s + start, i - start, buf + used, size - used);
		start = i + 1;
	}
	return (struct text) { buf, used };
}

void connection_record_from_ipc(
	struct connection_record *ret, const struct ipc_connection *msg, uint64_t id)
{
	const struct ipc_process *p = &msg->process;

	memset(ret, 0, offsetof(struct connection_record, args_buf));
	ret->id = id;
	ret->time_us = msg->time_us;
	ret->flow = msg->flow;
	ret->action = (enum action)msg->action;
	ret->reason = (enum reason)msg->reason;
	ret->method = (enum attribution_method)msg->method;
	ret->confidence = (enum confidence)msg->confidence;
	ret->host_source = (enum host_source)msg->host_source;
	ret->host_certainty = (enum host_certainty)msg->host_certainty;
	ret->latency_us = msg->latency_us;
	ret->held = msg->held_packets;
	ret->host = text_of(msg, msg->host);
	ret->rule = text_of(msg, msg->rule);
	ret->is_forwarded = msg->is_forwarded;
	ret->netns = text_of(msg, msg->netns);
	ret->iface_in = (struct text) { msg->iface_in, strnlen(msg->iface_in, IPC_IFACE_LEN) };
	ret->iface_out = (struct text) { msg->iface_out, strnlen(msg->iface_out, IPC_IFACE_LEN) };
	ret->pid = p->pid;
	ret->uid = p->uid;
	ret->real_uid = p->real_uid;
	ret->euid = p->euid;
	ret->start_time = p->start_time;
	ret->started_us = p->started_us;
	ret->path = text_of(msg, p->path);
	ret->args = sanitize_args(text_of(msg, p->args), ret->args_buf, sizeof(ret->args_buf));
	ret->cwd = text_of(msg, p->cwd);
	ret->user = text_of(msg, p->user);
	ret->cgroup = text_of(msg, p->cgroup);
	ret->container = text_of(msg, p->container);
	ret->script = text_of(msg, p->script);
	ret->flags = p->flags;
	ret->n_parents = p->n_parents;
	for (unsigned i = 0; i < p->n_parents; i++)
		ret->parents[i] = relative_of(msg, &p->parents[i]);
	ret->creator = relative_of(msg, &p->creator);
}

/* "PID,STARTED,UID,EUID,NAME" and the separator; nothing where a number is not known; without the comma where there is no name. */
static int who_text(const struct record_relative *r, char *buf, size_t size)
{
	char started[24] = "", uid[12] = "", euid[12] = "";
	int len = (int)(r->name.len < RELATIVE_NAME_MAX ? r->name.len : RELATIVE_NAME_MAX);

	if (r->started_us)
		snprintf(started, sizeof(started), "%llu", (unsigned long long)r->started_us);
	if (r->uid != UINT32_MAX)
		snprintf(uid, sizeof(uid), "%u", r->uid);
	if (r->euid != UINT32_MAX)
		snprintf(euid, sizeof(euid), "%u", r->euid);
	return snprintf(buf, size, "%d,%s,%s,%s%s%.*s%c", r->pid, started, uid, euid,
		len ? "," : "", len, len ? r->name.s : "", CONNECTION_ARGS_SEPARATOR);
}

struct text history_relatives_text(
	const struct record_relative *list, unsigned n, char *buf, size_t size)
{
	size_t used = 0;

	for (unsigned i = 0; i < n; i++) {
		struct text path = list[i].path;
		char who[RELATIVE_WHO_LEN];
		size_t len = (size_t)who_text(&list[i], who, sizeof(who));

		if (used + 1 + len + path.len >= size)
			break;
		if (i)
			buf[used++] = CONNECTION_ARGS_SEPARATOR;
		memcpy(buf + used, who, len);
		used += len;
		if (path.len)
			memcpy(buf + used, path.s, path.len);
		used += path.len;
	}
	return (struct text) { buf, used };
}

/* The next number of WHO, behind a comma; `none` where it is missing or empty. */
static uint64_t next_number(const char **p, const char *end, uint64_t none)
{
	uint64_t v = 0;
	bool any = false;

	if (*p >= end || **p != ',')
		return none;
	for ((*p)++; *p < end && **p >= '0' && **p <= '9'; (*p)++, any = true)
		v = v * 10 + (uint64_t)(**p - '0');
	return any ? v : none;
}

static void parse_who(const char *p, const char *end, struct record_relative *ret)
{
	ret->pid = (int32_t)strtol(p, NULL, 10);
	while (p < end && *p != ',')
		p++;
	ret->started_us = next_number(&p, end, 0);
	ret->uid = (uint32_t)next_number(&p, end, UINT32_MAX);
	ret->euid = (uint32_t)next_number(&p, end, UINT32_MAX);
	ret->name = p < end && *p == ',' ? (struct text) { p + 1, (size_t)(end - p - 1) }
					 : (struct text) { NULL, 0 };
}

unsigned history_relatives_parse(struct text text, struct record_relative *ret, unsigned max)
{
	const char *p = text.s, *end = text.len ? text.s + text.len : text.s;
	unsigned n;

	for (n = 0; p < end && n < max; n++) {
		const char *sep = memchr(p, CONNECTION_ARGS_SEPARATOR, (size_t)(end - p));
		const char *stop;

		if (!sep)
			break;
		stop = memchr(sep + 1, CONNECTION_ARGS_SEPARATOR, (size_t)(end - sep - 1));
		if (!stop)
			stop = end;
		parse_who(p, sep, &ret[n]);
		ret[n].path = (struct text) { sep + 1, (size_t)(stop - sep - 1) };
		p = stop + 1;
	}
	return n;
}
