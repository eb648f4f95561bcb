/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From OpenSnitch's JSON to the flat form, one operator after the other. */
#include "config.h"

#include "api/rule_operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/network_aliases.h"
#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/operand.h"
#include "lib/rule.h"
#include "lib/rulewire.h"
#include "lib/rulewire_build.h"
#include "lib/rulewire_check.h"

struct flattener {
	struct rulewire_builder *b;
	const struct network_aliases *aliases;
	unsigned n; /* operators so far */
	struct error *err;
	/* Lists written as a JSON string in "data": kept until the end, as their strings are borrowed. */
	json_t *parsed;
	char place[160]; /* of the operator at hand */
};

static int refuse(struct flattener *f, int code, const char *field, const char *what)
{
	char place[sizeof(f->place) + 16];

	snprintf(place, sizeof(place), "%s.%s", f->place, field);
	return error_set(f->err, code, place, "%s", what);
}

/* A text member: "" where it is missing or null. */
static int text_member(struct flattener *f, const json_t *op, const char *field, struct text *ret)
{
	const json_t *v = json_object_get(op, field);

	*ret = (struct text) { "", 0 };
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_string(v))
		return refuse(f, ERR_INVALID, field, "a text is expected here");
	*ret = (struct text) { json_string_value(v), json_string_length(v) };
	if (ret->len > LIMIT_RULE_DATA)
		return refuse(f, ERR_TOO_BIG, field, "the text is too long");
	return 0;
}

static int bool_member(struct flattener *f, const json_t *op, const char *field, bool *ret)
{
	const json_t *v = json_object_get(op, field);

	*ret = json_is_true(v);
	if (v && !json_is_null(v) && !json_is_boolean(v))
		return refuse(f, ERR_INVALID, field, "true or false is expected here");
	return 0;
}

/*
 * The list of an operator of type list. OpenSnitch before 1.6 wrote it as JSON text into "data", with "list" missing, null or
 * empty.
 */
static int list_member(struct flattener *f, const json_t *op, struct text data, const json_t **ret)
{
	const json_t *list = json_object_get(op, "list");
	json_t *parsed;

	if (list && !json_is_null(list) && !json_is_array(list))
		return refuse(f, ERR_INVALID, "list", "an array of operators is expected here");
	*ret = list;
	if (json_array_size(list) > 0 || !data.len)
		return 0;
	parsed = json_loadb(data.s, data.len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_array(parsed)) {
		json_decref(parsed);
		return refuse(f, ERR_INVALID, "data", "a list as JSON text is expected here");
	}
	*ret = parsed;
	return json_array_append_new(f->parsed, parsed) < 0 ? ERR_NOMEM : 0;
}

static int flatten(struct flattener *f, const json_t *op, uint32_t index, unsigned depth);

static int flatten_list(
	struct flattener *f, const json_t *op, uint32_t index, unsigned depth, struct text data)
{
	size_t here = strlen(f->place), n;
	const json_t *list = NULL;
	uint32_t first;
	struct text unused;
	bool unused_too;
	int r = text_member(f, op, "operand", &unused);

	/* They mean nothing here, and are given back as they came. */
	if (r == 0)
		r = bool_member(f, op, "sensitive", &unused_too);
	if (r == 0)
		r = list_member(f, op, data, &list);
	if (r < 0)
		return r;
	n = json_array_size(list);
	if (!n)
		return refuse(f, ERR_INVALID, "list", "an empty list would match everything");
	if (n > LIMIT_RULE_OPERATORS - f->n)
		return refuse(f, ERR_TOO_BIG, "list", "the rule has too many operators");
	if (depth >= LIMIT_RULE_DEPTH)
		return refuse(f, ERR_TOO_BIG, "list", "lists are nested too deep");
	f->n += (unsigned)n;
	first = rulewire_build_list(f->b, index, (uint32_t)n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		snprintf(f->place + here, sizeof(f->place) - here, ".list[%zu]", i);
		r = flatten(f, json_array_get(list, i), first + (uint32_t)i, depth + 1);
	}
	if (r == 0)
		f->place[here] = '\0';
	return r;
}

/* The operand's own text behind a known prefix is borrowed from the document. */
static int flatten_compare(struct flattener *f, const json_t *op, uint32_t index,
	enum operator_type type, struct text data)
{
	struct text name = { NULL, 0 }, extra = { NULL, 0 };
	const char *extra_name;
	enum operand operand;
	bool sensitive = false;
	int r = text_member(f, op, "operand", &name);

	if (r == 0)
		r = bool_member(f, op, "sensitive", &sensitive);
	if (r < 0)
		return r;
	if (!name.len)
		return refuse(f, ERR_INVALID, "operand", "an operand is missing");
	if (!operand_parse(name.s, &operand, &extra_name) || operand == OPERAND_LIST)
		return refuse(f, ERR_INVALID, "operand", "no operand has this name");
	if (type == OPERATOR_REGEXP && !data.len)
		return refuse(f, ERR_INVALID, "data",
			"an empty expression would match everything (use operand \"true\" for "
			"that)");
	if (type == OPERATOR_NETWORK)
		extra_name = network_alias_find(f->aliases, data.s);
	if (extra_name)
		extra = (struct text) { extra_name, strlen(extra_name) };
	rulewire_build_op(f->b, index, type, operand, sensitive, data, extra);
	return 0;
}

static int flatten(struct flattener *f, const json_t *op, uint32_t index, unsigned depth)
{
	enum operator_type type;
	struct text name = { NULL, 0 }, data = { NULL, 0 };
	int r;

	if (!json_is_object(op))
		return error_set(f->err, ERR_INVALID, f->place, "an operator is an object");
	r = text_member(f, op, "type", &name);
	if (r == 0)
		r = text_member(f, op, "data", &data);
	if (r < 0)
		return r;
	if (!name.len)
		return refuse(f, ERR_INVALID, "type", "a type is missing");
	if (!operator_type_parse(name.s, &type))
		return refuse(f, ERR_INVALID, "type",
			"simple, regexp, network, range, list or lists is expected here");
	if (type == OPERATOR_LIST)
		return flatten_list(f, op, index, depth, data);
	return flatten_compare(f, op, index, type, data);
}

/* The engine's own judgement. */
static int judge(const void *wire, size_t len, struct error *err)
{
	const struct rulewire_header *h = wire;
	struct rule *rule = NULL;
	int r = rulewire_check(wire, len, err);

	if (r == 0)
		r = rule_compile(wire,
			((const struct rulewire_rule *)(const void *)((const char *)wire +
								      h->rules_off))
				->root_op,
			NULL, &rule, err);
	rule_free(rule);
	return r;
}

static void cleanup_flattener(struct flattener *f)
{
	rulewire_builder_free(f->b);
	json_decref(f->parsed);
}

int rule_operator_flatten(const json_t *operator, const struct network_aliases * aliases,
	const char *name, enum action action, bool precedence, bool nolog, void **ret,
	size_t *ret_len, struct error *err)
{
	struct flattener f __attribute__((
		cleanup(cleanup_flattener))) = { .aliases = aliases, .err = err, .n = 1 };
	_cleanup_free_ void *wire = NULL;
	uint32_t root;
	size_t len;
	int r;

	if (!operator)
		return error_set(err, ERR_INVALID, "operator", "the operator is missing");
	f.b = rulewire_builder_new();
	f.parsed = json_array();
	if (!f.b || !f.parsed)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	snprintf(f.place, sizeof(f.place), "operator");
	root = rulewire_build_rule(
		f.b, (struct text) { name, strlen(name) }, action, precedence, nolog, 0);
	r = flatten(&f, operator, root, 1);
	if (r < 0)
		return r == ERR_NOMEM ? error_set(err, r, NULL, "%s", err_str(r)) : r;
	r = rulewire_build_finish(f.b, 0, &wire, &len);
	if (r < 0)
		return error_set(err, r, "operator", "%s", err_str(r));
	r = judge(wire, len, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(wire);
	*ret_len = len;
	return 0;
}

/* ---- from one set into another */

struct copier {
	const char *wire;
	const struct rulewire_op *ops;
	struct rulewire_builder *b;
};

static struct text text_of(const struct copier *c, struct rulewire_str s)
{
	return (struct text) { s.len ? c->wire + s.off : NULL, s.len };
}

static void copy_op(const struct copier *c, uint32_t from, uint32_t to)
{
	const struct rulewire_op *op = &c->ops[from];
	uint32_t first;

	if (op->type != OPERATOR_LIST) {
		rulewire_build_op(c->b, to, (enum operator_type)op->type, (enum operand)op->operand,
			op->sensitive, text_of(c, op->data), text_of(c, op->extra));
		return;
	}
	first = rulewire_build_list(c->b, to, op->n_children);
	for (uint32_t i = 0; i < op->n_children; i++)
		copy_op(c, op->first_child + i, first + i);
}

void rule_operator_build(const void *wire, struct rulewire_builder *b, uint64_t expires_boot_ns)
{
	const struct rulewire_header *h = wire;
	struct copier c = { .wire = wire, .b = b };
	const struct rulewire_rule *rule = (const void *)(c.wire + h->rules_off);

	c.ops = (const void *)(c.wire + h->ops_off);
	copy_op(&c, rule->root_op,
		rulewire_build_rule(b, text_of(&c, rule->name), (enum action)rule->action,
			rule->precedence, rule->nolog, expires_boot_ns));
}
