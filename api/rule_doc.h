/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One rule as a document: OpenSnitch's JSON, read, judged, and kept as its author wrote it.
 *
 * A document is immutable. It keeps every field it does not know, in the author's order, so that a rules folder
 * lives well in version control; fields that are missing get OpenSnitch's defaults behind the others. Whether
 * the operators mean anything is judged by the very code that the engine decides with (lib/rule.h): a rule that was
 * accepted here is never refused there.
 *
 * Accepted as OpenSnitch's versions wrote them: "list": null, a list written as a JSON string in "data", "created" in
 * RFC 3339, as Go prints a time, or in seconds.
 */
#ifndef API_RULE_DOC_H
#define API_RULE_DOC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/verdict.h"

struct network_aliases;
struct rulewire_builder;

enum rule_duration {
	DURATION_ONCE, /* answers one prompt; makes no rule */
	DURATION_30S,
	DURATION_5M,
	DURATION_15M,
	DURATION_30M,
	DURATION_1H,
	DURATION_12H,
	DURATION_UNTIL_RESTART,
	DURATION_ALWAYS,
	DURATION_COUNT_,
};

/* "once", "30s" ... "until restart", "always"; never NULL. */
const char *rule_duration_str(enum rule_duration d);
bool rule_duration_parse(const char *name, enum rule_duration *ret);

/* Microseconds that a rule of this duration lives; 0 where the clock does not end it. */
uint64_t rule_duration_us(enum rule_duration d);

struct rule_doc {
	char *text; /* the document: compact JSON */
	char *name;
	enum action action;
	enum rule_duration duration;
	bool enabled;
	bool precedence;
	bool nolog;
	uint64_t created_us; /* CLOCK_REALTIME; 0: not told */
	uint64_t updated_us; /* likewise */
	void *wire; /* the rule as a set of one (lib/rulewire.h); NULL: this version cannot evaluate it */
	size_t wire_len;
	struct error *problem; /* why it is not evaluated; NULL where it is */
};

enum rule_doc_mode {
	/* From a client: a rule that this version cannot evaluate is refused with ERR_UNSUPPORTED. */
	RULE_DOC_STRICT,
	/* From a file or the database: such a rule is kept, without `wire`, and `problem` says why. */
	RULE_DOC_KEEP,
};

/*
 * Reads a document. `json` is borrowed and not changed. 0 and *ret (owned), or ERR_INVALID, ERR_UNSUPPORTED, ERR_TOO_BIG or
 * ERR_NOMEM with the place ("operator.list[1].data") and a sentence. `aliases` (may be NULL) are the networks that operators may
 * name, `name` (may be NULL) stands in for a missing name.
 */
int rule_doc_new(const json_t *json, const struct network_aliases *aliases, const char *name,
	enum rule_doc_mode mode, struct rule_doc **ret, struct error *err);

/* The same from JSON text; ERR_MALFORMED where it is none, with "line:column" as the place. */
int rule_doc_parse(const char *text, size_t len, const struct network_aliases *aliases,
	const char *name, enum rule_doc_mode mode, struct rule_doc **ret, struct error *err);

/* Sets when it was created and updated, in its text too, before it goes into the book. 0 or ERR_NOMEM. */
int rule_doc_stamp(struct rule_doc *d, uint64_t created_us, uint64_t updated_us);

void rule_doc_free(struct rule_doc *d); /* NULL is fine */

/* The document as JSON, a new reference, or NULL when out of memory. */
json_t *rule_doc_json(const struct rule_doc *d);

/* The document as a file of OpenSnitch looks (indented, with a newline at the end), owned by the caller, or NULL. */
char *rule_doc_file_text(const struct rule_doc *d);

/* Adds it to a set that is being built, under its name. Nothing for a rule without `wire`. */
void rule_doc_build(const struct rule_doc *d, struct rulewire_builder *b, uint64_t expires_boot_ns);

#endif
