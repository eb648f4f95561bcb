/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rule that an answer to a prompt makes: an operator for each thing it shall match, and a name to read. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rule_book.h"
#include "daemon/ipc.h"
#include "db/history.h"
#include "lib/addr.h"
#include "lib/cleanup.h"
#include "lib/limits.h"

#define NAME_MAX_LEN 120 /* of the readable part: a number may follow */

enum field {
	FIELD_PATH,
	FIELD_COMMAND,
	FIELD_UID,
	FIELD_HOST,
	FIELD_IP,
	FIELD_PORT,
	FIELD_PROTOCOL,
	FIELD_COUNT_,
};

static const struct {
	const char *operand;
	bool sensitive; /* paths and arguments differ by case, names do not */
} fields[FIELD_COUNT_] = {
	[FIELD_PATH] = { "process.path", true },
	[FIELD_COMMAND] = { "process.command", true },
	[FIELD_UID] = { "user.id", false },
	[FIELD_HOST] = { "dest.host", false },
	[FIELD_IP] = { "dest.ip", false },
	[FIELD_PORT] = { "dest.port", false },
	[FIELD_PROTOCOL] = { "protocol", false },
};

/* What a connection has of each: a text, or NULL where it is not known. */
struct values {
	const char *of[FIELD_COUNT_];
	char path[LIMIT_IPC_MESSAGE];
	char command[LIMIT_ARGS + 4];
	char uid[16];
	char host[LIMIT_IPC_MESSAGE];
	char ip[IP_ADDR_TEXT_LEN];
	char port[8];
	char protocol[8];
};

struct maker {
	struct connection_record record;
	struct values v;
	bool wanted[FIELD_COUNT_];
	char name[LIMIT_RULE_NAME + 1];
};

static const char *copy(char *to, size_t size, struct text t)
{
	if (!t.len || t.len >= size)
		return NULL;
	memcpy(to, t.s, t.len);
	to[t.len] = '\0';
	return to;
}

static void read_values(struct values *v, const struct connection_record *c)
{
	char protocol[8];

	v->of[FIELD_PATH] = copy(v->path, sizeof(v->path), c->path);
	v->of[FIELD_HOST] = copy(v->host, sizeof(v->host), c->host);
	v->of[FIELD_COMMAND] = copy(v->command, sizeof(v->command), c->args);
	for (char *p = v->command; *p; p++)
		if (*p == CONNECTION_ARGS_SEPARATOR)
			*p = ' ';
	if (c->uid != UINT32_MAX) {
		snprintf(v->uid, sizeof(v->uid), "%u", c->uid);
		v->of[FIELD_UID] = v->uid;
	}
	v->of[FIELD_IP] = ip_addr_format(&c->flow.dst, v->ip);
	snprintf(v->port, sizeof(v->port), "%u", c->flow.dst_port);
	v->of[FIELD_PORT] = v->port;
	snprintf(v->protocol, sizeof(v->protocol), "%s", flow_proto_str(&c->flow, protocol));
	v->of[FIELD_PROTOCOL] = v->protocol;
}

/* ---- what to match */

static void want_usual(struct maker *m)
{
	/* The rule of an unknown program is one for unknown programs, not for all. */
	if (!m->v.of[FIELD_PATH])
		m->v.of[FIELD_PATH] = "";
	m->wanted[FIELD_PATH] = true;
	m->wanted[m->v.of[FIELD_HOST] ? FIELD_HOST : FIELD_IP] = true;
	m->wanted[FIELD_PORT] = true;
	/* A name may have addresses of both families, and the protocol is of one. */
	m->wanted[FIELD_PROTOCOL] = !m->v.of[FIELD_HOST] || strncmp(m->v.protocol, "icmp", 4) == 0;
}

static int want(struct maker *m, const json_t *name, size_t i, struct error *err)
{
	const char *s = json_string_value(name);
	char place[32];
	int f = 0;

	snprintf(place, sizeof(place), "match[%zu]", i);
	while (s && f < FIELD_COUNT_ && strcmp(s, fields[f].operand) != 0)
		f++;
	if (!s || f == FIELD_COUNT_)
		return error_set(err, ERR_INVALID, place,
			"process.path, process.command, user.id, dest.host, dest.ip, dest.port or "
			"protocol is expected here");
	if (!m->v.of[f])
		return error_set(
			err, ERR_INVALID, place, "the connection has no %s", fields[f].operand);
	if (strlen(m->v.of[f]) > LIMIT_RULE_DATA)
		return error_set(err, ERR_INVALID, place, "the connection's %s is too long",
			fields[f].operand);
	m->wanted[f] = true;
	return 0;
}

static int want_match(struct maker *m, const json_t *match, struct error *err)
{
	int r = 0;

	if (!match) {
		want_usual(m);
		return 0;
	}
	if (!json_is_array(match) || !json_array_size(match))
		return error_set(err, ERR_INVALID, "match",
			"an array of what the rule shall match is expected here");
	for (size_t i = 0; r == 0 && i < json_array_size(match); i++)
		r = want(m, json_array_get(match, i), i, err);
	return r;
}

/* ---- the name */

/* Appends "-TEXT", of letters, digits, dots and dashes. */
static void name_add(struct maker *m, const char *text)
{
	size_t len = strlen(m->name);

	if (!*text || len + 2 > NAME_MAX_LEN)
		return;
	m->name[len++] = '-';
	for (; *text && len < NAME_MAX_LEN; text++) {
		unsigned char c = (unsigned char)*text;

		if (isalnum(c) || c == '.' || c == '_')
			m->name[len++] = (char)tolower(c);
		else if (m->name[len - 1] != '-')
			m->name[len++] = '-';
	}
	while (len && m->name[len - 1] == '-')
		len--;
	m->name[len] = '\0';
}

static void make_name(struct maker *m, enum action action)
{
	const char *path = m->v.of[FIELD_PATH], *base = path ? strrchr(path, '/') : NULL;

	snprintf(m->name, sizeof(m->name), "%s", action_str(action));
	if (m->wanted[FIELD_PATH] || m->wanted[FIELD_COMMAND])
		name_add(m, base ? base + 1 : path && *path ? path : "unknown");
	if (m->wanted[FIELD_UID]) {
		name_add(m, "user");
		name_add(m, m->v.uid);
	}
	if (m->wanted[FIELD_HOST])
		name_add(m, m->v.host);
	if (m->wanted[FIELD_IP])
		name_add(m, m->v.ip);
	if (m->wanted[FIELD_PORT])
		name_add(m, m->v.port);
	if (m->wanted[FIELD_PROTOCOL] && !m->wanted[FIELD_PORT])
		name_add(m, m->v.protocol);
}

static void make_unique(struct maker *m, const struct rule_book *b)
{
	size_t len = strlen(m->name);

	for (unsigned n = 2; rule_book_find(b, m->name); n++)
		snprintf(m->name + len, sizeof(m->name) - len, "-%u", n);
}

/* ---- the document */

static json_t *operator_of(enum field f, const char *data)
{
	return json_pack("{s:s, s:s, s:b, s:s, s:[]}", "type", "simple", "operand",
		fields[f].operand, "sensitive", fields[f].sensitive, "data", data, "list");
}

static json_t *make_operator(const struct maker *m)
{
	json_t *list = json_array(), *one;

	for (int f = 0; list && f < FIELD_COUNT_; f++) {
		if (m->wanted[f] &&
			json_array_append_new(list, operator_of((enum field)f, m->v.of[f])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	if (json_array_size(list) != 1)
		return json_pack("{s:s, s:s, s:b, s:s, s:o}", "type", "list", "operand", "list",
			"sensitive", 0, "data", "", "list", list);
	one = json_incref(json_array_get(list, 0));
	json_decref(list);
	return one;
}

/* In the order of OpenSnitch's own files; the book sets the times. */
static json_t *make_document(const struct maker *m, const struct rule_answer *a)
{
	return json_pack("{s:n, s:n, s:s, s:s, s:b, s:b, s:b, s:s, s:s, s:o}", "created", "updated",
		"name", m->name, "description", "Made from the answer to a prompt.", "enabled", 1,
		"precedence", 0, "nolog", 0, "action", action_str(a->action), "duration",
		rule_duration_str(a->duration), "operator", make_operator(m));
}

static int make(struct rule_book *b, struct maker *m, const struct rule_answer *a,
	const struct rule_entry **ret, struct error *err)
{
	const struct file_identity *exe = &a->connection->process.exe;
	struct rule_doc *doc = NULL;
	json_t *json;
	int r;

	connection_record_from_ipc(&m->record, a->connection, 0);
	read_values(&m->v, &m->record);
	r = want_match(m, a->match, err);
	if (r < 0 || a->duration == DURATION_ONCE)
		return r;
	make_name(m, a->action);
	make_unique(m, b);
	json = make_document(m, a);
	if (!json)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	r = rule_doc_new(json, rule_book_aliases(b), NULL, RULE_DOC_STRICT, &doc, err);
	json_decref(json);
	if (r < 0)
		return r;
	return rule_book_create_for(
		b, doc, RULE_FROM_PROMPT, RULE_SEND_LATER, exe->inode ? exe : NULL, ret, err);
}

int rule_book_from_answer(struct rule_book *b, const struct rule_answer *answer,
	const struct rule_entry **ret, struct error *err)
{
	/* Tens of kilobytes: not for the stack. */
	struct maker *m = calloc(1, sizeof(*m));
	int r;

	*ret = NULL;
	if (!m)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	r = make(b, m, answer, ret, err);
	free(m);
	return r;
}
