/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open prompts. */
#include "config.h"

#include "api/prompt_table.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "api/connection_json.h"
#include "lib/cleanup.h"

/* NOLINTNEXTLINE(readability-function-size): uthash's macros unfold here */
struct prompt_entry *prompt_table_find(struct prompt_table *t, uint64_t id)
{
	struct prompt_entry *e;

	HASH_FIND(hh, t->open, &id, sizeof(id), e);
	return e;
}

static int by_id(const struct prompt_entry *a, const struct prompt_entry *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

/* NOLINTNEXTLINE(readability-function-size): uthash's macros unfold here */
struct prompt_entry *prompt_table_put(
	struct prompt_table *t, const struct ipc_prompt *msg, bool *ret_new)
{
	struct prompt_entry *e = prompt_table_find(t, msg->id);
	size_t len = msg->connection.header.len;
	struct ipc_prompt *copy = malloc(len);

	*ret_new = !e;
	if (!copy)
		return NULL;
	memcpy(copy, msg, len);
	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e) {
			free(copy);
			return NULL;
		}
		e->id = msg->id;
		if (e->id >= t->to)
			t->to = e->id + 1;
		/* A new console is told of what is open in any order. */
		HASH_ADD_INORDER(hh, t->open, id, sizeof(e->id), e, by_id);
	}
	free(e->msg);
	e->msg = copy;
	return e;
}

/* NOLINTNEXTLINE(readability-function-size): uthash's macros unfold here */
static void drop(struct prompt_table *t, struct prompt_entry *e)
{
	HASH_DELETE(hh, t->open, e);
	free(e->outdated);
	free(e->msg);
	free(e);
}

void prompt_table_end(struct prompt_table *t, uint64_t id)
{
	struct prompt_entry *e = prompt_table_find(t, id);

	if (e)
		drop(t, e);
}

bool prompt_table_has_ended(const struct prompt_table *t, uint64_t id)
{
	return id >= t->from && id < t->to;
}

void prompt_table_clear(struct prompt_table *t)
{
	struct prompt_entry *e, *tmp;

	HASH_ITER (hh, t->open, e, tmp)
		drop(t, e);
}

/* ---- JSON */

enum { FIELD_PATH = 1, FIELD_HOST = 2, FIELD_PORT = 4, FIELD_PROTOCOL = 8, FIELD_USER = 16 };

/* The names of these fields, as far as the connection has them. */
static void write_match(struct textbuf *b, const struct connection_view *v, unsigned fields)
{
	const bool has_port = v->flow.proto != IPPROTO_ICMP && v->flow.proto != IPPROTO_ICMPV6;
	const struct {
		unsigned field;
		bool there;
		const char *name;
	} all[] = {
		{ FIELD_PATH, v->path.len > 0, "process.path" },
		/* Without a program, the user is what is left to tell callers apart. */
		{ FIELD_USER, v->path.len == 0 && v->uid != UINT32_MAX, "user.id" },
		{ FIELD_HOST, true, v->host.len ? "dest.host" : "dest.ip" },
		{ FIELD_PORT, has_port, "dest.port" },
		/* A name may have addresses of both families, and the protocol is of one: it would be asked about again. */
		{ FIELD_PROTOCOL, !v->host.len || !has_port, "protocol" },
	};
	const char *sep = "";

	textbuf_puts(b, "\"match\":[");
	for (size_t i = 0; i < array_len(all); i++) {
		if (!(fields & all[i].field) || !all[i].there)
			continue;
		textbuf_printf(b, "%s\"%s\"", sep, all[i].name);
		sep = ",";
	}
	textbuf_puts(b, "]}");
}

/* From the narrowest to the widest; nothing that would match every program. */
static void write_suggestions(
	struct textbuf *b, const struct connection_view *v, const char *duration)
{
	const unsigned who = FIELD_PATH | FIELD_USER;
	const struct {
		const char *action;
		unsigned fields;
	} all[] = {
		{ "allow", who | FIELD_HOST | FIELD_PORT | FIELD_PROTOCOL },
		{ "allow", who | FIELD_HOST },
		{ "allow", who },
		{ "deny", who | FIELD_HOST | FIELD_PORT | FIELD_PROTOCOL },
		{ "deny", who },
	};
	bool has_who = v->path.len > 0 || v->uid != UINT32_MAX;
	const char *sep = "";

	textbuf_puts(b, ",\"suggestions\":[");
	for (size_t i = 0; i < array_len(all); i++) {
		if (all[i].fields == who && !has_who)
			continue;
		textbuf_printf(b, "%s{\"action\":\"%s\",\"duration\":\"%s\",", sep, all[i].action,
			duration);
		write_match(b, v, all[i].fields);
		sep = ",";
	}
	textbuf_puts(b, "]}");
}

void prompt_json_write(struct textbuf *b, const struct prompt_entry *e, const char *duration)
{
	struct connection_view view;

	connection_view_from_ipc(&e->msg->connection, 0, &view);
	textbuf_printf(b, "{\"id\":%llu,\"opened\":", (unsigned long long)e->id);
	textbuf_json_time(b, e->msg->opened_us);
	textbuf_puts(b, ",\"deadline\":");
	textbuf_json_time(b, e->msg->deadline_us);
	textbuf_printf(b, ",\"held\":%u,\"connection\":", e->msg->held);
	connection_json_write(b, &view);
	textbuf_puts(b, ",\"program_changed\":");
	textbuf_puts(b, e->outdated ? e->outdated : "null");
	write_suggestions(b, &view, duration);
}
