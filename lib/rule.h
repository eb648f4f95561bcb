/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One rule's condition: its operator tree, compiled once, matched against connections without allocating.
 *
 * The meaning is OpenSnitch's. A list matches when all of its operators do. Everything else compares one value of the connection:
 *
 *     simple   equal, without regard to ASCII case unless `sensitive`; numbers (ports, ids) and addresses compare by value
 *     regexp   found in the value's text (lib/pattern.h); without case unless `sensitive`
 *     network  the address lies in the CIDR block or in an alias (LAN, MULTICAST); dest/source.network and dest/source.ip
 *     range    "min-max", inclusive, of ports and ids
 *
 *     lists    the value is in a list file of the folder (lib/listset.h)
 *
 * A value that is not known compares as the empty string with simple and regexp on text, and does not match otherwise. A digest
 * that is not known does not match either.
 * process.parent.path matches when any ancestor's path does. `true` always matches.
 */
#ifndef LIB_RULE_H
#define LIB_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/operand.h"
#include "lib/rulewire.h"
#include "lib/subject.h"

struct listset;
struct rule;

/* Where rules find the compiled lists of a folder. */
struct rule_lists {
	/* The lists of this operand in a folder, borrowed, or NULL: there are none, and an operator on them does not match. */
	struct listset *(*find)(void *ctx, enum operand operand, struct text folder);
	void *ctx;
};

/*
 * Compiles the tree at `root` of a file that has passed rulewire_check(). The strings of `file` are borrowed for the life of the
 * rule. `lists` may be NULL: there are none. 0 and *ret (owned), or ERR_INVALID, ERR_UNSUPPORTED, ERR_TOO_BIG, ERR_NOMEM with `err`, whose place is a path such as
 * "operator.list[1].data".
 */
int rule_compile(const void *file, uint32_t root, const struct rule_lists *lists, struct rule **ret,
	struct error *err);
void rule_free(struct rule *r); /* NULL is fine */

bool rule_match(const struct rule *r, const struct subject *subject);

/* The digests that it may ask for: bits 1 << enum digest. */
unsigned rule_needs(const struct rule *r);

/* Whether any of its operators asks for the host: dest.host, lists.domains, lists.domains_regexp. */
bool rule_asks_host(const struct rule *r);

/* ---- explaining */

/* One operator of a rule, with what the connection has for it. Texts are borrowed from the rule or valid during the call. */
struct rule_step {
	const char *place; /* "operator.list[1]": as in the rule's document */
	unsigned depth; /* lists around it */
	enum operator_type type;
	enum operand operand;
	bool sensitive;
	struct text extra; /* NAME of process.env.NAME */
	struct text data; /* as the rule has it */
	/*
	 * The connection's value, as text; ancestors with ", " between; NULL s where it is not known, or where there is none to tell
	 * (true, list).
	 */
	struct text value;
	bool matched;
	unsigned source; /* of type lists: the number of the list file that has the value, or 0 */
};

/*
 * Puts the connection to every operator (also to those that a decision would not have reached), parents before their lists, in
 * the order of the document, and tells each. The same answer as rule_match(). Allocates nothing.
 */
bool rule_explain(const struct rule *r, const struct subject *subject,
	void (*step)(void *ctx, const struct rule_step *step), void *ctx);

#endif
