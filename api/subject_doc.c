/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections described in JSON, or recorded, as subjects of rules. */
#include "config.h"

#include "api/subject_doc.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/history.h"

struct reader {
	const char *place; /* what the fields' names stand under; "" for none */
	struct error *err;
	int result;
};

static void wrong(struct reader *r, const char *parent, const char *field, const char *what)
{
	char place[128];

	if (r->result < 0)
		return;
	snprintf(place, sizeof(place), "%s%s%s%s%s", r->place, *r->place ? "." : "", parent,
		*parent ? "." : "", field);
	r->result = error_set(r->err, ERR_INVALID, place, "%s", what);
}

/* A member that is there and not null; NULL otherwise. */
static const json_t *member(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);

	return json_is_null(v) ? NULL : v;
}

static const json_t *object_member(struct reader *r, const json_t *object, const char *name)
{
	const json_t *v = member(object, name);

	if (v && !json_is_object(v)) {
		wrong(r, "", name, "must be an object");
		return NULL;
	}
	return v;
}

static struct text text_member(
	struct reader *r, const json_t *object, const char *parent, const char *name)
{
	const json_t *v = member(object, name);

	if (v && !json_is_string(v))
		wrong(r, parent, name, "must be a text");
	return (struct text) { json_string_value(v), json_string_length(v) };
}

static bool number_member(struct reader *r, const json_t *object, const char *parent,
	const char *name, json_int_t max, json_int_t *ret)
{
	const json_t *v = member(object, name);
	char what[64];

	if (!v)
		return false;
	*ret = json_integer_value(v);
	if (json_is_integer(v) && *ret >= 0 && *ret <= max)
		return true;
	snprintf(what, sizeof(what), "must be a number from 0 to %lld", (long long)max);
	wrong(r, parent, name, what);
	return false;
}

/* ---- where from, where to */

static const struct {
	const char *name;
	uint8_t proto, proto6;
} protocols[] = {
	{ "tcp", IPPROTO_TCP, IPPROTO_TCP },
	{ "udp", IPPROTO_UDP, IPPROTO_UDP },
	{ "udplite", IPPROTO_UDPLITE, IPPROTO_UDPLITE },
	{ "sctp", IPPROTO_SCTP, IPPROTO_SCTP },
	{ "icmp", IPPROTO_ICMP, IPPROTO_ICMPV6 },
};

static void read_protocol(struct reader *r, const json_t *json, struct flow *f)
{
	struct text t = text_member(r, json, "", "protocol");
	size_t len = t.len;
	bool six = len && t.s[len - 1] == '6' && (t.s[0] < '0' || t.s[0] > '9');
	unsigned number;
	char rest;

	if (!t.s)
		return;
	len -= six;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (strlen(protocols[i].name) != len || memcmp(protocols[i].name, t.s, len) != 0)
			continue;
		if (f->dst.family && six != (f->dst.family == 6)) {
			wrong(r, "", "protocol", "is not of the family of dest.ip");
			return;
		}
		/* The family is part of the name, also where no address is told. */
		if (!f->dst.family)
			f->dst.family = six ? 6 : 4;
		f->proto = six ? protocols[i].proto6 : protocols[i].proto;
		return;
	}
	if (sscanf(t.s, "%3u%c", &number, &rest) == 1 && number <= 255)
		f->proto = (uint8_t)number;
	else
		wrong(r, "", "protocol",
			"must be tcp, udp, udplite, sctp, icmp (over IPv6 with a 6 behind) or a "
			"number");
}

static void read_end(struct reader *r, const json_t *json, const char *name, struct ip_addr *addr,
	uint16_t *port)
{
	const json_t *end = object_member(r, json, name);
	struct text ip = text_member(r, end, name, "ip");
	json_int_t number;

	if (ip.s && ip_addr_parse(ip.s, addr) < 0)
		wrong(r, name, "ip", "must be an IPv4 or IPv6 address");
	if (number_member(r, end, name, "port", 65535, &number))
		*port = (uint16_t)number;
}

/* Lower case, without the dot at the end: as names are learnt. */
static void set_host(struct subject_doc *d, struct text host)
{
	if (host.len && host.s[host.len - 1] == '.')
		host.len--;
	for (size_t i = 0; i < host.len; i++)
		d->host[i] =
			(char)(host.s[i] >= 'A' && host.s[i] <= 'Z' ? host.s[i] | 0x20 : host.s[i]);
	d->subject.host = (struct text) { host.len ? d->host : NULL, host.len };
}

static void read_host(struct reader *r, const json_t *json, struct subject_doc *d)
{
	struct text host = text_member(r, object_member(r, json, "dest"), "dest", "host");

	if (host.len > LIMIT_HOST)
		wrong(r, "dest", "host", "is longer than a host name can be");
	else
		set_host(d, host);
}

/* ---- who */

static struct text described_env(void *ctx, struct text name)
{
	const struct subject_doc *d = ctx;
	const json_t *v = json_object_getn(json_object_get(d->process, "env"), name.s, name.len);

	return (struct text) { json_string_value(v), json_string_length(v) };
}

static struct text described_digest(void *ctx, enum digest which)
{
	static const char *const names[DIGEST_COUNT_] = {
		[DIGEST_MD5] = "md5",
		[DIGEST_SHA1] = "sha1",
		[DIGEST_SHA256] = "sha256",
	};
	const struct subject_doc *d = ctx;
	const json_t *v = json_object_get(json_object_get(d->process, "hash"), names[which]);

	return (struct text) { json_string_value(v), json_string_length(v) };
}

static void check_texts(struct reader *r, const json_t *process, const char *name)
{
	json_t *map = json_object_get(process, name), *v;
	const char *key;

	if (!map || json_is_null(map))
		return;
	if (!json_is_object(map)) {
		wrong(r, "process", name, "must be an object");
		return;
	}
	json_object_foreach (map, key, v)
		if (!json_is_string(v))
			wrong(r, "process", name, "must hold texts");
}

static void read_parents(struct reader *r, const json_t *process, struct subject *s)
{
	const json_t *list = member(process, "parents");

	if (list && !json_is_array(list))
		wrong(r, "process", "parents", "must be a list");
	for (size_t i = 0; i < json_array_size(list) && s->n_parents < LIMIT_PARENTS; i++) {
		char name[40];

		snprintf(name, sizeof(name), "process.parents[%zu]", i);
		s->parents[s->n_parents++] = text_member(r, json_array_get(list, i), name, "path");
	}
}

/* The arguments joined by a space, as process.command is compared. */
static void read_args(struct reader *r, const json_t *process, struct subject_doc *d)
{
	const json_t *list = member(process, "args");
	size_t len = 0;

	if (list && !json_is_array(list))
		wrong(r, "process", "args", "must be a list of texts");
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!json_is_string(json_array_get(list, i)))
			wrong(r, "process", "args", "must be a list of texts");
		len += json_string_length(json_array_get(list, i)) + 1;
	}
	if (r->result < 0 || !len)
		return;
	d->command = malloc(len + 1);
	if (!d->command) {
		r->result = error_set(r->err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
		return;
	}
	len = 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *arg = json_array_get(list, i);

		if (i)
			d->command[len++] = ' ';
		memcpy(d->command + len, json_string_value(arg), json_string_length(arg));
		len += json_string_length(arg);
	}
	d->command[len] = '\0';
	d->subject.command = (struct text) { d->command, len };
}

static void read_process(struct reader *r, const json_t *json, struct subject_doc *d)
{
	const json_t *process = object_member(r, json, "process");
	struct subject *s = &d->subject;
	json_int_t number;

	if (!process)
		return;
	d->process = process;
	s->has_process = true;
	s->pid = -1;
	if (number_member(r, process, "process", "pid", INT32_MAX, &number))
		s->pid = (int32_t)number;
	if (number_member(r, process, "process", "uid", UINT32_MAX - 1, &number))
		s->uid = (uint32_t)number;
	s->path = text_member(r, process, "process", "path");
	s->user = text_member(r, process, "process", "user");
	read_args(r, process, d);
	read_parents(r, process, s);
	check_texts(r, process, "env");
	check_texts(r, process, "hash");
	s->env = described_env;
	s->env_ctx = d;
	s->digest = described_digest;
	s->digest_ctx = d;
}

static void init(struct subject_doc *d)
{
	memset(d, 0, sizeof(*d));
	flow_init(&d->subject.flow);
	d->subject.uid = UINT32_MAX;
}

int subject_doc_read(
	const json_t *json, const char *place, struct subject_doc *ret, struct error *err)
{
	struct reader r = { place, err, 0 };
	struct flow *f = &ret->subject.flow;
	const json_t *iface;

	init(ret);
	if (!json_is_object(json))
		return error_set(err, ERR_INVALID, place, "a connection is an object");
	read_end(&r, json, "source", &f->src, &f->src_port);
	read_end(&r, json, "dest", &f->dst, &f->dst_port);
	read_protocol(&r, json, f);
	read_host(&r, json, ret);
	iface = object_member(&r, json, "iface");
	ret->subject.iface_in = text_member(&r, iface, "iface", "in");
	ret->subject.iface_out = text_member(&r, iface, "iface", "out");
	read_process(&r, json, ret);
	return r.result;
}

int subject_doc_from_record(const struct connection_record *record, struct subject_doc *ret)
{
	struct subject *s = &ret->subject;

	init(ret);
	s->flow = record->flow;
	s->has_process = record->pid != 0 || record->path.len;
	s->pid = record->pid;
	s->uid = record->uid;
	s->path = record->path;
	s->host = record->host;
	s->user = record->user;
	s->iface_in = record->iface_in;
	s->iface_out = record->iface_out;
	s->n_parents = record->n_parents;
	for (unsigned i = 0; i < record->n_parents; i++)
		s->parents[i] = record->parents[i].path;
	if (!record->args.len)
		return 0;
	ret->command = malloc(record->args.len);
	if (!ret->command)
		return ERR_NOMEM;
	memcpy(ret->command, record->args.s, record->args.len);
	for (size_t i = 0; i < record->args.len; i++)
		if (ret->command[i] == CONNECTION_ARGS_SEPARATOR)
			ret->command[i] = ' ';
	s->command = (struct text) { ret->command, record->args.len };
	return 0;
}

void subject_doc_done(struct subject_doc *d)
{
	free(d->command);
	d->command = NULL;
}
