/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a person sets of a list from a URL, as JSON. */
#ifndef API_SUBSCRIPTION_DOC_H
#define API_SUBSCRIPTION_DOC_H

#include <jansson.h>

#include "db/subscriptions.h"
#include "lib/err.h"

/*
 * Reads name, url, operand ("lists.domains"), group (as the name), enabled (true) and interval ("1d") from an object whose members are
 * known already; what is missing or null takes the value in brackets. 0 with those fields of *ret set and all else zero;
 * ERR_INVALID with the member as the place.
 */
int subscription_doc_read(const json_t *body, struct subscription_row *ret, struct error *err);

/* The same members. Returns owned, or NULL. */
json_t *subscription_doc_json(const struct subscription_row *row);

extern const char *const subscription_doc_members[]; /* ends with NULL */

#endif
