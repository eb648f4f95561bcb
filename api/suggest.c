/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From targets to rules. */
#include "config.h"

#include "api/suggest.h"

#include <ctype.h>
#include <libpsl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/flow.h"
#include "lib/limits.h"

#define ENOUGH 3 /* of one kind, to be named together */
#define PORTS_MAX 5 /* more are not named one by one */
#define COVERS_MAX 20 /* told of one suggestion */

struct target {
	char *host; /* owned; NULL: none */
	const char *domain; /* registrable, inside `host`; NULL: none */
	struct ip_net net; /* around the address */
	struct ip_addr ip;
	uint8_t proto;
	uint16_t port;
	bool allowed;
	uint64_t count;
	bool is_covered;
};

struct suggest {
	char *path;
	struct target *targets;
	size_t n;
};

/* What a group of targets has in common. */
enum scope { SCOPE_DOMAIN, SCOPE_HOST, SCOPE_NET, SCOPE_IP };

struct suggest *suggest_new(const char *path)
{
	struct suggest *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->path = strdup(path);
	s->targets = calloc(LIMIT_SUGGEST_TARGETS, sizeof(*s->targets));
	if (!s->path || !s->targets) {
		suggest_free(s);
		return NULL;
	}
	return s;
}

void suggest_free(struct suggest *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->targets[i].host);
	free(s->targets);
	free(s->path);
	free(s);
}

static struct ip_net net_around(const struct ip_addr *a)
{
	char ip[IP_ADDR_TEXT_LEN], text[IP_ADDR_TEXT_LEN + 4];
	struct ip_net net = { 0 };

	snprintf(text, sizeof(text), "%s/%d", ip_addr_format(a, ip), a->family == 6 ? 64 : 24);
	(void)ip_net_parse(text, &net);
	return net;
}

bool suggest_add(struct suggest *s, const struct suggest_target *from)
{
	struct target *t = &s->targets[s->n];

	if (s->n == LIMIT_SUGGEST_TARGETS)
		return false;
	*t = (struct target) {
		.ip = from->ip,
		.net = net_around(&from->ip),
		.proto = from->proto,
		.port = from->port,
		.allowed = from->allowed,
		.count = from->count,
	};
	if (from->host.len) {
		t->host = strndup(from->host.s, from->host.len);
		if (!t->host)
			return false;
		t->domain = psl_registrable_domain(psl_builtin(), t->host);
	}
	s->n++;
	return true;
}

/* ---- groups */

static bool is_same_net(const struct target *a, const struct target *b)
{
	return a->net.prefix_len == b->net.prefix_len && ip_addr_equal(&a->net.addr, &b->net.addr);
}

/* Whether `t` belongs to what `lead` stands for. */
static bool is_within(enum scope scope, const struct target *lead, const struct target *t)
{
	switch (scope) {
	case SCOPE_DOMAIN:
		return lead->domain && t->domain && strcmp(lead->domain, t->domain) == 0;
	case SCOPE_HOST:
		return lead->host && t->host && strcmp(lead->host, t->host) == 0;
	case SCOPE_NET:
		return !lead->host && is_same_net(lead, t);
	case SCOPE_IP:
		return !lead->host && ip_addr_equal(&lead->ip, &t->ip);
	}
	return false;
}

/* Whether two targets count as one for being enough. */
static bool is_alike(enum scope scope, const struct target *a, const struct target *b)
{
	return scope == SCOPE_DOMAIN ? strcmp(a->host, b->host) == 0
				     : ip_addr_equal(&a->ip, &b->ip);
}

static bool is_first_of_its_kind(
	const struct suggest *s, enum scope scope, const struct target *lead, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (s->targets[k].allowed && !s->targets[k].is_covered &&
			is_within(scope, lead, &s->targets[k]) &&
			is_alike(scope, &s->targets[k], &s->targets[i]))
			return false;
	return true;
}

/* Whether a wide scope is worth it, and nothing that was denied lies in it. */
static bool is_worth(const struct suggest *s, enum scope scope, const struct target *lead)
{
	unsigned kinds = 0;

	if (scope == SCOPE_HOST || scope == SCOPE_IP)
		return true;
	for (size_t i = 0; i < s->n; i++) {
		const struct target *t = &s->targets[i];

		if (!is_within(scope, lead, t))
			continue;
		if (!t->allowed)
			return false;
		/* What has a rule by its name needs none by its address. */
		kinds += !t->is_covered && is_first_of_its_kind(s, scope, lead, i);
	}
	return kinds >= ENOUGH;
}

/* ---- a rule */

static json_t *op(const char *type, const char *operand, bool sensitive, const char *data)
{
	return json_pack("{s:s, s:s, s:b, s:s}", "type", type, "operand", operand, "sensitive",
		sensitive, "data", data);
}

static json_t *domain_op(const char *domain)
{
	char data[2 * LIMIT_HOST + 16];
	size_t n = (size_t)snprintf(data, sizeof(data), "(^|\\.)");

	for (const char *p = domain; *p; p++) {
		if (ispunct((unsigned char)*p) && !strchr("-_", *p))
			data[n++] = '\\';
		data[n++] = *p;
	}
	data[n++] = '$';
	data[n] = '\0';
	return op("regexp", "dest.host", false, data);
}

static json_t *place_op(enum scope scope, const struct target *lead)
{
	char ip[IP_ADDR_TEXT_LEN], net[IP_ADDR_TEXT_LEN + 4];

	switch (scope) {
	case SCOPE_DOMAIN:
		return domain_op(lead->domain);
	case SCOPE_HOST:
		return op("simple", "dest.host", false, lead->host);
	case SCOPE_NET:
		snprintf(net, sizeof(net), "%s/%u", ip_addr_format(&lead->net.addr, ip),
			lead->net.prefix_len);
		return op("network", "dest.network", false, net);
	case SCOPE_IP:
		return op("simple", "dest.ip", false, ip_addr_format(&lead->ip, ip));
	}
	return NULL;
}

static bool has_port(const struct target *t)
{
	return t->proto != IPPROTO_ICMP && t->proto != IPPROTO_ICMPV6;
}

struct ports {
	uint16_t items[PORTS_MAX];
	unsigned n;
	bool too_many; /* or something without a port */
};

static void note_port(struct ports *p, const struct target *t)
{
	unsigned i = 0;

	while (i < p->n && p->items[i] < t->port)
		i++;
	if (!has_port(t)) {
		p->too_many = true;
	} else if (i == p->n || p->items[i] != t->port) {
		if (p->n == PORTS_MAX) {
			p->too_many = true;
			return;
		}
		memmove(p->items + i + 1, p->items + i, (p->n - i) * sizeof(p->items[0]));
		p->items[i] = t->port;
		p->n++;
	}
}

/* NULL where the ports narrow nothing. */
static json_t *port_op(const struct ports *p)
{
	char data[PORTS_MAX * 6 + 8];
	size_t n;

	if (p->too_many || !p->n)
		return NULL;
	if (p->n == 1) {
		snprintf(data, sizeof(data), "%u", p->items[0]);
		return op("simple", "dest.port", false, data);
	}
	n = (size_t)snprintf(data, sizeof(data), "^(");
	for (unsigned i = 0; i < p->n; i++)
		n += (size_t)snprintf(
			data + n, sizeof(data) - n, "%s%u", i ? "|" : "", p->items[i]);
	snprintf(data + n, sizeof(data) - n, ")$");
	return op("regexp", "dest.port", false, data);
}

/* "allow-PROGRAM-PLACE" in letters, digits, dots and dashes. */
static void make_name(const struct suggest *s, enum scope scope, const struct target *lead,
	char name[static LIMIT_RULE_NAME + 1])
{
	const char *base = strrchr(s->path, '/');
	char ip[IP_ADDR_TEXT_LEN];
	size_t n = (size_t)snprintf(name, LIMIT_RULE_NAME - 8, "allow-%.60s-%.110s%s",
		base ? base + 1 : s->path,
		scope == SCOPE_DOMAIN ? lead->domain
		: scope == SCOPE_HOST
			? lead->host
			: ip_addr_format(scope == SCOPE_NET ? &lead->net.addr : &lead->ip, ip),
		scope == SCOPE_NET ? "-net" : "");

	for (size_t i = 0; i < n && name[i]; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
			name[i] = '-';
}

static json_t *rule_json(const struct suggest *s, enum scope scope, const struct target *lead,
	const struct ports *ports)
{
	char name[LIMIT_RULE_NAME + 1];
	json_t *list = json_array(), *port = port_op(ports);

	json_array_append_new(list, op("simple", "process.path", true, s->path));
	json_array_append_new(list, place_op(scope, lead));
	if (port)
		json_array_append_new(list, port);
	make_name(s, scope, lead, name);
	return json_pack("{s:s, s:s, s:b, s:b, s:b, s:s, s:s, s:{s:s, s:s, s:b, s:s, s:o}}", "name",
		name, "description", "Suggested from what was allowed.", "enabled", 1, "precedence",
		0, "nolog", 0, "action", "allow", "duration", "always", "operator", "type", "list",
		"operand", "list", "sensitive", 0, "data", "", "list", list);
}

static json_t *cover_json(const struct target *t)
{
	struct flow f;
	char ip[IP_ADDR_TEXT_LEN], proto[8];

	flow_init(&f);
	f.proto = t->proto;
	f.dst = t->ip;
	return json_pack("{s:s?, s:s, s:o, s:s, s:I}", "host", t->host, "ip",
		ip_addr_format(&t->ip, ip), "port",
		has_port(t) ? json_integer(t->port) : json_null(), "protocol",
		flow_proto_str(&f, proto), "count", (json_int_t)t->count);
}

/* The suggestion that `lead` begins, with all that it covers marked so. */
static json_t *suggestion(struct suggest *s, enum scope scope, const struct target *lead)
{
	struct ports ports = { .n = 0 };
	json_t *covers = json_array(), *rule;
	uint64_t count = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct target *t = &s->targets[i];

		if (t->is_covered || !t->allowed || !is_within(scope, lead, t))
			continue;
		t->is_covered = true;
		count += t->count;
		note_port(&ports, t);
		if (json_array_size(covers) < COVERS_MAX)
			json_array_append_new(covers, cover_json(t));
	}
	rule = rule_json(s, scope, lead, &ports);
	return json_pack("{s:o, s:I, s:o}", "rule", rule, "connections", (json_int_t)count,
		"covers", covers);
}

static int most_used_first(const void *a, const void *b)
{
	json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "connections"));
	json_int_t y = json_integer_value(json_object_get(*(json_t *const *)b, "connections"));

	return (x < y) - (x > y);
}

json_t *suggest_rules(struct suggest *s)
{
	static const enum scope widest_first[] = { SCOPE_DOMAIN, SCOPE_HOST, SCOPE_NET, SCOPE_IP };
	json_t *list = json_array();
	_cleanup_free_ json_t **order = calloc(s->n + 1, sizeof(json_t *));
	size_t n = 0;

	for (size_t k = 0; order && k < array_len(widest_first); k++)
		for (size_t i = 0; i < s->n; i++) {
			struct target *t = &s->targets[i];

			if (!t->is_covered && t->allowed && is_within(widest_first[k], t, t) &&
				is_worth(s, widest_first[k], t))
				order[n++] = suggestion(s, widest_first[k], t);
		}
	if (order)
		qsort(order, n, sizeof(json_t *), most_used_first);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, order[i]);
	return list;
}
