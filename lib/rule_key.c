/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys of rules and of connections: the same bytes in, the same key out. */
#include "config.h"

#include "lib/rule_key.h"

#include <string.h>

#include "lib/hash.h"
#include "lib/pattern_suffix.h"

enum key_kind { KEY_TEXT, KEY_NUMBER, KEY_ADDR, KEY_NET, KEY_SUFFIX };

#define ADDR_BYTES 16

static uint64_t make_key(enum key_kind kind, unsigned detail, const void *bytes, size_t len)
{
	uint8_t buf[2 + RULE_KEY_TEXT_MAX];

	buf[0] = (uint8_t)kind;
	buf[1] = (uint8_t)detail;
	if (len)
		memcpy(buf + 2, bytes, len);
	return hash_bytes(buf, 2 + len);
}

/* Without regard to ASCII case, as the comparison may be: the rule itself is asked afterwards. */
static bool text_key(enum key_kind kind, enum operand o, struct text t, uint64_t *ret)
{
	char lower[RULE_KEY_TEXT_MAX];

	if (t.len > sizeof(lower))
		return false;
	for (size_t i = 0; i < t.len; i++)
		lower[i] = (char)(t.s[i] >= 'A' && t.s[i] <= 'Z' ? t.s[i] | 0x20 : t.s[i]);
	*ret = make_key(kind, o, lower, t.len);
	return true;
}

static uint64_t number_key(enum operand o, uint64_t number)
{
	return make_key(KEY_NUMBER, o, &number, sizeof(number));
}

static uint64_t addr_key(enum operand o, const struct ip_addr *a)
{
	return make_key(KEY_ADDR, o, a, sizeof(*a));
}

static bool is_source(enum operand o)
{
	return o == OPERAND_SOURCE_IP || o == OPERAND_SOURCE_NETWORK;
}

static uint64_t net_key(bool source, const struct ip_addr *a, unsigned prefix_len)
{
	uint8_t buf[ADDR_BYTES + 2] = { 0 };
	unsigned whole = prefix_len / 8, rest = prefix_len % 8;

	memcpy(buf, a->bytes, whole);
	if (rest)
		buf[whole] = a->bytes[whole] & (uint8_t)(0xff00u >> rest);
	buf[ADDR_BYTES] = a->family;
	buf[ADDR_BYTES + 1] = (uint8_t)prefix_len;
	return make_key(KEY_NET, source, buf, sizeof(buf));
}

/* ---- of rules */

static bool is_filed_text(enum operand o)
{
	return o == OPERAND_PROCESS_PATH || o == OPERAND_PROCESS_PARENT_PATH ||
	       o == OPERAND_PROCESS_COMMAND || o == OPERAND_USER_NAME || o == OPERAND_DEST_HOST ||
	       o == OPERAND_PROTOCOL || o == OPERAND_IFACE_IN || o == OPERAND_IFACE_OUT;
}

static bool suffix_of(
	const struct rule *r, const struct rule_op *op, char *buf, size_t size, size_t *ret_len)
{
	struct text data = r->words[op->words].data;
	bool is_all;

	if (op->test != TEST_PATTERN || op->operand != OPERAND_DEST_HOST)
		return false;
	*ret_len = pattern_suffix(data.s, data.len, buf, size, &is_all);
	return *ret_len > 0;
}

static bool op_key(const struct rule *r, const struct rule_op *op, uint64_t *ret)
{
	enum operand operand = (enum operand)op->operand;
	char suffix[RULE_KEY_TEXT_MAX];
	size_t len;

	if (op->test == TEST_TEXT && is_filed_text(operand))
		return text_key(KEY_TEXT, operand, op->text, ret);
	if (op->test == TEST_RANGE && op->span.min == op->span.max)
		*ret = number_key(operand, op->span.min);
	else if (op->test == TEST_ADDR)
		*ret = addr_key(operand, &op->addr);
	else if (op->test == TEST_NET && op->net.prefix_len > 0)
		*ret = net_key(is_source(operand), &op->net.addr, op->net.prefix_len);
	else if (suffix_of(r, op, suffix, sizeof(suffix), &len))
		*ret = make_key(KEY_SUFFIX, 0, suffix, len);
	else
		return false;
	return true;
}

/* Lists hold when all of their operators do, so every operator of the tree is a condition. */
unsigned rule_keys_of_rule(const struct rule *r, uint64_t ret[static LIMIT_RULE_OPERATORS],
	const struct rule_op *ret_ops[static LIMIT_RULE_OPERATORS])
{
	unsigned n = 0;

	for (uint32_t i = 0; i < r->n_ops; i++) {
		ret_ops[n] = &r->ops[i];
		n += op_key(r, &r->ops[i], &ret[n]);
	}
	return n;
}

void rule_key_kinds_add(struct rule_key_kinds *k, const struct rule_op *op)
{
	const struct ip_net *net = &op->net;

	if (op->test == TEST_NET)
		k->prefixes[is_source((enum operand)op->operand)][net->addr.family == 6]
			   [net->prefix_len / 64] |= UINT64_C(1) << net->prefix_len % 64;
	else if (op->test == TEST_PATTERN)
		k->suffixes = true;
	else
		k->operands |= UINT64_C(1) << op->operand;
}

/* ---- of connections */

struct keys {
	const struct rule_key_kinds *kinds;
	const struct subject *subject;
	uint64_t *keys;
	unsigned n;
};

static bool uses(const struct keys *k, enum operand o)
{
	return k->kinds->operands >> o & 1;
}

static void add(struct keys *k, uint64_t key)
{
	if (k->n < RULE_KEYS_MAX)
		k->keys[k->n++] = key;
}

static void add_text(struct keys *k, enum operand o, struct text t)
{
	uint64_t key;

	if (uses(k, o) && text_key(KEY_TEXT, o, t, &key))
		add(k, key);
}

static void add_texts(struct keys *k)
{
	static const enum operand plain[] = { OPERAND_PROCESS_PATH, OPERAND_PROCESS_COMMAND,
		OPERAND_USER_NAME, OPERAND_DEST_HOST, OPERAND_PROTOCOL, OPERAND_IFACE_IN,
		OPERAND_IFACE_OUT };
	const struct text none = { NULL, 0 };
	const struct subject *s = k->subject;
	char buf[IP_ADDR_TEXT_LEN];

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (uses(k, plain[i]))
			add_text(k, plain[i], rule_text_value(plain[i], none, s, buf));
	for (unsigned i = 0; i < s->n_parents && i < LIMIT_PARENTS; i++)
		add_text(k, OPERAND_PROCESS_PARENT_PATH, s->parents[i]);
}

static void add_numbers(struct keys *k)
{
	static const enum operand numbers[] = { OPERAND_PROCESS_ID, OPERAND_USER_ID,
		OPERAND_SOURCE_PORT, OPERAND_DEST_PORT };
	uint64_t number;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (uses(k, numbers[i]) && rule_number_value(numbers[i], k->subject, &number))
			add(k, number_key(numbers[i], number));
}

static void add_nets(struct keys *k, bool source, const struct ip_addr *a)
{
	const uint64_t *lengths = k->kinds->prefixes[source][a->family == 6];

	for (unsigned i = 0; a->family && i < 3; i++)
		for (uint64_t left = lengths[i]; left; left &= left - 1)
			add(k, net_key(source, a, i * 64 + (unsigned)__builtin_ctzll(left)));
}

static void add_addrs(struct keys *k)
{
	const struct flow *f = &k->subject->flow;

	if (uses(k, OPERAND_DEST_IP))
		add(k, addr_key(OPERAND_DEST_IP, &f->dst));
	if (uses(k, OPERAND_SOURCE_IP))
		add(k, addr_key(OPERAND_SOURCE_IP, &f->src));
	add_nets(k, false, &f->dst);
	add_nets(k, true, &f->src);
}

/* The name, and each that it lies below. False where letters outside ASCII could equal some inside it in a pattern. */
static bool add_suffixes(struct keys *k)
{
	struct text host = k->subject->host;
	char lower[RULE_KEY_TEXT_MAX];

	if (host.len > sizeof(lower))
		return false;
	for (size_t i = 0; i < host.len; i++) {
		if ((unsigned char)host.s[i] >= 0x80)
			return false;
		lower[i] =
			(char)(host.s[i] >= 'A' && host.s[i] <= 'Z' ? host.s[i] | 0x20 : host.s[i]);
	}
	for (size_t i = 0; i < host.len; i++)
		if (i == 0 || lower[i - 1] == '.')
			add(k, make_key(KEY_SUFFIX, 0, lower + i, host.len - i));
	return true;
}

int rule_keys_of_subject(
	const struct rule_key_kinds *k, const struct subject *s, uint64_t ret[static RULE_KEYS_MAX])
{
	struct keys keys = { .kinds = k, .subject = s, .keys = ret };

	add_texts(&keys);
	add_numbers(&keys);
	add_addrs(&keys);
	if (k->suffixes && !add_suffixes(&keys))
		return -1;
	return keys.n < RULE_KEYS_MAX ? (int)keys.n : -1;
}
