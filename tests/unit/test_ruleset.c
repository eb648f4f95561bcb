/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rules mean: every type and operand against connections, and who wins among several. */
#include "config.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/rulewire.h"
#include "tests/unit/ruleset_kit.h"

enum who { CURL, SIX, BARE, WHO_COUNT };

static char ann_home[] = "/home/ann";

static struct text home(void *ctx, struct text name)
{
	if (name.len == 4 && memcmp(name.s, "HOME", 4) == 0)
		return kit_text(ctx);
	return (struct text) { NULL, 0 };
}

static void make_subject(enum who who, struct subject *s)
{
	memset(s, 0, sizeof(*s));
	flow_init(&s->flow);
	s->flow.proto = IPPROTO_TCP;
	s->uid = UINT32_MAX;
	ip_addr_parse("10.0.0.5", &s->flow.src);
	ip_addr_parse("93.184.216.34", &s->flow.dst);
	s->flow.src_port = 50312;
	s->flow.dst_port = 443;
	if (who == BARE)
		return;
	s->has_process = true;
	s->pid = 4711;
	s->uid = 1000;
	s->path = kit_text("/usr/bin/curl");
	s->command = kit_text("curl -s https://Example.com");
	s->user = kit_text("ann");
	s->host = kit_text("www.example.com");
	s->iface_out = kit_text("eth0");
	s->parents[0] = kit_text("/usr/bin/bash");
	s->parents[1] = kit_text("/usr/lib/systemd/systemd");
	s->n_parents = 2;
	s->env = home;
	s->env_ctx = ann_home;
	if (who == SIX) {
		s->flow.proto = IPPROTO_UDP;
		ip_addr_parse("fe80::1", &s->flow.src);
		ip_addr_parse("2001:db8::53", &s->flow.dst);
		s->flow.dst_port = 53;
		s->uid = 0;
		s->user = kit_text("root");
		s->host = kit_text("br\303\274cke.example");
		s->n_parents = 0;
	}
}

struct row {
	enum operator_type type;
	bool sensitive;
	const char *operand;
	const char *data;
	const char *want; /* one letter a subject of enum who: y matches, n does not */
};

#define SIMPLE OPERATOR_SIMPLE
#define REGEXP OPERATOR_REGEXP
#define NETWORK OPERATOR_NETWORK
#define RANGE OPERATOR_RANGE

static const struct row rows[] = {
	{ SIMPLE, false, "true", "", "yyy" },
	{ REGEXP, false, "true", "whatever", "yyy" },
	{ SIMPLE, false, "process.id", "4711", "yyn" },
	{ SIMPLE, false, "process.id", "04711", "yyn" },
	{ SIMPLE, false, "process.id", "471", "nnn" },
	{ SIMPLE, false, "process.id", "0", "nnn" },
	{ REGEXP, false, "process.id", "^47", "yyn" },
	{ REGEXP, false, "process.id", "^$", "nny" },
	{ RANGE, false, "process.id", "4000-4711", "yyn" },
	{ RANGE, false, "process.id", "0-4710", "nnn" },
	{ SIMPLE, false, "process.path", "/usr/bin/curl", "yyn" },
	{ SIMPLE, false, "process.path", "/usr/bin/CURL", "yyn" },
	{ SIMPLE, true, "process.path", "/usr/bin/CURL", "nnn" },
	{ SIMPLE, true, "process.path", "/usr/bin/curl", "yyn" },
	{ SIMPLE, false, "process.path", "/usr/bin/cur", "nnn" },
	{ SIMPLE, false, "process.path", "/usr/bin/curl ", "nnn" },
	{ SIMPLE, false, "process.path", "", "nny" },
	{ REGEXP, false, "process.path", "^/usr/(s?bin|local)/", "yyn" },
	{ REGEXP, false, "process.path", "BIN/c", "yyn" },
	{ REGEXP, true, "process.path", "BIN/c", "nnn" },
	{ REGEXP, false, "process.path", "\\S", "yyn" },
	{ SIMPLE, false, "process.parent.path", "/usr/bin/bash", "ynn" },
	{ SIMPLE, true, "process.parent.path", "/usr/lib/systemd/systemd", "ynn" },
	{ SIMPLE, false, "process.parent.path", "/usr/bin/curl", "nnn" },
	{ SIMPLE, false, "process.parent.path", "", "nnn" },
	{ REGEXP, false, "process.parent.path", "systemd$", "ynn" },
	{ SIMPLE, false, "process.command", "curl -s https://example.com", "yyn" },
	{ SIMPLE, true, "process.command", "curl -s https://example.com", "nnn" },
	{ REGEXP, false, "process.command", "\\bexample\\.com$", "yyn" },
	{ SIMPLE, true, "process.env.HOME", "/home/ann", "yyn" },
	{ SIMPLE, true, "process.env.HOM", "/home/ann", "nnn" },
	{ SIMPLE, true, "process.env.NONE", "", "yyy" },
	{ REGEXP, true, "process.env.HOME", "^/home/", "yyn" },
	{ SIMPLE, false, "user.id", "1000", "ynn" },
	{ SIMPLE, false, "user.id", "0", "nyn" },
	{ REGEXP, false, "user.id", "^(0|1000)$", "yyn" },
	{ REGEXP, false, "user.id", "^$", "nny" },
	{ RANGE, false, "user.id", "0 - 999", "nyn" },
	{ RANGE, false, "user.id", "0-4294967295", "yyn" },
	{ SIMPLE, false, "user.name", "ann", "ynn" },
	{ SIMPLE, true, "user.name", "Ann", "nnn" },
	{ REGEXP, true, "user.name", "^(ann|root)$", "yyn" },
	{ SIMPLE, false, "source.ip", "10.0.0.5", "yny" },
	{ SIMPLE, false, "source.ip", "fe80:0::0:1", "nyn" },
	{ NETWORK, false, "source.ip", "10.0.0.0/8", "yny" },
	{ SIMPLE, false, "source.port", "50312", "yyy" },
	{ RANGE, false, "source.port", "50312-50312", "yyy" },
	{ RANGE, false, "source.port", "50313-60000", "nnn" },
	{ NETWORK, false, "source.network", "LAN", "yyy" },
	{ NETWORK, false, "source.network", "fe80::/10", "nyn" },
	{ SIMPLE, false, "dest.ip", "93.184.216.34", "yny" },
	{ SIMPLE, false, "dest.ip", "::ffff:93.184.216.34", "yny" },
	{ SIMPLE, true, "dest.ip", "2001:DB8:0:0::0053", "nyn" },
	{ REGEXP, false, "dest.ip", "^93\\.184\\.", "yny" },
	{ REGEXP, true, "dest.ip", "^2001:db8::53$", "nyn" },
	{ NETWORK, false, "dest.ip", "2001:db8::/32", "nyn" },
	{ SIMPLE, false, "dest.host", "www.example.com", "ynn" },
	{ SIMPLE, false, "dest.host", "WWW.example.COM", "ynn" },
	{ SIMPLE, false, "dest.host", "example.com", "nnn" },
	{ SIMPLE, false, "dest.host", "", "nny" },
	{ REGEXP, false, "dest.host", "(^|\\.)example\\.com$", "ynn" },
	{ REGEXP, false, "dest.host", "^$", "nny" },
	{ REGEXP, false, "dest.host", "BR\303\234CKE", "nyn" },
	{ REGEXP, true, "dest.host", "^br.cke", "nyn" },
	{ SIMPLE, false, "dest.port", "443", "yny" },
	{ REGEXP, false, "dest.port", "^(53|80)$", "nyn" },
	{ RANGE, false, "dest.port", "1-442", "nyn" },
	{ NETWORK, false, "dest.network", "93.184.216.0/24", "yny" },
	{ NETWORK, false, "dest.network", "93.184.216.34", "yny" },
	{ NETWORK, false, "dest.network", "0.0.0.0/0", "yny" },
	{ NETWORK, false, "dest.network", "::/0", "nyn" },
	{ NETWORK, false, "dest.network", "LAN", "nnn" },
	{ NETWORK, false, "dest.network", "MULTICAST", "nnn" },
	{ SIMPLE, false, "protocol", "tcp", "yny" },
	{ SIMPLE, false, "protocol", "TCP", "yny" },
	{ SIMPLE, false, "protocol", "udp", "nnn" },
	{ SIMPLE, true, "protocol", "udp6", "nyn" },
	{ REGEXP, false, "protocol", "^(tcp|udp)", "yyy" },
	{ SIMPLE, false, "iface.in", "", "yyy" },
	{ SIMPLE, false, "iface.out", "eth0", "yyn" },
	{ REGEXP, false, "iface.out", "^(eth|wlan)[0-9]+$", "yyn" },
};

static bool decide(const struct ruleset *rs, const struct subject *s, struct ruleset_match *m)
{
	memset(m, 0, sizeof(*m));
	return ruleset_decide(rs, s, 1000, m);
}

static void test_operands(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		const struct row *r = &rows[i];
		struct ruleset *rs = NULL;
		struct error err = { 0 };
		struct ruleset_match m;

		if (kit_load_one(r->type, r->operand, r->sensitive, r->data, &rs, &err) < 0)
			fail_msg("row %zu: %s: %s", i, err.place, err.message);
		for (int who = 0; who < WHO_COUNT; who++) {
			struct subject s;

			make_subject((enum who)who, &s);
			if (decide(rs, &s, &m) != (r->want[who] == 'y'))
				fail_msg("row %zu: %s %s '%s', subject %d", i,
					operator_type_str(r->type), r->operand, r->data, who);
		}
		ruleset_free(rs);
	}
}

/* Expressions that name a domain are compared without PCRE2, and mean the same. */
static void test_expressions_for_domains(void **state)
{
	static const struct {
		const char *pattern, *host;
		bool sensitive, want;
	} table[] = {
		{ "^(|.*\\.)Example\\.com$", "example.COM", false, true },
		{ "^(|.*\\.)example\\.com$", "a.b.example.com", false, true },
		{ "^(|.*\\.)example\\.com$", ".example.com", false, true },
		{ "^(|.*\\.)example\\.com$", "anexample.com", false, false },
		{ "^(|.*\\.)example\\.com$", "ample.com", false, false },
		{ "^(|.*\\.)example\\.com$", "example.com.", false, false },
		{ "^(|.*\\.)example\\.com$", "", false, false },
		{ "^(|.*\\.)example\\.com$", NULL, false, false },
		{ "^(|.*\\.)example\\.com$", "a.example.com", true, true },
		{ "^(|.*\\.)example\\.com$", "a.Example.com", true, false },
		{ "(^|\\.)example\\.com$", "x\n.example.com", false, true },
		/* "." is no line's end. */
		{ "^(|.*\\.)example\\.com$", "x\n.example.com", false, false },
		/* Letters outside ASCII that are the same but for their case. */
		{ "(^|\\.)desk\\.example$", "a.des\342\204\252.example", false, true },
		{ "(^|\\.)desk\\.example$", "a.de\305\277k.example", false, true },
		{ "(^|\\.)desk\\.example$", "a.de\305\277k.example", true, false },
		{ "(^|\\.)desk\\.example$", "\377.desk.example", false, true },
	};

	(void)state;
	for (size_t i = 0; i < array_len(table); i++) {
		struct ruleset *rs = NULL;
		struct ruleset_match m;
		struct subject s;

		make_subject(CURL, &s);
		s.host = kit_text(table[i].host);
		assert_int_equal(kit_load_one(OPERATOR_REGEXP, "dest.host", table[i].sensitive,
					 table[i].pattern, &rs, NULL),
			0);
		if (decide(rs, &s, &m) != table[i].want)
			fail_msg("%s %s", table[i].pattern, table[i].host);
		ruleset_free(rs);
	}
}

static void test_aliases(void **state)
{
	static const struct {
		const char *alias, *address;
		bool want;
	} table[] = {
		{ "LAN", "10.255.1.1", true },
		{ "LAN", "172.31.0.1", true },
		{ "LAN", "172.32.0.1", false },
		{ "LAN", "192.168.7.7", true },
		{ "LAN", "127.0.0.1", true },
		{ "LAN", "::1", true },
		{ "LAN", "::2", false },
		{ "LAN", "169.254.3.4", true },
		{ "LAN", "fd12::1", true },
		{ "LAN", "fe80::9", true },
		{ "LAN", "fec0::1", false },
		{ "LAN", "8.8.8.8", false },
		{ "MULTICAST", "224.0.0.251", true },
		{ "MULTICAST", "239.255.255.250", true },
		{ "MULTICAST", "240.0.0.1", false },
		{ "MULTICAST", "ff02::fb", true },
		{ "MULTICAST", "fe80::1", false },
	};

	(void)state;
	for (size_t i = 0; i < array_len(table); i++) {
		struct ruleset *rs = NULL;
		struct ruleset_match m;
		struct subject s;

		make_subject(CURL, &s);
		assert_int_equal(ip_addr_parse(table[i].address, &s.flow.dst), 0);
		assert_int_equal(kit_load_one(OPERATOR_NETWORK, "dest.network", false,
					 table[i].alias, &rs, NULL),
			0);
		if (decide(rs, &s, &m) != table[i].want)
			fail_msg("%s %s", table[i].alias, table[i].address);
		ruleset_free(rs);
	}
}

/* A rule that allows by port and host, its host operator in a list of its own. */
static void add_list(struct rulewire_builder *b, const char *name, const char *host)
{
	uint32_t root = rulewire_build_rule(b, kit_text(name), ACTION_ALLOW, false, true, 0);
	uint32_t first = rulewire_build_list(b, root, 2);
	uint32_t inner = rulewire_build_list(b, first, 2);

	kit_op(b, inner, OPERATOR_REGEXP, "dest.host", false, host);
	kit_op(b, inner + 1, OPERATOR_SIMPLE, "protocol", false, "tcp");
	kit_op(b, first + 1, OPERATOR_SIMPLE, "dest.port", false, "443");
}

static void test_list_needs_all(void **state)
{
	struct rulewire_builder *b = rulewire_builder_new();
	struct ruleset *rs = NULL;
	struct ruleset_match m;
	struct subject s;

	(void)state;
	add_list(b, "list", "example");
	assert_int_equal(kit_load(b, &rs, NULL), 0);
	make_subject(CURL, &s);
	assert_true(decide(rs, &s, &m));
	assert_true(m.nolog);
	s.flow.dst_port = 444;
	assert_false(decide(rs, &s, &m));
	s.flow.dst_port = 443;
	s.flow.proto = IPPROTO_UDP;
	assert_false(decide(rs, &s, &m));
	s.flow.proto = IPPROTO_TCP;
	s.host = kit_text("elsewhere.test");
	assert_false(decide(rs, &s, &m));
	ruleset_free(rs);
}

struct order_rule {
	const char *name;
	enum action action;
	bool precedence;
	uint64_t expires;
	bool matches;
};

static const struct {
	struct order_rule rules[4];
	const char *want; /* the rule's name, NULL for none */
	enum action action;
} orders[] = {
	/* the last allow, though told first */
	{ { { "b", ACTION_ALLOW, false, 0, true }, { "a", ACTION_ALLOW, false, 0, true } }, "b",
		ACTION_ALLOW },
	/* a deny before and after an allow */
	{ { { "a", ACTION_DENY, false, 0, true }, { "b", ACTION_ALLOW, false, 0, true } }, "a",
		ACTION_DENY },
	{ { { "a", ACTION_ALLOW, false, 0, true }, { "b", ACTION_DENY, false, 0, true } }, "b",
		ACTION_DENY },
	{ { { "a", ACTION_ALLOW, false, 0, true }, { "b", ACTION_REJECT, false, 0, true },
		  { "c", ACTION_DENY, false, 0, true } },
		"b", ACTION_REJECT },
	/* precedence decides at once; without a match it does nothing */
	{ { { "a", ACTION_ALLOW, true, 0, true }, { "b", ACTION_DENY, false, 0, true } }, "a",
		ACTION_ALLOW },
	{ { { "a", ACTION_ALLOW, true, 0, false }, { "b", ACTION_DENY, false, 0, true } }, "b",
		ACTION_DENY },
	/* bytewise: capitals first, a prefix first */
	{ { { "aa", ACTION_DENY, false, 0, true }, { "a", ACTION_REJECT, false, 0, true } }, "a",
		ACTION_REJECT },
	{ { { "a", ACTION_DENY, false, 0, true }, { "B", ACTION_REJECT, false, 0, true } }, "B",
		ACTION_REJECT },
	/* expiry: the clock stands at 1000 */
	{ { { "a", ACTION_DENY, false, 1000, true }, { "b", ACTION_ALLOW, false, 1001, true } },
		"b", ACTION_ALLOW },
	{ { { "a", ACTION_DENY, false, 999, true } }, NULL, ACTION_ALLOW },
	{ { { "a", ACTION_DENY, false, 0, false } }, NULL, ACTION_ALLOW },
	{ { { NULL } }, NULL, ACTION_ALLOW },
};

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(orders); i++) {
		struct rulewire_builder *b = rulewire_builder_new();
		struct ruleset *rs = NULL;
		struct ruleset_match m;
		struct subject s;
		uint32_t n = 0;

		for (; n < 4 && orders[i].rules[n].name; n++) {
			const struct order_rule *r = &orders[i].rules[n];

			kit_op(b,
				rulewire_build_rule(b, kit_text(r->name), r->action, r->precedence,
					false, r->expires),
				OPERATOR_SIMPLE, "dest.port", false, r->matches ? "443" : "1");
		}
		assert_int_equal(kit_load(b, &rs, NULL), 0);
		assert_int_equal(ruleset_count(rs), n);
		assert_int_equal(ruleset_generation(rs), 7);
		make_subject(CURL, &s);
		assert_int_equal(decide(rs, &s, &m), orders[i].want != NULL);
		if (orders[i].want) {
			assert_int_equal(m.rule.len, strlen(orders[i].want));
			assert_memory_equal(m.rule.s, orders[i].want, m.rule.len);
			assert_int_equal(m.action, orders[i].action);
		}
		ruleset_free(rs);
	}
}

static const struct {
	enum operator_type type;
	int code;
	const char *operand, *data;
	const char *field;
} refusals[] = {
	{ SIMPLE, ERR_INVALID, "dest.port", "https", "operator.data" },
	{ SIMPLE, ERR_INVALID, "dest.port", "", "operator.data" },
	{ SIMPLE, ERR_INVALID, "dest.port", "443 ", "operator.data" },
	{ SIMPLE, ERR_INVALID, "user.id", "4294967296", "operator.data" },
	{ SIMPLE, ERR_INVALID, "user.id", "99999999999999999999999", "operator.data" },
	{ SIMPLE, ERR_INVALID, "dest.ip", "example.com", "operator.data" },
	{ SIMPLE, ERR_INVALID, "dest.ip", "", "operator.data" },
	{ SIMPLE, ERR_INVALID, "dest.network", "10.0.0.0/8", "operator.type" },
	{ REGEXP, ERR_INVALID, "dest.network", "10", "operator.type" },
	{ REGEXP, ERR_INVALID, "dest.host", "(", "operator.data" },
	{ REGEXP, ERR_INVALID, "dest.host", "(a)\\1", "operator.data" },
	{ NETWORK, ERR_INVALID, "dest.host", "10.0.0.0/8", "operator.type" },
	{ NETWORK, ERR_INVALID, "dest.network", "10.0.0.0/33", "operator.data" },
	{ NETWORK, ERR_INVALID, "dest.network", "lan", "operator.data" },
	{ NETWORK, ERR_INVALID, "dest.network", "", "operator.data" },
	{ RANGE, ERR_INVALID, "dest.host", "1-2", "operator.type" },
	{ RANGE, ERR_INVALID, "dest.port", "2-1", "operator.data" },
	{ RANGE, ERR_INVALID, "dest.port", "1", "operator.data" },
	{ RANGE, ERR_INVALID, "dest.port", "1-2-3", "operator.data" },
	{ RANGE, ERR_INVALID, "dest.port", "-5", "operator.data" },
	{ RANGE, ERR_INVALID, "dest.port", "", "operator.data" },
	{ OPERATOR_LISTS, ERR_INVALID, "lists.domains", "", "operator.data" },
	{ OPERATOR_LISTS, ERR_INVALID, "lists.domains", "lists", "operator.data" },
	{ OPERATOR_LISTS, ERR_INVALID, "dest.host", "/x", "operator.operand" },
	{ SIMPLE, ERR_INVALID, "process.hash.md5", "0", "operator.data" },
	{ SIMPLE, ERR_INVALID, "process.hash.md5", "d41d8cd98f00b204e9800998ecf8427g",
		"operator.data" },
	{ SIMPLE, ERR_INVALID, "process.hash.sha1", "d41d8cd98f00b204e9800998ecf8427e",
		"operator.data" },
	{ NETWORK, ERR_INVALID, "process.hash.sha256", "0", "operator.type" },
	{ RANGE, ERR_INVALID, "process.hash.sha256", "0-1", "operator.type" },
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(refusals); i++) {
		struct ruleset *rs = NULL;
		struct error err = { 0 };
		int r = kit_load_one(
			refusals[i].type, refusals[i].operand, false, refusals[i].data, &rs, &err);

		if (r != refusals[i].code ||
			strcmp(ruleset_error_field(&err), refusals[i].field) != 0)
			fail_msg("row %zu: %s at '%s': %s", i, err_str(r), err.place, err.message);
		assert_null(rs);
		assert_string_not_equal(err.message, "");
	}
}

static void test_error_place(void **state)
{
	struct rulewire_builder *b = rulewire_builder_new();
	struct ruleset *rs = NULL;
	struct error err = { 0 };
	uint32_t root, first, inner;

	(void)state;
	kit_op(b, rulewire_build_rule(b, kit_text("a"), ACTION_ALLOW, false, false, 0),
		OPERATOR_SIMPLE, "true", false, "");
	root = rulewire_build_rule(b, kit_text("x': y"), ACTION_ALLOW, false, false, 0);
	first = rulewire_build_list(b, root, 2);
	kit_op(b, first, OPERATOR_REGEXP, "dest.host", false, ".");
	inner = rulewire_build_list(b, first + 1, 1);
	kit_op(b, inner, OPERATOR_REGEXP, "dest.host", false, "a[");
	assert_int_equal(kit_load(b, &rs, &err), ERR_INVALID);
	assert_string_equal(err.place, "rule 1 'x': y': operator.list[1].list[0].data");
	assert_string_equal(ruleset_error_field(&err), "operator.list[1].list[0].data");
	assert_non_null(strstr(err.message, "offset 2"));

	b = rulewire_builder_new();
	root = rulewire_build_rule(b, kit_text("x"), ACTION_ALLOW, false, false, 0);
	rulewire_build_list(b, root, 0);
	assert_int_equal(kit_load(b, &rs, &err), ERR_INVALID);
	assert_string_equal(err.place, "rule 0 'x': operator.list");
}

static void test_fd_must_be_sealed(void **state)
{
	struct rulewire_builder *b = rulewire_builder_new();
	struct ruleset *rs = NULL;
	struct error err = { 0 };
	void *file = NULL;
	size_t len = 0;
	int fd;

	(void)state;
	kit_op(b, rulewire_build_rule(b, kit_text("a"), ACTION_DENY, false, false, 0),
		OPERATOR_SIMPLE, "true", false, "");
	fd = rulewire_build_fd(b, 99);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(ruleset_load_fd(fd, NULL, &rs, &err), 0);
	assert_int_equal(ruleset_generation(rs), 99);
	ruleset_free(rs);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	close(fd);

	assert_int_equal(rulewire_build_finish(b, 99, &file, &len), 0);
	fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(write(fd, file, len), len);
	assert_int_equal(ruleset_load_fd(fd, NULL, &rs, &err), ERR_INVALID);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(ruleset_load_fd(fd, NULL, &rs, &err), ERR_INVALID);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(ruleset_load_fd(fd, NULL, &rs, &err), 0);
	ruleset_free(rs);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(ruleset_load_fd(fd, NULL, &rs, &err), ERR_INVALID);
	close(fd);
	free(file);
	rulewire_builder_free(b);
}

/* One rule a letter, in order: d deny, a allow, p allow with precedence; in capitals for one host only. ":" and another port before it. */
static unsigned outcomes(const char *rules)
{
	struct rulewire_builder *b = rulewire_builder_new();
	struct ruleset *rs = NULL;
	struct subject s;
	unsigned r;
	char name[] = "a";

	for (const char *p = rules; *p; p++, name[0]++) {
		bool other_port = *p == ':' && *++p, for_host = *p < 'a';
		char c = (char)(*p | 0x20);
		uint32_t op = rulewire_build_rule(b, kit_text(name),
			c == 'd' ? ACTION_DENY : ACTION_ALLOW, c == 'p', false, 0);

		op = rulewire_build_list(b, op, 2);
		kit_op(b, op, OPERATOR_SIMPLE, for_host ? "dest.host" : "true", false, "x.test");
		kit_op(b, op + 1, OPERATOR_SIMPLE, "dest.port", false, other_port ? "1" : "443");
	}
	assert_int_equal(kit_load(b, &rs, NULL), 0);
	make_subject(BARE, &s);
	r = ruleset_outcomes(rs, &s, 0);
	ruleset_free(rs);
	return r;
}

/* What can become of a connection before its host is known. */
static void test_outcomes(void **state)
{
	const unsigned allow = 1u << ACTION_ALLOW, deny = 1u << ACTION_DENY,
		       none = 1u << ACTION_COUNT_;

	(void)state;
	assert_int_equal(outcomes(""), none);
	assert_int_equal(outcomes("a"), allow);
	assert_int_equal(outcomes("d"), deny);
	assert_int_equal(outcomes("A"), allow | none);
	assert_int_equal(outcomes("D"), deny | none);
	assert_int_equal(outcomes("aD"), allow | deny);
	assert_int_equal(outcomes("Da"), allow | deny);
	/* An allow for a host does not win against a deny for all, but with precedence it does. */
	assert_int_equal(outcomes("Ad"), deny);
	assert_int_equal(outcomes("Pd"), allow | deny);
	assert_int_equal(outcomes("dP"), deny);
	assert_int_equal(outcomes("DdA"), deny);
	assert_int_equal(outcomes("pD"), allow);
	assert_int_equal(outcomes("PDa"), allow | deny);
	/* rules about something else do not count */
	assert_int_equal(outcomes(":D:Pa"), allow);
	assert_int_equal(outcomes(":d"), none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_operands),
		cmocka_unit_test(test_expressions_for_domains),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_list_needs_all),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_error_place),
		cmocka_unit_test(test_fd_must_be_sealed),
		cmocka_unit_test(test_outcomes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
