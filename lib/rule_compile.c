/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the flat form to an operator tree in one array, cheap comparisons first. */
#include "config.h"

#include "lib/rule.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/pattern_suffix.h"
#include "lib/rule_op.h"

/* ---- what an operand is */

enum kind {
	KIND_TRUE,
	KIND_TEXT,
	KIND_NUMBER,
	KIND_ADDR,
	KIND_NET,
	KIND_LIST,
	KIND_HASH,
	KIND_LISTS,
};

static enum kind operand_kind(enum operand o)
{
	switch (o) {
	case OPERAND_TRUE:
		return KIND_TRUE;
	case OPERAND_PROCESS_ID:
	case OPERAND_USER_ID:
	case OPERAND_SOURCE_PORT:
	case OPERAND_DEST_PORT:
		return KIND_NUMBER;
	case OPERAND_SOURCE_IP:
	case OPERAND_DEST_IP:
		return KIND_ADDR;
	case OPERAND_SOURCE_NETWORK:
	case OPERAND_DEST_NETWORK:
		return KIND_NET;
	case OPERAND_PROCESS_PATH:
	case OPERAND_PROCESS_PARENT_PATH:
	case OPERAND_PROCESS_COMMAND:
	case OPERAND_PROCESS_ENV:
	case OPERAND_USER_NAME:
	case OPERAND_DEST_HOST:
	case OPERAND_PROTOCOL:
	case OPERAND_IFACE_IN:
	case OPERAND_IFACE_OUT:
		return KIND_TEXT;
	case OPERAND_PROCESS_HASH_MD5:
	case OPERAND_PROCESS_HASH_SHA1:
	case OPERAND_PROCESS_HASH_SHA256:
		return KIND_HASH;
	case OPERAND_LISTS_DOMAINS:
	case OPERAND_LISTS_DOMAINS_REGEXP:
	case OPERAND_LISTS_IPS:
	case OPERAND_LISTS_NETS:
	case OPERAND_LISTS_HASH_MD5:
	case OPERAND_LISTS_HASH_SHA256:
		return KIND_LISTS;
	case OPERAND_LIST:
	case OPERAND_COUNT_:
		break;
	}
	return KIND_LIST;
}

/* ---- compiling */

struct compiler {
	const char *file;
	const struct rule_lists *lists;
	const struct rulewire_op *wire;
	struct rule *rule;
	char *texts; /* free room for texts behind the operators */
	uint32_t source[LIMIT_RULE_OPERATORS]; /* of each compiled operator: index in the file */
	uint32_t parent[LIMIT_RULE_OPERATORS]; /* and its parent, in the rule */
	struct error *err;
};

static struct text text_of(const struct compiler *c, struct rulewire_str s)
{
	return (struct text) { s.len ? c->file + s.off : NULL, s.len };
}

static const struct rule_words *words_of(const struct compiler *c, uint32_t i)
{
	return &c->rule->words[c->rule->ops[i].words];
}

/* Writes "operator.list[1].list[0]" for an operator; returns the length. */
static size_t write_path(const struct compiler *c, uint32_t i, char *buf, size_t size)
{
	size_t len;
	int n;

	if (i == 0)
		return (size_t)snprintf(buf, size, "operator");
	len = write_path(c, c->parent[i], buf, size);
	n = snprintf(
		buf + len, size - len, ".list[%u]", i - c->rule->ops[c->parent[i]].children.first);
	return len + (size_t)n;
}

/* `field` is one of the operator's own ("data"), or NULL for the operator as a whole. */
static int refuse(struct compiler *c, uint32_t i, int code, const char *field, const char *what)
{
	char place[32 + 24 * (LIMIT_RULE_DEPTH + 1)];
	size_t len = write_path(c, i, place, sizeof(place));

	if (field)
		snprintf(place + len, sizeof(place) - len, ".%s", field);
	return error_set(c->err, code, place, "%s", what);
}

/* Decimal digits and nothing else, up to `end`; false past 32 bits. */
static bool parse_number(const char **s, const char *end, uint64_t *ret)
{
	uint64_t v = 0;
	const char *p = *s;

	while (p < end && *p >= '0' && *p <= '9' && v <= UINT32_MAX)
		v = v * 10 + (uint64_t)(*p++ - '0');
	if (p == *s || v > UINT32_MAX)
		return false;
	*s = p;
	*ret = v;
	return true;
}

static void skip_spaces(const char **s, const char *end)
{
	while (*s < end && **s == ' ')
		(*s)++;
}

static int compile_number(struct compiler *c, uint32_t i, struct text data)
{
	struct rule_op *op = &c->rule->ops[i];
	const char *s = data.s, *end = data.len ? data.s + data.len : s;
	uint64_t v;

	if (!parse_number(&s, end, &v) || s != end)
		return refuse(c, i, ERR_INVALID, "data", "a number is expected here");
	op->test = TEST_RANGE;
	op->span = (struct rule_span) { v, v };
	return 0;
}

/* OpenSnitch ignores spaces around the numbers. */
static int compile_range(struct compiler *c, uint32_t i, struct text data)
{
	struct rule_op *op = &c->rule->ops[i];
	const char *s = data.s, *end = data.len ? data.s + data.len : s;
	struct rule_span span;
	bool good;

	skip_spaces(&s, end);
	good = parse_number(&s, end, &span.min);
	skip_spaces(&s, end);
	good = good && s < end && *s++ == '-';
	skip_spaces(&s, end);
	good = good && parse_number(&s, end, &span.max);
	skip_spaces(&s, end);
	if (!good || s != end)
		return refuse(c, i, ERR_INVALID, "data", "\"min-max\" is expected here");
	if (span.min > span.max)
		return refuse(c, i, ERR_INVALID, "data", "the range ends before it begins");
	op->test = TEST_RANGE;
	op->span = span;
	return 0;
}

/* A copy that ends with NUL, for the parsers of addresses; false when it is too long to be one. */
static bool copy_text(struct text data, char *buf, size_t size)
{
	if (data.len >= size)
		return false;
	if (data.len)
		memcpy(buf, data.s, data.len);
	buf[data.len] = '\0';
	return true;
}

static int compile_addr(struct compiler *c, uint32_t i, struct text data)
{
	struct rule_op *op = &c->rule->ops[i];
	char buf[IP_ADDR_TEXT_LEN];

	if (!copy_text(data, buf, sizeof(buf)) || ip_addr_parse(buf, &op->addr) < 0)
		return refuse(c, i, ERR_INVALID, "data", "an IP address is expected here");
	op->test = TEST_ADDR;
	return 0;
}

/* An alias of the console's comes with its networks; a shipped one is known here. */
static int compile_network(struct compiler *c, uint32_t i, struct text data)
{
	struct rule_op *op = &c->rule->ops[i];
	struct text extra = words_of(c, i)->extra;
	char buf[IP_ADDR_TEXT_LEN + 4];

	op->test = TEST_NETS;
	if (extra.len) {
		int r = rule_nets_parse(extra, &op->nets.owned, &op->nets.n);

		op->nets.list = op->nets.owned;
		return r < 0 ? refuse(c, i, r, "data", "the networks of the alias are not valid")
			     : 0;
	}
	if (!copy_text(data, buf, sizeof(buf)))
		buf[0] = '\0';
	op->nets.list = rule_alias_find(buf, &op->nets.n);
	if (op->nets.list)
		return 0;
	op->test = TEST_NET;
	if (ip_net_parse(buf, &op->net) < 0)
		return refuse(c, i, ERR_INVALID, "data",
			"a network as 192.0.2.0/24 is expected here, or the name of one in "
			"network_aliases.json");
	return 0;
}

/* A copy in the rule's own memory, near its operators. */
static struct text keep_text(struct compiler *c, struct text t)
{
	char *copy = c->texts;

	if (!t.len)
		return t;
	memcpy(copy, t.s, t.len);
	c->texts += t.len;
	return (struct text) { copy, t.len };
}

/* What the pattern says, where that is "this name and all below it". */
static void note_domain(struct compiler *c, struct rule_op *op, struct text data)
{
	char name[LIMIT_HOST];
	bool is_all = false;
	size_t len = pattern_suffix(data.s, data.len, name, sizeof(name), &is_all);

	if (is_all)
		op->pattern.domain = keep_text(c, (struct text) { name, len });
}

static int compile_pattern(struct compiler *c, uint32_t i, struct text data)
{
	struct rule_op *op = &c->rule->ops[i];
	struct error why = { 0 };
	struct pattern *p = NULL;
	int r = pattern_new(data.s, data.len, op->sensitive, &p, &why);

	if (r < 0)
		return refuse(c, i, r, "data", why.message);
	op->test = TEST_PATTERN;
	op->pattern.regexp = p;
	if (!op->sensitive)
		note_domain(c, op, data);
	return 0;
}

static bool is_digest(enum operand o, struct text data)
{
	static const size_t lengths[DIGEST_COUNT_] = {
		[DIGEST_MD5] = 32, [DIGEST_SHA1] = 40, [DIGEST_SHA256] = 64
	};
	enum digest which;

	if (!rule_operand_digest(o, &which) || data.len != lengths[which])
		return false;
	for (size_t i = 0; i < data.len; i++)
		if (!isxdigit((unsigned char)data.s[i]))
			return false;
	return true;
}

static int compile_simple(struct compiler *c, uint32_t i, enum kind kind, struct text data)
{
	struct rule_op *op = &c->rule->ops[i];

	if (kind == KIND_NUMBER)
		return compile_number(c, i, data);
	if (kind == KIND_ADDR)
		return compile_addr(c, i, data);
	if (kind == KIND_NET)
		return refuse(c, i, ERR_INVALID, "type", "this operand needs type network");
	if (kind == KIND_HASH && !is_digest(op->operand, data))
		return refuse(c, i, ERR_INVALID, "data",
			"a digest of this kind in hexadecimal is expected here");
	op->test = TEST_TEXT;
	op->text = keep_text(c, data);
	return 0;
}

/* Reserves the children of a list behind all operators there are by now. */
static int compile_list(struct compiler *c, uint32_t i, const struct rulewire_op *w)
{
	struct rule_op *op = &c->rule->ops[i];
	uint32_t first = c->rule->n_ops;

	if (w->n_children == 0)
		return refuse(c, i, ERR_INVALID, "list", "an empty list would match everything");
	op->test = TEST_ALL;
	op->children = (struct rule_run) { first, w->n_children };
	for (uint32_t k = 0; k < w->n_children; k++) {
		c->source[first + k] = w->first_child + k;
		c->parent[first + k] = i;
	}
	c->rule->n_ops += w->n_children;
	return 0;
}

static int compile_compare(
	struct compiler *c, uint32_t i, const struct rulewire_op *w, enum kind kind)
{
	struct text data = text_of(c, w->data);

	switch ((enum operator_type)w->type) {
	case OPERATOR_SIMPLE:
		return compile_simple(c, i, kind, data);
	case OPERATOR_REGEXP:
		if (kind == KIND_NET)
			return refuse(c, i, ERR_INVALID, "type", "this operand needs type network");
		return compile_pattern(c, i, data);
	case OPERATOR_NETWORK:
		if (kind != KIND_ADDR && kind != KIND_NET)
			return refuse(c, i, ERR_INVALID, "type",
				"type network needs an address: dest.network, source.network, "
				"dest.ip or source.ip");
		return compile_network(c, i, data);
	case OPERATOR_RANGE:
		if (kind != KIND_NUMBER)
			return refuse(
				c, i, ERR_INVALID, "type", "type range needs a port or an id");
		return compile_range(c, i, data);
	case OPERATOR_LIST:
	case OPERATOR_LISTS:
	case OPERATOR_COUNT_:
		break;
	}
	return refuse(c, i, ERR_INVALID, "type", "no such type");
}

/* OpenSnitch goes by the operand: an older rule may say another type. */
static int compile_lists(struct compiler *c, uint32_t i, enum kind kind)
{
	struct rule_op *op = &c->rule->ops[i];
	const struct rule_lists *lists = c->lists;
	struct text folder = words_of(c, i)->data;

	if (kind != KIND_LISTS)
		return refuse(c, i, ERR_INVALID, "operand",
			"type lists needs lists.domains, lists.domains_regexp, lists.ips, "
			"lists.nets, lists.hash.md5 or lists.hash.sha256");
	if (!folder.len || folder.s[0] != '/' || folder.len > LIMIT_PATH)
		return refuse(c, i, ERR_INVALID, "data",
			"the folder of the list files is expected here, as a path from /");
	op->type = OPERATOR_LISTS;
	op->test = TEST_LISTS;
	op->lists = lists ? lists->find(lists->ctx, (enum operand)op->operand, folder) : NULL;
	if (op->lists)
		listset_ref(op->lists);
	return 0;
}

static void note_needs(struct rule *r)
{
	enum digest which;

	for (uint32_t i = 0; i < r->n_ops; i++)
		if (rule_operand_digest((enum operand)r->ops[i].operand, &which))
			r->needs |= 1u << which;
}

static int compile_op(struct compiler *c, uint32_t i)
{
	const struct rulewire_op *w = &c->wire[c->source[i]];
	struct rule_op *op = &c->rule->ops[i];
	enum kind kind = operand_kind((enum operand)w->operand);

	op->type = (uint8_t)w->type;
	op->operand = (uint8_t)w->operand;
	op->sensitive = w->sensitive;
	op->words = i;
	c->rule->words[i] = (struct rule_words) {
		.source = c->source[i],
		.data = text_of(c, w->data),
		.extra = text_of(c, w->extra),
	};
	if (w->type == OPERATOR_LIST)
		return compile_list(c, i, w);
	if (w->type == OPERATOR_LISTS || kind == KIND_LISTS)
		return compile_lists(c, i, kind);
	if (kind == KIND_TRUE) {
		op->test = TEST_TRUE;
		return 0;
	}
	return compile_compare(c, i, w, kind);
}

/* A digest can cost the reading of a big file: asked for last. */
static unsigned cost_of(const struct rule_op *op)
{
	enum digest which;

	return rule_operand_digest((enum operand)op->operand, &which) ? TEST_PATTERN + 1u
								      : (unsigned)op->test;
}

/* Stable, cheapest first. Grandchildren are found by index, so parents can move. */
static void sort_children(struct rule *r, struct rule_run run)
{
	for (uint32_t i = run.first + 1; i < run.first + run.n; i++) {
		struct rule_op op = r->ops[i];
		uint32_t k = i;

		for (; k > run.first && cost_of(&r->ops[k - 1]) > cost_of(&op); k--)
			r->ops[k] = r->ops[k - 1];
		r->ops[k] = op;
	}
}

struct size {
	uint32_t n_ops;
	size_t texts; /* bytes */
};

/* Adds what the tree needs: at most LIMIT_RULE_OPERATORS operators, as rulewire_check() has proven. */
static void add_size(const struct rulewire_op *wire, uint32_t root, struct size *size)
{
	size->n_ops++;
	size->texts += wire[root].data.len;
	for (uint32_t k = 0; k < wire[root].n_children; k++)
		add_size(wire, wire[root].first_child + k, size);
}

static struct rule *make_rule(struct compiler *c, uint32_t root)
{
	struct size size = { 0 };
	struct rule *r;
	char *at;

	add_size(c->wire, root, &size);
	r = calloc(1, sizeof(*r) +
			      size.n_ops * (sizeof(struct rule_op) + sizeof(struct rule_words)) +
			      size.texts);
	if (!r)
		return NULL;
	r->words = (struct rule_words *)&r->ops[size.n_ops];
	at = (char *)&r->words[size.n_ops];
	c->texts = at;
	return r;
}

int rule_compile(const void *file, uint32_t root, const struct rule_lists *lists, struct rule **ret,
	struct error *err)
{
	const struct rulewire_header *h = file;
	struct compiler c = { .file = file, .lists = lists, .err = err };
	int r = 0;

	c.wire = (const void *)(c.file + h->ops_off);
	c.rule = make_rule(&c, root);
	if (!c.rule)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	c.source[0] = root;
	c.rule->n_ops = 1;
	for (uint32_t i = 0; r == 0 && i < c.rule->n_ops; i++)
		r = compile_op(&c, i);
	if (r < 0) {
		rule_free(c.rule);
		return r;
	}
	for (uint32_t i = 0; i < c.rule->n_ops; i++)
		if (c.rule->ops[i].test == TEST_ALL)
			sort_children(c.rule, c.rule->ops[i].children);
	note_needs(c.rule);
	*ret = c.rule;
	return 0;
}
