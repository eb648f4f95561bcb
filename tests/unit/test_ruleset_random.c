/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random rules and connections against a naive oracle: values as text, one operator after the other, POSIX regular expressions,
 * networks bit by bit. It shares no code with lib/rule*.c.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <regex.h>
#include <stdio.h>
#include <strings.h>

#include "lib/cleanup.h"
#include "tests/unit/random_kit.h"
#include "tests/unit/ruleset_kit.h"

/* ---- what things are made of: few values, so that they meet */

static const char *const paths[] = { "/usr/bin/curl", "/usr/bin/Curl", "/bin/sh", "" };
static const char *const hosts[] = { "example.com", "www.example.com", "example.org", "" };
static const char *const addrs[] = { "10.0.0.1", "10.0.1.1", "10.0.2.1", "192.0.2.1", "2001:db8::1",
	"2001:db8:1::1", "2001:db8:2::1", "::1" };
static const char *const nets[] = { "10.0.0.0/8", "10.0.0.0/23", "10.0.0.0/24", "192.0.2.1",
	"0.0.0.0/0", "::/0", "2001:db8::/33", "2001:db8::/47" };
static const char *const ports[] = { "53", "80", "443" };
static const char *const uids[] = { "0", "1000" };
static const char *const protos[] = { "tcp", "udp", "tcp6", "UDP6" };
static const char *const ranges[] = { "1-80", "80-443", "443-1000", "54 - 79" };
static const char *const patterns[] = { "", "e", "^/usr", "com$", "^$", "[0-9]+", "(www|sh)", "UDP",
	"^(0|1000|80)$", "db8::", "^10\\.0\\.[01]\\." };

#define PICK(r, list) list[random_below(r, array_len(list))]

struct model_op {
	enum operator_type type;
	bool sensitive;
	const char *operand, *data;
	unsigned first, n; /* of a list: in model_rule.ops */
};

struct model_rule {
	char name[16];
	enum action action;
	bool precedence;
	uint64_t expires;
	unsigned n_ops;
	struct model_op ops[32]; /* the first is the root */
};

static const struct choice {
	const char *operand;
	const char *const *values;
	size_t n;
	char kind; /* t text, n number, a address, w network */
} choices[] = {
	{ "process.path", paths, array_len(paths), 't' },
	{ "process.parent.path", paths, array_len(paths), 't' },
	{ "process.env.SHELL", paths, array_len(paths), 't' },
	{ "dest.host", hosts, array_len(hosts), 't' },
	{ "protocol", protos, array_len(protos), 't' },
	{ "user.id", uids, array_len(uids), 'n' },
	{ "dest.port", ports, array_len(ports), 'n' },
	{ "source.port", ports, array_len(ports), 'n' },
	{ "dest.ip", addrs, array_len(addrs), 'a' },
	{ "source.ip", addrs, array_len(addrs), 'a' },
	{ "dest.network", nets, array_len(nets), 'w' },
	{ "source.network", nets, array_len(nets), 'w' },
	{ "true", paths, array_len(paths), 't' },
};

static void random_leaf(struct random_state *r, struct model_op *op)
{
	const struct choice *c = &PICK(r, choices);

	op->type = OPERATOR_SIMPLE;
	op->operand = c->operand;
	op->sensitive = random_below(r, 2);
	op->data = c->values[random_below(r, (unsigned)c->n)];
	if (c->kind == 'w' || (c->kind == 'a' && random_below(r, 3) == 0)) {
		op->type = OPERATOR_NETWORK;
		op->data = PICK(r, nets);
	} else if (c->kind == 'n' && random_below(r, 3) == 0) {
		op->type = OPERATOR_RANGE;
		op->data = PICK(r, ranges);
	} else if (random_below(r, 3) == 0) {
		op->type = OPERATOR_REGEXP;
		op->data = PICK(r, patterns);
	}
}

static void random_op(struct random_state *r, struct model_rule *rule, unsigned at, unsigned depth)
{
	struct model_op *op = &rule->ops[at];

	if (depth >= 3 || random_below(r, 3) != 0) {
		random_leaf(r, op);
		return;
	}
	op->type = OPERATOR_LIST;
	op->n = 1 + random_below(r, 3);
	if (rule->n_ops + op->n > array_len(rule->ops)) {
		random_leaf(r, op);
		return;
	}
	op->first = rule->n_ops;
	rule->n_ops += op->n;
	for (unsigned i = 0; i < op->n; i++)
		random_op(r, rule, op->first + i, depth + 1);
}

static void random_rule(struct random_state *r, struct model_rule *rule, unsigned number)
{
	memset(rule, 0, sizeof(*rule));
	snprintf(rule->name, sizeof(rule->name), "%c%u", 'a' + (char)random_below(r, 26), number);
	rule->action = random_below(r, 3) ? ACTION_ALLOW : (enum action)random_below(r, 3);
	rule->precedence = random_below(r, 5) == 0;
	rule->expires = random_below(r, 4) ? 0 : 90 + random_below(r, 20);
	rule->n_ops = 1;
	random_op(r, rule, 0, 0);
}

static void build_op(
	struct rulewire_builder *b, const struct model_rule *rule, unsigned i, uint32_t at)
{
	const struct model_op *op = &rule->ops[i];
	uint32_t first;

	if (op->type != OPERATOR_LIST) {
		kit_op(b, at, op->type, op->operand, op->sensitive, op->data);
		return;
	}
	first = rulewire_build_list(b, at, op->n);
	for (unsigned k = 0; k < op->n; k++)
		build_op(b, rule, op->first + k, first + k);
}

/* ---- connections, as texts and as a subject */

struct model_subject {
	const char *path, *host, *proto, *src, *dst, *sport, *dport;
	const char *uid; /* "" = not known */
	const char *parents[2];
	unsigned n_parents;
};

static void random_subject(struct random_state *r, struct model_subject *m)
{
	m->path = PICK(r, paths);
	m->host = PICK(r, hosts);
	m->src = PICK(r, addrs);
	m->dst = PICK(r, addrs);
	m->sport = PICK(r, ports);
	m->dport = PICK(r, ports);
	m->uid = random_below(r, 3) ? PICK(r, uids) : "";
	m->proto = random_below(r, 2) ? "tcp" : "udp";
	if (strchr(m->dst, ':'))
		m->proto = m->proto[0] == 't' ? "tcp6" : "udp6";
	m->n_parents = random_below(r, 3);
	for (unsigned i = 0; i < m->n_parents; i++)
		m->parents[i] = PICK(r, paths);
}

static struct text shell_of(void *ctx, struct text name)
{
	(void)name;
	return kit_text(((const struct model_subject *)ctx)->path);
}

static void to_subject(const struct model_subject *m, struct subject *s)
{
	memset(s, 0, sizeof(*s));
	s->path = kit_text(m->path);
	s->host = kit_text(m->host);
	s->uid = m->uid[0] ? (uint32_t)strtoul(m->uid, NULL, 10) : UINT32_MAX;
	s->flow.proto = m->proto[0] == 't' ? IPPROTO_TCP : IPPROTO_UDP;
	ip_addr_parse(m->src, &s->flow.src);
	ip_addr_parse(m->dst, &s->flow.dst);
	s->flow.src_port = (uint16_t)strtoul(m->sport, NULL, 10);
	s->flow.dst_port = (uint16_t)strtoul(m->dport, NULL, 10);
	s->n_parents = m->n_parents;
	for (unsigned i = 0; i < m->n_parents; i++)
		s->parents[i] = kit_text(m->parents[i]);
	s->env = shell_of;
	s->env_ctx = (void *)(uintptr_t)m;
}

/* ---- the oracle */

static const char *oracle_value(const struct model_subject *m, const char *operand)
{
	if (strcmp(operand, "process.path") == 0 || strcmp(operand, "process.env.SHELL") == 0)
		return m->path;
	if (strcmp(operand, "dest.host") == 0)
		return m->host;
	if (strcmp(operand, "protocol") == 0)
		return m->proto;
	if (strcmp(operand, "user.id") == 0)
		return m->uid;
	if (strcmp(operand, "dest.port") == 0)
		return m->dport;
	if (strcmp(operand, "source.port") == 0)
		return m->sport;
	return strncmp(operand, "dest", 4) == 0 ? m->dst : m->src;
}

static bool oracle_regexp(const char *pattern, bool sensitive, const char *value)
{
	regex_t re;
	bool found;

	/* "" is an empty pattern to PCRE2 and an error to POSIX. */
	if (!pattern[0])
		return true;
	assert_int_equal(
		regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB | (sensitive ? 0 : REG_ICASE)), 0);
	found = regexec(&re, value, 0, NULL, 0) == 0;
	regfree(&re);
	return found;
}

static bool oracle_network(const char *net, const char *value)
{
	char base[64];
	unsigned char a[16], b[16];
	int family = strchr(value, ':') ? AF_INET6 : AF_INET, bits = family == AF_INET ? 32 : 128;
	char *slash;

	snprintf(base, sizeof(base), "%s", net);
	slash = strchr(base, '/');
	if (slash) {
		*slash = '\0';
		bits = (int)strtol(slash + 1, NULL, 10);
	}
	if (inet_pton(family, base, a) != 1 || inet_pton(family, value, b) != 1)
		return false;
	for (int i = 0; i < bits; i++)
		if ((a[i / 8] >> (7 - i % 8) & 1) != (b[i / 8] >> (7 - i % 8) & 1))
			return false;
	return true;
}

static bool oracle_range(const char *range, const char *value)
{
	unsigned long min, max, v = strtoul(value, NULL, 10);

	assert_int_equal(sscanf(range, "%lu - %lu", &min, &max), 2);
	return value[0] && v >= min && v <= max;
}

static bool oracle_compare(const struct model_op *op, const char *value)
{
	if (op->type == OPERATOR_REGEXP)
		return oracle_regexp(op->data, op->sensitive, value);
	if (op->type == OPERATOR_NETWORK)
		return oracle_network(op->data, value);
	if (op->type == OPERATOR_RANGE)
		return oracle_range(op->data, value);
	return op->sensitive ? strcmp(op->data, value) == 0 : strcasecmp(op->data, value) == 0;
}

static bool oracle_op(
	const struct model_rule *rule, const struct model_op *op, const struct model_subject *m)
{
	if (op->type == OPERATOR_LIST) {
		for (unsigned i = 0; i < op->n; i++)
			if (!oracle_op(rule, &rule->ops[op->first + i], m))
				return false;
		return true;
	}
	if (strcmp(op->operand, "true") == 0)
		return true;
	if (strcmp(op->operand, "process.parent.path") == 0) {
		for (unsigned i = 0; i < m->n_parents; i++)
			if (oracle_compare(op, m->parents[i]))
				return true;
		return false;
	}
	return oracle_compare(op, oracle_value(m, op->operand));
}

/* The rule that decides: looks for the smallest name not yet looked at, again and again. */
static const struct model_rule *oracle_decide(
	const struct model_rule *rules, unsigned n, const struct model_subject *m, uint64_t now)
{
	const struct model_rule *last = NULL, *found = NULL;

	for (unsigned step = 0; step < n; step++) {
		const struct model_rule *next = NULL;

		for (unsigned i = 0; i < n; i++)
			if ((!last || strcmp(rules[i].name, last->name) > 0) &&
				(!next || strcmp(rules[i].name, next->name) < 0))
				next = &rules[i];
		if (!next)
			break;
		last = next;
		if ((next->expires && next->expires <= now) || !oracle_op(next, &next->ops[0], m))
			continue;
		found = next;
		if (next->precedence || next->action != ACTION_ALLOW)
			return found;
	}
	return found;
}

static void test_random(void **state)
{
	enum { ROUNDS = 400, RULES = 25, SUBJECTS = 60 };
	static struct model_rule rules[RULES];
	struct random_state r = { 2024 };
	unsigned decided = 0;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct rulewire_builder *b = rulewire_builder_new();
		unsigned n = 1 + random_below(&r, RULES - 1);
		struct ruleset *rs = NULL;

		for (unsigned i = 0; i < n; i++) {
			random_rule(&r, &rules[i], i);
			build_op(b, &rules[i], 0,
				rulewire_build_rule(b, kit_text(rules[i].name), rules[i].action,
					rules[i].precedence, false, rules[i].expires));
		}
		assert_int_equal(kit_load(b, &rs, NULL), 0);
		for (unsigned k = 0; k < SUBJECTS; k++) {
			const struct model_rule *want;
			struct model_subject m = { 0 };
			struct ruleset_match got;
			struct subject s;
			uint64_t now = 85 + random_below(&r, 30);
			enum action outcome;

			random_subject(&r, &m);
			to_subject(&m, &s);
			want = oracle_decide(rules, n, &m, now);
			assert_int_equal(ruleset_decide(rs, &s, now, &got), want != NULL);
			/* Whatever becomes of it by its host could be told without. */
			outcome = want ? want->action : ACTION_COUNT_;
			s.host = (struct text) { NULL, 0 };
			assert_true(ruleset_outcomes(rs, &s, now) & 1u << outcome);
			if (!want)
				continue;
			assert_int_equal(got.rule.len, strlen(want->name));
			assert_memory_equal(got.rule.s, want->name, got.rule.len);
			assert_int_equal(got.action, want->action);
			decided++;
		}
		ruleset_free(rs);
	}
	/* Neither always nor never. */
	assert_in_range(decided, ROUNDS * SUBJECTS / 4, ROUNDS * SUBJECTS - 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
