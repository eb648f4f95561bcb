/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules laid out flat: three growing tables, put one behind the other at the end. */
#include "config.h"

#include "lib/rulewire_build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/limits.h"
#include "lib/rulewire.h"

/* A type that stands for an operator reserved and not yet filled. */
#define OP_RESERVED 0xff

struct table {
	uint8_t *bytes;
	size_t len, room;
};

struct rulewire_builder {
	struct table rules; /* struct rulewire_rule; strings count from the start of their table */
	struct table ops; /* struct rulewire_op, likewise */
	struct table strings;
	uint32_t rule_ops; /* operators of the rule being told */
	int failed; /* the first error, or 0 */
};

static void fail(struct rulewire_builder *b, int code)
{
	if (!b->failed)
		b->failed = code;
}

/* `n` zeroed bytes at the end of a table, or NULL and a sticky failure. */
static void *table_grow(struct rulewire_builder *b, struct table *t, size_t n)
{
	uint8_t *p;

	if (b->failed)
		return NULL;
	if (n > LIMIT_RULESET_BYTES - t->len) {
		fail(b, ERR_TOO_BIG);
		return NULL;
	}
	if (n > t->room - t->len) {
		size_t room = t->room ? t->room : 1024;

		while (room < t->len + n)
			room *= 2;
		p = realloc(t->bytes, room);
		if (!p) {
			fail(b, ERR_NOMEM);
			return NULL;
		}
		t->bytes = p;
		t->room = room;
	}
	p = t->bytes + t->len;
	memset(p, 0, n);
	t->len += n;
	return p;
}

static uint32_t n_ops(const struct rulewire_builder *b)
{
	return (uint32_t)(b->ops.len / sizeof(struct rulewire_op));
}

static struct rulewire_op *op_at(struct rulewire_builder *b, uint32_t index)
{
	return (struct rulewire_op *)(void *)b->ops.bytes + index;
}

static struct rulewire_str put_string(struct rulewire_builder *b, struct text s)
{
	struct rulewire_str ret = { 0 };
	void *to;

	if (!s.len)
		return ret;
	ret.off = (uint32_t)b->strings.len;
	ret.len = (uint32_t)s.len;
	to = table_grow(b, &b->strings, s.len);
	if (to)
		memcpy(to, s.s, s.len);
	return ret;
}

/* Reserves a run of operators of the current rule; the index of the first. */
static uint32_t reserve_ops(struct rulewire_builder *b, uint32_t n)
{
	uint32_t first = n_ops(b);
	struct rulewire_op *op;

	if (n > LIMIT_RULE_OPERATORS - b->rule_ops) {
		fail(b, ERR_TOO_BIG);
		return 0;
	}
	op = table_grow(b, &b->ops, n * sizeof(*op));
	if (!op)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		op[i].type = OP_RESERVED;
	b->rule_ops += n;
	return first;
}

/* The operator, when it is reserved and still to be filled. */
static struct rulewire_op *take_reserved(struct rulewire_builder *b, uint32_t index)
{
	struct rulewire_op *op;

	if (b->failed)
		return NULL;
	op = index < n_ops(b) ? op_at(b, index) : NULL;
	if (!op || op->type != OP_RESERVED) {
		fail(b, ERR_INVALID);
		return NULL;
	}
	return op;
}

struct rulewire_builder *rulewire_builder_new(void)
{
	return calloc(1, sizeof(struct rulewire_builder));
}

void rulewire_builder_free(struct rulewire_builder *b)
{
	if (!b)
		return;
	free(b->rules.bytes);
	free(b->ops.bytes);
	free(b->strings.bytes);
	free(b);
}

uint32_t rulewire_build_rule(struct rulewire_builder *b, struct text name, enum action action,
	bool precedence, bool nolog, uint64_t expires_boot_ns)
{
	struct rulewire_rule rule = {
		.expires_boot_ns = expires_boot_ns,
		.action = (uint8_t)action,
		.precedence = precedence,
		.nolog = nolog,
	};
	struct rulewire_rule *to;

	if (b->rules.len / sizeof(rule) >= LIMIT_RULES || name.len > LIMIT_RULE_NAME)
		fail(b, ERR_TOO_BIG);
	b->rule_ops = 0;
	rule.root_op = reserve_ops(b, 1);
	rule.name = put_string(b, name);
	to = table_grow(b, &b->rules, sizeof(rule));
	if (to)
		*to = rule;
	return rule.root_op;
}

void rulewire_build_op(struct rulewire_builder *b, uint32_t index, enum operator_type type,
	enum operand operand, bool sensitive, struct text data, struct text extra)
{
	struct rulewire_op *op = take_reserved(b, index);

	if (!op)
		return;
	if (data.len > LIMIT_RULE_DATA || extra.len > LIMIT_RULE_DATA) {
		fail(b, ERR_TOO_BIG);
		return;
	}
	op->type = (uint8_t)type;
	op->operand = (uint8_t)operand;
	op->sensitive = sensitive;
	op->data = put_string(b, data);
	op->extra = put_string(b, extra);
}

uint32_t rulewire_build_list(struct rulewire_builder *b, uint32_t index, uint32_t n)
{
	uint32_t first = reserve_ops(b, n);
	struct rulewire_op *op = take_reserved(b, index);

	if (!op)
		return 0;
	op->type = OPERATOR_LIST;
	op->operand = OPERAND_LIST;
	op->first_child = n ? first : 0;
	op->n_children = n;
	return first;
}

static struct text rule_name(const struct rulewire_builder *b, const struct rulewire_rule *r)
{
	return (struct text) { (const char *)b->strings.bytes + r->name.off, r->name.len };
}

static int rule_compare(const void *x, const void *y, void *ctx)
{
	struct text a = rule_name(ctx, x), b = rule_name(ctx, y);
	size_t least = a.len < b.len ? a.len : b.len;
	int c = least ? memcmp(a.s, b.s, least) : 0;

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int sort_rules(struct rulewire_builder *b)
{
	struct rulewire_rule *rules = (struct rulewire_rule *)(void *)b->rules.bytes;
	size_t n = b->rules.len / sizeof(*rules);

	if (n < 2)
		return 0;
	qsort_r(rules, n, sizeof(*rules), rule_compare, b);
	for (size_t i = 1; i < n; i++)
		if (rule_compare(&rules[i - 1], &rules[i], b) == 0)
			return ERR_EXISTS;
	return 0;
}

static int check_filled(struct rulewire_builder *b)
{
	for (uint32_t i = 0; i < n_ops(b); i++)
		if (op_at(b, i)->type == OP_RESERVED)
			return ERR_INVALID;
	return 0;
}

static void move_string(struct rulewire_str *s, uint32_t by)
{
	if (s->len)
		s->off += by;
}

/* Copies the tables behind the header; their strings then count from the start of the file. */
static void lay_out(
	const struct rulewire_builder *b, const struct rulewire_header *h, uint8_t *file)
{
	struct rulewire_rule *rules = (struct rulewire_rule *)(void *)(file + h->rules_off);
	struct rulewire_op *ops = (struct rulewire_op *)(void *)(file + h->ops_off);

	memcpy(file, h, sizeof(*h));
	if (b->rules.len)
		memcpy(rules, b->rules.bytes, b->rules.len);
	if (b->ops.len)
		memcpy(ops, b->ops.bytes, b->ops.len);
	if (b->strings.len)
		memcpy(file + h->strings_off, b->strings.bytes, b->strings.len);
	for (uint32_t i = 0; i < h->n_rules; i++)
		move_string(&rules[i].name, h->strings_off);
	for (uint32_t i = 0; i < h->n_ops; i++) {
		move_string(&ops[i].data, h->strings_off);
		move_string(&ops[i].extra, h->strings_off);
	}
}

int rulewire_build_finish(
	struct rulewire_builder *b, uint64_t generation, void **ret, size_t *ret_len)
{
	size_t total = sizeof(struct rulewire_header) + b->rules.len + b->ops.len + b->strings.len;
	struct rulewire_header h = {
		.magic = RULEWIRE_MAGIC,
		.version = RULEWIRE_VERSION,
		.total_len = total,
		.generation = generation,
		.n_rules = (uint32_t)(b->rules.len / sizeof(struct rulewire_rule)),
		.rules_off = sizeof(h),
		.n_ops = n_ops(b),
		.ops_off = (uint32_t)(sizeof(h) + b->rules.len),
		.strings_off = (uint32_t)(sizeof(h) + b->rules.len + b->ops.len),
		.strings_len = (uint32_t)b->strings.len,
	};
	uint8_t *file;
	int r = b->failed;

	if (r == 0)
		r = check_filled(b);
	if (r == 0)
		r = sort_rules(b);
	if (r < 0)
		return r;
	if (total > LIMIT_RULESET_BYTES)
		return ERR_TOO_BIG;
	file = malloc(total);
	if (!file)
		return ERR_NOMEM;
	lay_out(b, &h, file);
	*ret = file;
	*ret_len = total;
	return 0;
}

static int write_all(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_from_errno(errno);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int rulewire_build_fd(struct rulewire_builder *b, uint64_t generation)
{
	_cleanup_free_ void *file = NULL;
	_cleanup_close_ int fd = -1;
	size_t len;
	int r = rulewire_build_finish(b, generation, &file, &len);

	if (r < 0)
		return r;
	fd = memfd_create("opensnitch-rules", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_from_errno(errno);
	r = write_all(fd, file, len);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_from_errno(errno);
	return steal_fd(&fd);
}
