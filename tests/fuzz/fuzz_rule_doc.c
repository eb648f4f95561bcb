/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any text as a rule's JSON: what is accepted means the same when it is read again from what we write, and can be
 * loaded by the engine.
 */
#include "config.h"

#include "api/rule_doc.h"
#include "lib/ruleset.h"
#include "lib/rulewire_build.h"
#include "tests/fuzz/fuzz.h"

static void check_loads(const struct rule_doc *d)
{
	struct rulewire_builder *b = rulewire_builder_new();
	struct ruleset *rs = NULL;
	struct error err = { 0 };
	void *file = NULL;
	size_t len = 0;

	FUZZ_ASSERT(b);
	rule_doc_build(d, b, 0);
	FUZZ_ASSERT(rulewire_build_finish(b, 1, &file, &len) == 0);
	FUZZ_ASSERT(ruleset_load(file, len, &rs, &err) == 0);
	FUZZ_ASSERT(ruleset_count(rs) == (d->wire ? 1 : 0));
	ruleset_free(rs);
	free(file);
	rulewire_builder_free(b);
}

static void check_same(const struct rule_doc *a, const struct rule_doc *b)
{
	FUZZ_ASSERT(strcmp(a->name, b->name) == 0 && a->action == b->action &&
		    a->duration == b->duration && a->enabled == b->enabled &&
		    a->precedence == b->precedence && a->nolog == b->nolog &&
		    a->created_us == b->created_us && a->updated_us == b->updated_us &&
		    a->wire_len == b->wire_len);
	FUZZ_ASSERT(strcmp(a->text, b->text) == 0);
}

static void check(const struct rule_doc *d)
{
	char *text = rule_doc_file_text(d);
	struct rule_doc *again = NULL;
	json_t *json = rule_doc_json(d);
	struct error err = { 0 };

	FUZZ_ASSERT(text && json && json_is_object(json));
	FUZZ_ASSERT(d->name && *d->name && strlen(d->name) <= LIMIT_RULE_NAME);
	FUZZ_ASSERT(!d->wire == !!d->problem);
	FUZZ_ASSERT(
		rule_doc_parse(text, strlen(text), NULL, NULL, RULE_DOC_KEEP, &again, &err) == 0);
	check_same(d, again);
	check_loads(d);
	rule_doc_free(again);
	json_decref(json);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	enum rule_doc_mode modes[] = { RULE_DOC_STRICT, RULE_DOC_KEEP };

	for (size_t i = 0; i < 2; i++) {
		struct rule_doc *d = NULL;
		struct error err = { 0 };
		int r = rule_doc_parse((const char *)copy, size, NULL, "name", modes[i], &d, &err);

		FUZZ_ASSERT(r == 0 || err.message[0]);
		if (r == 0)
			check(d);
		if (r == 0 && modes[i] == RULE_DOC_STRICT)
			FUZZ_ASSERT(d->wire);
		rule_doc_free(d);
	}
	free(copy);
	return 0;
}
