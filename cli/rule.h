/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules as people type and read them; the daemon alone decides whether one is valid. */
#ifndef CLI_RULE_H
#define CLI_RULE_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/err.h"

/* What `add` was told in options; every string is borrowed, NULL where nothing was said. */
struct rule_spec {
	const char *name; /* NULL: made from the rest */
	const char *action;
	const char *duration; /* NULL: always */
	const char *description;
	bool disabled;
	bool any; /* match every connection */
	/* what must match, all of it */
	const char *path;
	const char *host; /* "*.NAME": every name below NAME */
	const char *ip;
	const char *net; /* CIDR */
	const char *port; /* or FROM-TO */
	const char *protocol;
	const char *user; /* a number, or a name */
};

/*
 * The rule that `spec` describes, in OpenSnitch's format. 0 and *ret (owned), ERR_INVALID (nothing to match,
 * no action) or ERR_NOMEM.
 */
int rule_from_spec(const struct rule_spec *spec, json_t **ret, struct error *e);

/*
 * What a rule matches in one line: "process.path = /usr/bin/curl, dest.port = 443"; "everything" for operand
 * true. Not yet safe to print. Returns owned, or NULL when out of memory.
 */
char *rule_summary(const json_t *rule);

/* One operator of it: "dest.host ~ example". Returns owned, or NULL. */
char *rule_operator_text(const json_t *operator_);

#endif
