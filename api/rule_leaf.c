/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Comparisons of rules, alone and against each other. */
#include "config.h"

#include "api/rule_leaf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/subject_doc.h"
#include "lib/addr.h"
#include "lib/cleanup.h"
#include "lib/rule.h"
#include "lib/rulewire.h"
#include "lib/rulewire_build.h"

/* ---- taking apart */

struct rule_leaves *rule_leaves_new(const struct rule_doc *doc)
{
	const struct rulewire_header *h = doc->wire;
	const char *wire = doc->wire;
	const struct rulewire_op *ops = (const void *)(wire + h->ops_off);
	struct rule_leaves *l = calloc(1, sizeof(*l) + h->n_ops * sizeof(l->items[0]));

	for (uint32_t i = 0; l && i < h->n_ops; i++) {
		const struct rulewire_op *op = &ops[i];

		if (op->type == OPERATOR_LIST)
			continue;
		l->items[l->n++] = (struct rule_leaf) {
			.type = (enum operator_type)op->type,
			.operand = (enum operand)op->operand,
			.sensitive = op->sensitive,
			.data = { wire + op->data.off, op->data.len },
			.extra = { wire + op->extra.off, op->extra.len },
		};
	}
	return l;
}

void rule_leaves_free(struct rule_leaves *l)
{
	for (size_t i = 0; l && i < l->n; i++) {
		rule_free(l->items[i].rule);
		free(l->items[i].file);
	}
	free(l);
}

enum operand rule_leaf_subject(const struct rule_leaf *l)
{
	if (l->operand == OPERAND_DEST_NETWORK)
		return OPERAND_DEST_IP;
	return l->operand == OPERAND_SOURCE_NETWORK ? OPERAND_SOURCE_IP : l->operand;
}

/* ---- one alone */

static int compile(struct rule_leaf *l)
{
	struct rulewire_builder *b = rulewire_builder_new();
	struct error err;
	size_t len;
	int r;

	if (!b)
		return ERR_NOMEM;
	rulewire_build_op(b,
		rulewire_build_rule(b, (struct text) { "x", 1 }, ACTION_ALLOW, false, false, 0),
		l->type, l->operand, l->sensitive, l->data, l->extra);
	r = rulewire_build_finish(b, 0, &l->file, &len);
	rulewire_builder_free(b);
	return r < 0 ? r : rule_compile(l->file, 0, NULL, &l->rule, &err);
}

int rule_leaf_match(struct rule_leaf *l, const struct subject *subject)
{
	int r = l->rule ? 0 : compile(l);

	return r < 0 ? r : rule_match(l->rule, subject);
}

/* ---- the value that a `simple` comparison asks for, as a connection */

static json_t *text_of(const struct rule_leaf *l)
{
	return json_stringn(l->data.s, l->data.len);
}

static json_t *number_of(const struct rule_leaf *l)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%.*s", (int)l->data.len, l->data.s);
	return json_integer(strtol(digits, NULL, 10));
}

/* A connection of which only this value is known, or NULL where there is no such. */
static json_t *example_of(const struct rule_leaf *l)
{
	switch (rule_leaf_subject(l)) {
	case OPERAND_PROCESS_ID:
		return json_pack("{s:{s:o}}", "process", "pid", number_of(l));
	case OPERAND_PROCESS_PATH:
		return json_pack("{s:{s:o}}", "process", "path", text_of(l));
	case OPERAND_PROCESS_PARENT_PATH:
		return json_pack("{s:{s:[{s:o}]}}", "process", "parents", "path", text_of(l));
	case OPERAND_PROCESS_COMMAND:
		return json_pack("{s:{s:[o]}}", "process", "args", text_of(l));
	case OPERAND_USER_ID:
		return json_pack("{s:{s:o}}", "process", "uid", number_of(l));
	case OPERAND_USER_NAME:
		return json_pack("{s:{s:o}}", "process", "user", text_of(l));
	case OPERAND_SOURCE_IP:
		return json_pack("{s:{s:o}}", "source", "ip", text_of(l));
	case OPERAND_SOURCE_PORT:
		return json_pack("{s:{s:o}}", "source", "port", number_of(l));
	case OPERAND_DEST_IP:
		return json_pack("{s:{s:o}}", "dest", "ip", text_of(l));
	case OPERAND_DEST_HOST:
		return json_pack("{s:{s:o}}", "dest", "host", text_of(l));
	case OPERAND_DEST_PORT:
		return json_pack("{s:{s:o}}", "dest", "port", number_of(l));
	case OPERAND_PROTOCOL:
		return json_pack("{s:o}", "protocol", text_of(l));
	case OPERAND_IFACE_IN:
		return json_pack("{s:{s:o}}", "iface", "in", text_of(l));
	case OPERAND_IFACE_OUT:
		return json_pack("{s:{s:o}}", "iface", "out", text_of(l));
	case OPERAND_TRUE:
	case OPERAND_PROCESS_ENV:
	case OPERAND_PROCESS_HASH_MD5:
	case OPERAND_PROCESS_HASH_SHA1:
	case OPERAND_PROCESS_HASH_SHA256:
	case OPERAND_SOURCE_NETWORK:
	case OPERAND_DEST_NETWORK:
	case OPERAND_LISTS_DOMAINS:
	case OPERAND_LISTS_DOMAINS_REGEXP:
	case OPERAND_LISTS_IPS:
	case OPERAND_LISTS_NETS:
	case OPERAND_LISTS_HASH_MD5:
	case OPERAND_LISTS_HASH_SHA256:
	case OPERAND_LIST:
	case OPERAND_COUNT_:
		break;
	}
	return NULL;
}

/* Whether `asked` takes the one value that `simple` stands for: 1, 0, or -1 where that cannot be said. */
static int takes_value(struct rule_leaf *asked, const struct rule_leaf *simple)
{
	json_t *example = simple->data.len ? example_of(simple) : NULL;
	struct subject_doc d;
	struct error err;
	int r = -1;

	if (!example)
		return -1;
	if (subject_doc_read(example, "", &d, &err) == 0)
		r = rule_leaf_match(asked, &d.subject);
	subject_doc_done(&d);
	json_decref(example);
	return r < 0 ? -1 : r;
}

/* ---- against each other */

static bool same_text(struct text a, struct text b, bool sensitive)
{
	if (a.len != b.len)
		return false;
	return sensitive ? memcmp(a.s, b.s, a.len) == 0 : strncasecmp(a.s, b.s, a.len) == 0;
}

static bool same_extra(const struct rule_leaf *x, const struct rule_leaf *y)
{
	return same_text(x->extra, y->extra, true);
}

static bool is_equal(const struct rule_leaf *x, const struct rule_leaf *y)
{
	return x->type == y->type && x->operand == y->operand && x->sensitive == y->sensitive &&
	       same_extra(x, y) &&
	       same_text(x->data, y->data, x->type != OPERATOR_SIMPLE || x->sensitive);
}

static bool has_case(enum operand o)
{
	return o == OPERAND_PROCESS_PATH || o == OPERAND_PROCESS_PARENT_PATH ||
	       o == OPERAND_PROCESS_COMMAND || o == OPERAND_USER_NAME || o == OPERAND_IFACE_IN ||
	       o == OPERAND_IFACE_OUT || o == OPERAND_PROCESS_ENV;
}

static bool parse_net(const struct rule_leaf *l, struct ip_net *ret)
{
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)l->data.len, l->data.s);
	return l->data.len < sizeof(text) && ip_net_parse(text, ret) == 0;
}

static bool net_within(const struct rule_leaf *outer, const struct rule_leaf *inner)
{
	struct ip_net o, i;

	return parse_net(outer, &o) && parse_net(inner, &i) && o.prefix_len <= i.prefix_len &&
	       ip_net_contains(&o, &i.addr);
}

static bool parse_range(const struct rule_leaf *l, uint64_t *min, uint64_t *max)
{
	char text[48];

	snprintf(text, sizeof(text), "%.*s", (int)l->data.len, l->data.s);
	return sscanf(text, "%" SCNu64 "-%" SCNu64, min, max) == 2;
}

static bool range_within(const struct rule_leaf *outer, const struct rule_leaf *inner)
{
	uint64_t omin, omax, imin, imax;

	return parse_range(outer, &omin, &omax) && parse_range(inner, &imin, &imax) &&
	       omin <= imin && imax <= omax;
}

/* Whether x holds wherever y does. */
static bool follows(struct rule_leaf *x, const struct rule_leaf *y)
{
	if (x->operand == OPERAND_TRUE || is_equal(x, y))
		return true;
	if (rule_leaf_subject(x) != rule_leaf_subject(y) || !same_extra(x, y))
		return false;
	if (x->type == OPERATOR_NETWORK && y->type == OPERATOR_NETWORK)
		return net_within(x, y);
	if (x->type == OPERATOR_RANGE && y->type == OPERATOR_RANGE)
		return range_within(x, y);
	/* A text without regard to case stands for many values, of which a sensitive comparison takes not all. */
	if (y->type != OPERATOR_SIMPLE || (x->sensitive && !y->sensitive && has_case(y->operand)))
		return false;
	return takes_value(x, y) == 1;
}

static bool follows_from_any(struct rule_leaf *x, const struct rule_leaves *y)
{
	for (size_t i = 0; i < y->n; i++)
		if (follows(x, &y->items[i]))
			return true;
	return x->operand == OPERAND_TRUE;
}

bool rule_leaves_cover(struct rule_leaves *x, struct rule_leaves *y)
{
	for (size_t i = 0; i < x->n; i++)
		if (!follows_from_any(&x->items[i], y))
			return false;
	return true;
}

/* Whether no value satisfies both: proven only where one of them asks for a single value. */
static bool contradict(struct rule_leaf *a, const struct rule_leaf *simple)
{
	struct rule_leaf folded = *a;
	bool no;

	if (simple->type != OPERATOR_SIMPLE || a->operand == OPERAND_TRUE ||
		rule_leaf_subject(a) != rule_leaf_subject(simple) || !same_extra(a, simple) ||
		a->operand == OPERAND_PROCESS_PARENT_PATH)
		return false;
	/* Without regard to case: another spelling might do. */
	folded.sensitive = a->sensitive && (simple->sensitive || !has_case(simple->operand));
	folded.rule = NULL;
	folded.file = NULL;
	no = takes_value(&folded, simple) == 0;
	rule_free(folded.rule);
	free(folded.file);
	return no;
}

bool rule_leaves_contradict(struct rule_leaves *l, size_t *ret_a, size_t *ret_b)
{
	for (size_t a = 0; a < l->n; a++)
		for (size_t b = 0; b < l->n; b++)
			if (a != b && contradict(&l->items[a], &l->items[b])) {
				*ret_a = a;
				*ret_b = b;
				return true;
			}
	return false;
}
