/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule put to a connection operator by operator, for people. */
#include "config.h"

#include "lib/rule.h"

#include <stdio.h>
#include <string.h>

#include "lib/rule_op.h"

struct explainer {
	const struct rule *rule;
	const struct subject *subject;
	void (*step)(void *ctx, const struct rule_step *step);
	void *ctx;
	char place[32 + 24 * (LIMIT_RULE_DEPTH + 1)];
	char parents[LIMIT_PARENTS * (LIMIT_PATH + 2)];
};

static struct text parents_text(struct explainer *e)
{
	const struct subject *s = e->subject;
	size_t len = 0;

	for (unsigned i = 0; i < s->n_parents && i < LIMIT_PARENTS; i++) {
		struct text p = s->parents[i];

		if (p.len + 2 > sizeof(e->parents) - len)
			break;
		if (i)
			len += (size_t)snprintf(e->parents + len, 3, ", ");
		if (p.len)
			memcpy(e->parents + len, p.s, p.len);
		len += p.len;
	}
	return (struct text) { len ? e->parents : NULL, len };
}

/* The child that stands at `index` in the document: compiling put the cheap ones first. */
static const struct rule_op *child_at(
	const struct rule *r, const struct rule_op *list, uint32_t index)
{
	const struct rule_op *children = &r->ops[list->children.first];
	uint32_t before;

	for (uint32_t i = 0; i < list->children.n; i++) {
		before = 0;
		for (uint32_t k = 0; k < list->children.n; k++)
			before += r->words[children[k].words].source <
				  r->words[children[i].words].source;
		if (before == index)
			return &children[i];
	}
	return children;
}

static bool explain(struct explainer *e, const struct rule_op *op, unsigned depth)
{
	char buf[IP_ADDR_TEXT_LEN];
	size_t here = strlen(e->place);
	const struct rule_words *words = &e->rule->words[op->words];
	struct rule_step step = {
		.place = e->place,
		.depth = depth,
		.type = (enum operator_type)op->type,
		.operand = (enum operand)op->operand,
		.sensitive = op->sensitive,
		.extra = op->operand == OPERAND_PROCESS_ENV ? words->extra
							    : (struct text) { NULL, 0 },
		.data = words->data,
	};

	if (op->operand == OPERAND_PROCESS_PARENT_PATH)
		step.value = parents_text(e);
	else
		step.value =
			rule_text_value((enum operand)op->operand, words->extra, e->subject, buf);
	if (op->test == TEST_LISTS && op->lists) {
		step.source = listset_find(op->lists, e->subject);
		step.matched = step.source != 0;
	} else {
		step.matched = rule_op_match(e->rule, op, e->subject);
	}
	e->step(e->ctx, &step);
	for (uint32_t i = 0; op->test == TEST_ALL && i < op->children.n; i++) {
		snprintf(e->place + here, sizeof(e->place) - here, ".list[%u]", i);
		explain(e, child_at(e->rule, op, i), depth + 1);
		e->place[here] = '\0';
	}
	return step.matched;
}

bool rule_explain(const struct rule *r, const struct subject *subject,
	void (*step)(void *ctx, const struct rule_step *step), void *ctx)
{
	struct explainer e = { .rule = r, .subject = subject, .step = step, .ctx = ctx };

	snprintf(e.place, sizeof(e.place), "operator");
	return explain(&e, &r->ops[0], 0);
}
