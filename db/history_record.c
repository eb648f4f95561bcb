/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a message of the engine to a record; ancestors as one text. */
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
	ret->start_time = p->start_time;
	ret->path = text_of(msg, p->path);
	ret->args = sanitize_args(text_of(msg, p->args), ret->args_buf, sizeof(ret->args_buf));
	ret->cwd = text_of(msg, p->cwd);
	ret->user = text_of(msg, p->user);
	ret->cgroup = text_of(msg, p->cgroup);
	ret->container = text_of(msg, p->container);
	ret->script = text_of(msg, p->script);
	ret->flags = p->flags;
	ret->n_parents = p->n_parents;
	for (unsigned i = 0; i < p->n_parents; i++) {
		ret->parents[i].pid = p->parents[i].pid;
		ret->parents[i].path = text_of(msg, p->parents[i].path);
	}
}

struct text history_parents_text(
	const struct connection_record *c, char buf[static PARENTS_TEXT_LEN])
{
	size_t used = 0;

	for (unsigned i = 0; i < c->n_parents; i++) {
		struct text path = c->parents[i].path;
		int n = snprintf(buf + used, PARENTS_TEXT_LEN - used, "%s%d%c", i ? "\x1f" : "",
			c->parents[i].pid, CONNECTION_ARGS_SEPARATOR);

		if (used + (size_t)n + path.len >= PARENTS_TEXT_LEN)
			break;
		used += (size_t)n;
		if (path.len)
			memcpy(buf + used, path.s, path.len);
		used += path.len;
	}
	return (struct text) { buf, used };
}

void history_parents_parse(struct connection_record *c, struct text text)
{
	const char *p = text.s, *end = text.len ? text.s + text.len : text.s;

	for (c->n_parents = 0; p < end && c->n_parents < LIMIT_PARENTS; c->n_parents++) {
		const char *sep = memchr(p, CONNECTION_ARGS_SEPARATOR, (size_t)(end - p));
		const char *stop;

		if (!sep)
			break;
		stop = memchr(sep + 1, CONNECTION_ARGS_SEPARATOR, (size_t)(end - sep - 1));
		if (!stop)
			stop = end;
		c->parents[c->n_parents].pid = (int32_t)strtol(p, NULL, 10);
		c->parents[c->n_parents].path = (struct text) { sep + 1, (size_t)(stop - sep - 1) };
		p = stop + 1;
	}
}
