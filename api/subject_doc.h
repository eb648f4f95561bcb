/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection as rules see it (lib/subject.h), made from what the API knows of one: the object that a caller
 * describes, or a record of the history.
 *
 * What is not told is not known, exactly as in the engine. A record knows neither environment nor digests.
 */
#ifndef API_SUBJECT_DOC_H
#define API_SUBJECT_DOC_H

#include <jansson.h>

#include "lib/err.h"
#include "lib/subject.h"

struct connection_record;

struct subject_doc {
	struct subject subject; /* borrows from the source and from what follows */
	const json_t *process; /* of the description; NULL: none */
	char host[LIMIT_HOST + 1];
	char *command; /* owned */
};

/*
 * Reads a connection object (any field may be missing or null, fields that say nothing to rules are passed over). Beyond the
 * API's own object: process.env is an object of texts, process.hash one with md5, sha1, sha256, iface.in a text. Borrows `json`,
 * which must outlive *ret. 0, or ERR_INVALID with the field ("dest.port") under `place`, or ERR_NOMEM. Always
 * subject_doc_done().
 */
int subject_doc_read(
	const json_t *json, const char *place, struct subject_doc *ret, struct error *err);

/* The same of a record, borrowed. 0 or ERR_NOMEM. */
int subject_doc_from_record(const struct connection_record *record, struct subject_doc *ret);

void subject_doc_done(struct subject_doc *d);

#endif
