/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Refusals in words. */
#include "config.h"

#include "cli/outcome.h"

#include <stdbool.h>
#include <string.h>

#include "cli/text.h"

enum outcome outcome_of_status(long status)
{
	switch (status) {
	case 404:
		return OUTCOME_NOT_FOUND;
	case 400:
	case 413:
	case 422:
		return OUTCOME_INVALID;
	case 409:
	case 412:
		return OUTCOME_CONFLICT;
	default:
		return status >= 200 && status < 300 ? OUTCOME_OK : OUTCOME_FAILED;
	}
}

static const char *member(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s && *s ? s : NULL;
}

static void print_head(FILE *err, const char *program, const char *subject)
{
	fprintf(err, "%s: ", program);
	if (subject) {
		text_print(err, subject);
		fputs(": ", err);
	}
}

static const char *hint(long status)
{
	switch (status) {
	case 401:
		return "  (give a token with --token-file, or use the socket as root or group "
		       "opensnitch)";
	case 403:
		return "  (this user or token may not do that)";
	default:
		return NULL;
	}
}

/* Whether the detail says all that the errors do. */
static bool is_said(const char *detail, const json_t *errors)
{
	const json_t *first = json_array_get(errors, 0);
	const char *message = member(first, "message");

	return detail && message && json_array_size(errors) == 1 && strstr(detail, message);
}

enum outcome outcome_report(
	FILE *err, const char *program, const char *subject, const struct response *r)
{
	const char *detail = member(r->body, "detail");
	const json_t *errors = json_object_get(r->body, "errors");
	const json_t *item;
	size_t i;

	print_head(err, program, subject);
	if (!detail)
		detail = member(r->body, "title");
	if (detail)
		text_print(err, detail);
	else
		fprintf(err, "the daemon answered with status %ld", r->status);
	putc('\n', err);
	if (is_said(detail, errors))
		errors = NULL;
	json_array_foreach (errors, i, item) {
		const char *field = member(item, "field");
		const char *message = member(item, "message");

		fputs("  ", err);
		text_print(err, field ? field : "rule");
		fputs(": ", err);
		text_print(err, message ? message : "invalid");
		putc('\n', err);
	}
	if (hint(r->status))
		fprintf(err, "%s\n", hint(r->status));
	return outcome_of_status(r->status);
}

enum outcome outcome_error(
	FILE *err, const char *program, const char *subject, const struct error *e)
{
	print_head(err, program, subject);
	if (*e->place) {
		text_print(err, e->place);
		fputs(": ", err);
	}
	text_print(err, e->message);
	putc('\n', err);
	return e->code == ERR_INVALID || e->code == ERR_MALFORMED ? OUTCOME_INVALID
								  : OUTCOME_FAILED;
}
