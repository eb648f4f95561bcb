/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The index of a rule set against a walk over all rules, and what it reads off regular expressions. */
#include "config.h"

#include <netinet/in.h>
#include <stdio.h>

#include "lib/cleanup.h"
#include "lib/pattern.h"
#include "lib/pattern_suffix.h"
#include "tests/unit/random_kit.h"
#include "tests/unit/ruleset_kit.h"

#define PICK(r, list) list[random_below(r, array_len(list))]

/* ---- the end of a name, from a pattern */

static const struct {
	const char *pattern, *suffix;
} suffixes[] = {
	{ "(^|\\.)example\\.com$", "example.com" },
	{ "^example\\.com$", "example.com" },
	{ "^(|.*\\.)Example\\.com$", "example.com" },
	{ "^(.*\\.)?example\\.com$", "example.com" },
	{ "^(?:.+\\.)?example\\.com$", "example.com" },
	{ "^([^.]+\\.)*example\\.com$", "example.com" },
	{ ".*\\.example\\.com$", "example.com" },
	{ "\\.example\\.com$", "example.com" },
	{ "^[a-z]+\\.example\\.com$", "example.com" },
	{ "^cdn-\\d+\\.example\\.com$", "example.com" },
	{ "[\\]x.]\\.example\\.com$", "example.com" },
	/* the first label may be the end of a longer one */
	{ "example\\.com$", "com" },
	{ "x*ample\\.com$", "com" },
	{ "(|.*\\.)example\\.com$", "com" },
	{ "(.*\\.)?example\\.com$", "com" },
	{ "(^|\\.)?example\\.com$", "com" },
	{ "^x(|.*\\.)example\\.com$", "com" },
	{ "(^|\\.)x?example\\.com$", "com" },
	/* nothing can be said */
	{ "com$", "" },
	{ "", "" },
	{ "example\\.com", "" },
	{ "example\\.com$|example\\.org$", "" },
	{ "example\\.com\\$", "" },
	{ "(example\\.com$)", "" },
	{ "(?i)\\.example\\.com$", "" },
	{ "(?=x)\\.example\\.com$", "" },
	{ "\\Q.example.com\\E$", "" },
	{ "\\.example\\.co[m]$", "" },
	{ "\\.example\\.com?$", "" },
	{ "\\.example\\.com{1}$", "" },
	{ "\\.example.com$", "" },
	{ "\\.ex\303\244mple\\.com$", "" },
	{ "[[:alpha:]]\\.example\\.com$", "" },
	{ "\\x41\\.example\\.com$", "" },
};

static void test_suffix_of_a_pattern(void **state)
{
	char buf[64];

	(void)state;
	for (size_t i = 0; i < array_len(suffixes); i++) {
		const char *p = suffixes[i].pattern;
		bool is_all;
		size_t n = pattern_suffix(p, strlen(p), buf, sizeof(buf), &is_all);

		if (n != strlen(suffixes[i].suffix) || memcmp(buf, suffixes[i].suffix, n) != 0)
			fail_msg("%s: '%.*s'", p, (int)n, buf);
	}
	assert_int_equal(pattern_suffix("\\.example\\.com$", 15, buf, 8, &(bool) { false }), 0);
}

/* Patterns that say "this name and what lies below it" are told from those that say more. */
static void test_pattern_that_is_a_domain(void **state)
{
	static const char *const domains[] = { "(^|\\.)a\\.b$", "(?:\\.|^)b$", "(^|.*\\.)a-b$",
		"^(|.*\\.)a\\.b$", "^(?:.*\\.)?b$" };
	static const char *const others[] = { "^(^|\\.)a\\.b$", "(|.*\\.)a\\.b$", "(^|.+\\.)b$",
		"^(.+\\.)?b$", "^([^.]+\\.)*b$", "x(^|\\.)b$", "(^|\\.)x*b$", "(^|\\.)?b$",
		"^a\\.b$", "\\.a\\.b$", "(^|\\.)a\\.b", "(^|\\.)(^|\\.)b$", "(^|\\.)[a]\\.b$" };
	char buf[64];
	bool is_all;

	(void)state;
	for (size_t i = 0; i < array_len(domains); i++) {
		pattern_suffix(domains[i], strlen(domains[i]), buf, sizeof(buf), &is_all);
		if (!is_all)
			fail_msg("%s is a domain", domains[i]);
	}
	for (size_t i = 0; i < array_len(others); i++) {
		pattern_suffix(others[i], strlen(others[i]), buf, sizeof(buf), &is_all);
		if (is_all)
			fail_msg("%s is more than a domain", others[i]);
	}
}

static bool is_below(struct text name, const char *suffix, size_t n)
{
	return name.len >= n && strncasecmp(name.s + name.len - n, suffix, n) == 0 &&
	       (name.len == n || name.s[name.len - n - 1] == '.');
}

/* A pattern, and what its text says. */
struct said {
	char text[64], suffix[64];
	size_t n; /* of the suffix */
	bool is_all, is_sensitive;
	struct pattern *p;
};

/* Pieces put together at random; false where they are no pattern. */
static bool random_pattern(struct random_state *r, struct said *ret)
{
	static const char *const pieces[] = { "a", "b", "\\.", ".", "*", "?", "+", "^", "$",
		"(^|\\.)", "(|.*\\.)", "(.*\\.)?", "(a|b)", "[ab]", "[^.]", "|", "\\w", "(?:a)",
		"A", "{1,2}", "\\b" };

	*ret = (struct said) { .is_sensitive = random_below(r, 2) };
	for (unsigned i = 0, k = 1 + random_below(r, 6); i < k; i++)
		strcat(ret->text, PICK(r, pieces));
	strcat(ret->text, "$");
	if (pattern_new(ret->text, strlen(ret->text), ret->is_sensitive, &ret->p, NULL) < 0)
		return false;
	ret->n = pattern_suffix(
		ret->text, strlen(ret->text), ret->suffix, sizeof(ret->suffix), &ret->is_all);
	ret->is_all &= !ret->is_sensitive;
	return true;
}

/* What the pattern matches must end as its text says; where that is said to be all, it matches whatever ends so. */
static bool holds(const struct said *s, struct text name)
{
	bool matches = pattern_match(s->p, name.s, name.len);
	bool below = is_below(name, s->suffix, s->n);

	if (matches ? !below : below && s->is_all)
		fail_msg("%s %s '%.*s', but says '%.*s'", s->text,
			matches ? "matches" : "does not match", (int)name.len, name.s, (int)s->n,
			s->suffix);
	return matches;
}

static void test_suffix_holds(void **state)
{
	static const char letters[] = "ab.AB";
	struct random_state r = { 7 };
	unsigned said = 0, held = 0, whole = 0;
	struct said s;

	(void)state;
	for (unsigned round = 0; round < 60000; round++) {
		if (!random_pattern(&r, &s))
			continue;
		said += s.n > 0;
		whole += s.is_all;
		for (unsigned i = 0; s.n && i < 40; i++) {
			char host[8];
			struct text name = { host, 1 + random_below(&r, sizeof(host)) };

			for (size_t k = 0; k < name.len; k++)
				host[k] = letters[random_below(&r, 5)];
			held += holds(&s, name);
		}
		pattern_free(s.p);
	}
	assert_in_range(said, 400, 60000);
	assert_in_range(held, 1000, UINT32_MAX);
	assert_in_range(whole, 50, 60000);
}

/* ---- the whole index */

static const char *const words[] = { "curl", "Curl", "ssh", "firefox", "git", "apt", "" };
static const char *const domains[] = { "example.com", "example.org", "Example.com", "a.example.com",
	"b.a.example.com", "xexample.com", "com", "", "ex\305\277mple.com" };
static const char *const patterns[] = { "(^|\\.)example\\.com$", "^(|.*\\.)a\\.example\\.com$",
	"example\\.org$", "\\.com$", "^EXAMPLE\\.com$", "^b", "sm", "(^|\\.)exsmple\\.com$" };
static const char *const addrs[] = { "10.0.0.1", "10.0.1.1", "10.128.0.1", "2001:db8::1",
	"2001:db9::1" };
static const char *const nets[] = { "10.0.0.0/8", "10.0.0.0/24", "10.0.0.1/32", "0.0.0.0/0",
	"2001:db8::/32", "2001:db8::1/128", "::/0", "LAN", "10.128.0.0/9" };
static const char *const protocols[] = { "tcp", "udp", "tcp6", "UDP6" };

static struct text digest_of(void *ctx, enum digest which)
{
	(void)which;
	return kit_text(ctx);
}

static void random_op(struct random_state *r, struct rulewire_builder *b, uint32_t at)
{
	char buf[64];

	switch (random_below(r, 14)) {
	case 0:
		snprintf(buf, sizeof(buf), "/usr/bin/%s%u", PICK(r, words), random_below(r, 4));
		kit_op(b, at, OPERATOR_SIMPLE, "process.path", random_below(r, 2), buf);
		break;
	case 1:
		kit_op(b, at, OPERATOR_SIMPLE, "dest.host", random_below(r, 2), PICK(r, domains));
		break;
	case 2:
	case 3:
		kit_op(b, at, OPERATOR_REGEXP, "dest.host", random_below(r, 2), PICK(r, patterns));
		break;
	case 4:
		snprintf(buf, sizeof(buf), "%u", random_below(r, 6));
		kit_op(b, at, OPERATOR_SIMPLE, "dest.port", false, buf);
		break;
	case 5:
		kit_op(b, at, OPERATOR_SIMPLE, "dest.ip", false, PICK(r, addrs));
		break;
	case 6:
		kit_op(b, at, OPERATOR_NETWORK, "dest.network", false, PICK(r, nets));
		break;
	case 7:
		kit_op(b, at, OPERATOR_NETWORK, "source.ip", false, PICK(r, nets));
		break;
	case 8:
		kit_op(b, at, OPERATOR_SIMPLE, "protocol", random_below(r, 2), PICK(r, protocols));
		break;
	case 9:
		snprintf(buf, sizeof(buf), "%u", random_below(r, 3));
		kit_op(b, at, OPERATOR_SIMPLE, random_below(r, 2) ? "user.id" : "process.id", false,
			buf);
		break;
	case 10:
		kit_op(b, at, OPERATOR_SIMPLE, "process.parent.path", false, PICK(r, words));
		break;
	case 11:
		kit_op(b, at, OPERATOR_REGEXP, "process.hash.md5", false,
			random_below(r, 2) ? "a" : "b");
		break;
	case 12:
		kit_op(b, at, OPERATOR_RANGE, "source.port", false,
			random_below(r, 2) ? "1-3" : "2-2");
		break;
	default:
		kit_op(b, at, OPERATOR_SIMPLE, random_below(r, 2) ? "user.name" : "iface.out",
			random_below(r, 2), PICK(r, words));
		break;
	}
}

static void random_rule(struct random_state *r, struct rulewire_builder *b, unsigned number)
{
	unsigned n = 1 + random_below(r, 4);
	char name[16];
	uint32_t at, first;

	snprintf(name, sizeof(name), "%05u", number);
	at = rulewire_build_rule(b, kit_text(name),
		random_below(r, 3) ? ACTION_ALLOW : (enum action)random_below(r, 3),
		random_below(r, 8) == 0, false, random_below(r, 5) ? 0 : 100);
	first = rulewire_build_list(b, at, n);
	for (unsigned i = 0; i < n; i++) {
		if (random_below(r, 6)) {
			random_op(r, b, first + i);
			continue;
		}
		random_op(r, b, rulewire_build_list(b, first + i, 1));
	}
}

struct names {
	char path[64], host[64], digest[2];
};

static void random_subject(struct random_state *r, struct subject *s, struct names *n)
{
	memset(s, 0, sizeof(*s));
	flow_init(&s->flow);
	snprintf(n->path, sizeof(n->path), "/usr/bin/%s%u", PICK(r, words), random_below(r, 4));
	snprintf(n->host, sizeof(n->host), "%s%s", random_below(r, 3) ? "" : "www.",
		PICK(r, domains));
	s->path = kit_text(n->path);
	s->host = kit_text(n->host);
	s->has_process = random_below(r, 2);
	s->pid = (int)random_below(r, 3);
	s->uid = random_below(r, 2) ? random_below(r, 3) : UINT32_MAX;
	s->user = kit_text(PICK(r, words));
	s->iface_out = kit_text(PICK(r, words));
	s->flow.proto = random_below(r, 2) ? IPPROTO_TCP : IPPROTO_UDP;
	ip_addr_parse(PICK(r, addrs), &s->flow.src);
	ip_addr_parse(PICK(r, addrs), &s->flow.dst);
	s->flow.src_port = (uint16_t)random_below(r, 4);
	s->flow.dst_port = (uint16_t)random_below(r, 6);
	s->n_parents = random_below(r, 3);
	for (unsigned i = 0; i < s->n_parents; i++)
		s->parents[i] = kit_text(PICK(r, words));
	n->digest[0] = (char)('a' + random_below(r, 2));
	n->digest[1] = '\0';
	s->digest = random_below(r, 2) ? digest_of : NULL;
	s->digest_ctx = n->digest;
}

static void test_same_as_a_walk(void **state)
{
	enum { ROUNDS = 120, SUBJECTS = 150 };
	struct random_state r = { 2026 };
	unsigned decided = 0;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct rulewire_builder *b = rulewire_builder_new();
		unsigned n = random_below(&r, round % 2 ? 400 : 8);
		struct ruleset *rs = NULL;

		for (unsigned i = 0; i < n; i++)
			random_rule(&r, b, i);
		assert_int_equal(kit_load(b, &rs, NULL), 0);
		for (unsigned k = 0; k < SUBJECTS; k++) {
			struct ruleset_match want = { 0 }, got = { 0 };
			struct subject s;
			struct names names;
			uint64_t now = 99 + random_below(&r, 2);
			bool any;

			random_subject(&r, &s, &names);
			any = ruleset_walk(rs, &s, now, &want);
			assert_int_equal(ruleset_decide(rs, &s, now, &got), any);
			assert_int_equal(got.index, want.index);
			assert_int_equal(got.action, want.action);
			decided += any;
		}
		ruleset_free(rs);
	}
	assert_in_range(decided, ROUNDS * SUBJECTS / 4, ROUNDS * SUBJECTS - 100);
}

/* Rules that name something are asked only when the connection has it: most of a big set is not. */
static void test_rules_are_filed(void **state)
{
	struct rulewire_builder *b = rulewire_builder_new();
	struct ruleset *rs = NULL;
	char name[16], data[64];
	uint32_t first;

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "%03u", i);
		first = rulewire_build_list(b,
			rulewire_build_rule(b, kit_text(name), ACTION_ALLOW, false, false, 0), 2);
		snprintf(data, sizeof(data), "(^|\\.)host%u\\.example\\.com$", i);
		kit_op(b, first, OPERATOR_REGEXP, "dest.host", false, data);
		kit_op(b, first + 1, OPERATOR_SIMPLE, "protocol", false, "tcp");
	}
	kit_op(b, rulewire_build_rule(b, kit_text("z"), ACTION_ALLOW, false, false, 0),
		OPERATOR_REGEXP, "process.path", false, "x");
	assert_int_equal(kit_load(b, &rs, NULL), 0);
	assert_int_equal(ruleset_unfiled(rs), 1);
	ruleset_free(rs);
}

/* ---- digests */

struct asked {
	unsigned n;
};

static struct text count_digest(void *ctx, enum digest which)
{
	struct asked *a = ctx;

	(void)which;
	a->n++;
	return (struct text) { NULL, 0 };
}

/* A digest is asked for only where it can still change the answer. */
static void test_digests_come_last(void **state)
{
	static const char md5[] = "d41d8cd98f00b204e9800998ecf8427e";
	struct rulewire_builder *b = rulewire_builder_new();
	struct asked asked = { 0 };
	struct ruleset *rs = NULL;
	struct ruleset_match m;
	struct subject s = { .digest = count_digest, .digest_ctx = &asked };

	(void)state;
	kit_op(b, rulewire_build_rule(b, kit_text("a"), ACTION_ALLOW, false, false, 0),
		OPERATOR_SIMPLE, "process.hash.md5", false, md5);
	kit_op(b, rulewire_build_rule(b, kit_text("b"), ACTION_ALLOW, false, false, 0),
		OPERATOR_SIMPLE, "true", false, "");
	kit_op(b, rulewire_build_rule(b, kit_text("c"), ACTION_DENY, false, false, 0),
		OPERATOR_SIMPLE, "dest.port", false, "80");
	kit_op(b, rulewire_build_rule(b, kit_text("d"), ACTION_DENY, false, false, 0),
		OPERATOR_SIMPLE, "process.hash.sha1", false,
		"da39a3ee5e6b4b0d3255bfef95601890afd80709");
	assert_int_equal(kit_load(b, &rs, NULL), 0);
	assert_int_equal(ruleset_needs(rs), 1u << DIGEST_MD5 | 1u << DIGEST_SHA1);
	s.flow.dst_port = 80;
	assert_true(ruleset_decide(rs, &s, 1, &m));
	assert_int_equal(m.action, ACTION_DENY);
	assert_int_equal(asked.n, 0);
	/* "d" could stop it; "a" would lose to "b" in any case. */
	s.flow.dst_port = 81;
	assert_true(ruleset_decide(rs, &s, 1, &m));
	assert_int_equal(m.index, 1);
	assert_int_equal(asked.n, 1);
	ruleset_free(rs);
}

/* ---- explaining */

struct told {
	unsigned n;
	char lines[8][160];
};

static void tell(void *ctx, const struct rule_step *s)
{
	struct told *t = ctx;

	snprintf(t->lines[t->n++], sizeof(t->lines[0]), "%s %u %s %s '%.*s' is '%.*s': %s",
		s->place, s->depth, operator_type_str(s->type), operand_str(s->operand),
		(int)s->data.len, s->data.s ? s->data.s : "", (int)s->value.len,
		s->value.s ? s->value.s : "", s->matched ? "yes" : "no");
}

static void test_explain(void **state)
{
	struct rulewire_builder *b = rulewire_builder_new();
	struct ruleset *rs = NULL;
	struct told t = { 0 };
	struct subject s = { .host = kit_text("www.example.com"), .n_parents = 2 };
	uint32_t first, inner;

	(void)state;
	s.parents[0] = kit_text("/bin/sh");
	s.parents[1] = kit_text("/sbin/init");
	s.flow.dst_port = 443;
	first = rulewire_build_list(
		b, rulewire_build_rule(b, kit_text("r"), ACTION_ALLOW, false, false, 0), 3);
	kit_op(b, first, OPERATOR_REGEXP, "dest.host", false, "com$");
	inner = rulewire_build_list(b, first + 1, 2);
	kit_op(b, inner, OPERATOR_SIMPLE, "process.parent.path", false, "/sbin/init");
	kit_op(b, inner + 1, OPERATOR_SIMPLE, "process.hash.md5", false,
		"d41d8cd98f00b204e9800998ecf8427e");
	kit_op(b, first + 2, OPERATOR_SIMPLE, "dest.port", false, "443");
	assert_int_equal(kit_load(b, &rs, NULL), 0);
	assert_false(rule_explain(ruleset_at(rs, 0).rule, &s, tell, &t));
	assert_int_equal(t.n, 6);
	assert_string_equal(t.lines[0], "operator 0 list list '' is '': no");
	assert_string_equal(
		t.lines[1], "operator.list[0] 1 regexp dest.host 'com$' is 'www.example.com': yes");
	assert_string_equal(t.lines[2], "operator.list[1] 1 list list '' is '': no");
	assert_string_equal(t.lines[3], "operator.list[1].list[0] 2 simple process.parent.path "
					"'/sbin/init' is '/bin/sh, /sbin/init': yes");
	assert_string_equal(t.lines[4], "operator.list[1].list[1] 2 simple process.hash.md5 "
					"'d41d8cd98f00b204e9800998ecf8427e' is '': no");
	assert_string_equal(t.lines[5], "operator.list[2] 1 simple dest.port '443' is '443': yes");
	ruleset_free(rs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suffix_of_a_pattern),
		cmocka_unit_test(test_pattern_that_is_a_domain),
		cmocka_unit_test(test_suffix_holds),
		cmocka_unit_test(test_same_as_a_walk),
		cmocka_unit_test(test_rules_are_filed),
		cmocka_unit_test(test_digests_come_last),
		cmocka_unit_test(test_explain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
