/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's own explanation of a rule, as JSON. */
#include "config.h"

#include "api/rule_trace.h"

#include <string.h>

#include "api/http.h"
#include "lib/operand.h"
#include "lib/rule.h"
#include "lib/rulewire.h"

static json_t *text_json(struct text t)
{
	return t.s ? http_json_text(t.s, t.len) : json_null();
}

static json_t *name_json(const struct rule_step *s)
{
	const char *name = operand_str(s->operand);

	if (s->operand != OPERAND_PROCESS_ENV || !s->extra.s)
		return json_string(name);
	return json_sprintf("%s%.*s", name, (int)s->extra.len, s->extra.s);
}

static void add_step(void *ctx, const struct rule_step *s)
{
	if (s->type == OPERATOR_LIST)
		return;
	json_array_append_new(ctx, json_pack("{s:s, s:s, s:o, s:b, s:o, s:o, s:b}", "place",
					   s->place, "type", operator_type_str(s->type), "operand",
					   name_json(s), "sensitive", s->sensitive, "data",
					   http_json_text(s->data.s ? s->data.s : "", s->data.len),
					   "value", text_json(s->value), "matched", s->matched));
}

json_t *rule_trace(const struct rule_doc *doc, const struct rule_lists *lists,
	const struct subject *subject, bool *ret_matched)
{
	const struct rulewire_header *h = doc->wire;
	const struct rulewire_rule *w = (const void *)((const char *)doc->wire + h->rules_off);
	json_t *list = json_array();
	struct rule *rule = NULL;
	struct error err;

	*ret_matched = false;
	if (list && rule_compile(doc->wire, w->root_op, lists, &rule, &err) == 0) {
		*ret_matched = rule_explain(rule, subject, add_step, list);
	} else {
		json_decref(list);
		list = NULL;
	}
	rule_free(rule);
	return list;
}
