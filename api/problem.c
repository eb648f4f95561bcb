/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Problem details: RFC 9457. */
#include "config.h"

#include "api/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/reply.h"
#include "lib/cleanup.h"

static const struct {
	unsigned status;
	const char *slug;
	const char *title;
} statuses[] = {
	{ 400, "malformed", "Bad Request" },
	{ 401, "unauthenticated", "Unauthorized" },
	{ 403, "forbidden", "Forbidden" },
	{ 404, "not-found", "Not Found" },
	{ 405, "method-not-allowed", "Method Not Allowed" },
	{ 409, "conflict", "Conflict" },
	{ 410, "gone", "Gone" },
	{ 412, "etag-mismatch", "Precondition Failed" },
	{ 413, "too-large", "Content Too Large" },
	{ 415, "unsupported-media-type", "Unsupported Media Type" },
	{ 422, "invalid", "Unprocessable Content" },
	{ 429, "too-many-requests", "Too Many Requests" },
	{ 503, "unavailable", "Service Unavailable" },
};

const char *http_status_slug(unsigned status)
{
	for (size_t i = 0; i < array_len(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].slug;
	return "error";
}

const char *http_status_title(unsigned status)
{
	for (size_t i = 0; i < array_len(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].title;
	return "Error";
}

/* Takes `errors`, which may be NULL. */
static void reply(struct http_request *req, unsigned status, const char *slug, const char *detail,
	json_t *errors)
{
	char type[80];
	json_t *problem;

	snprintf(type, sizeof(type), "urn:opensnitch:problem:%s",
		slug ? slug : http_status_slug(status));
	problem =
		json_pack("{s:s, s:s, s:i, s:o}", "type", type, "title", http_status_title(status),
			"status", (int)status, "detail", http_json_text(detail, strlen(detail)));
	if (errors && json_object_set_new(problem, "errors", errors) < 0) {
		json_decref(problem);
		problem = NULL;
	}
	if (status == 503)
		http_reply_header(req, "Retry-After", "5");
	http_reply_problem_json(req, status, problem);
}

static json_t *one_error(const char *field, const char *message)
{
	return json_pack("[{s:o, s:o}]", "field", http_json_text(field, strlen(field)), "message",
		http_json_text(message, strlen(message)));
}

void http_reply_problem(
	struct http_request *req, unsigned status, const char *slug, const char *fmt, ...)
{
	char detail[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	reply(req, status, slug, detail, NULL);
}

void http_reply_invalid(struct http_request *req, const char *field, const char *fmt, ...)
{
	char message[400], detail[600];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	snprintf(detail, sizeof(detail), "%s%s%s", field, *field ? ": " : "", message);
	reply(req, 422, NULL, detail, one_error(field, message));
}

void http_reply_errors(struct http_request *req, unsigned status, json_t *errors)
{
	const json_t *first = json_array_get(errors, 0);
	const char *field = json_string_value(json_object_get(first, "field"));
	const char *message = json_string_value(json_object_get(first, "message"));
	char detail[600];

	snprintf(detail, sizeof(detail), "%s%s%s", field ? field : "", field && *field ? ": " : "",
		message ? message : "invalid");
	reply(req, status, NULL, detail, errors);
}

void http_reply_invalid_list(struct http_request *req, json_t *errors)
{
	http_reply_errors(req, 422, errors);
}

void http_reply_error(struct http_request *req, int code, const struct error *err)
{
	static const unsigned map[][2] = { { ERR_INVALID, 422 }, { ERR_MALFORMED, 400 },
		{ ERR_NOT_FOUND, 404 }, { ERR_EXISTS, 409 }, { ERR_CONFLICT, 409 },
		{ ERR_GONE, 410 }, { ERR_TOO_BIG, 413 }, { ERR_PERMISSION, 403 },
		{ ERR_UNSUPPORTED, 422 } };
	const char *message = err && err->message[0] ? err->message : err_str(code);
	const char *place = err ? err->place : "";
	unsigned status = 503;

	for (size_t i = 0; i < array_len(map); i++)
		if ((int)map[i][0] == code)
			status = map[i][1];
	if (code == ERR_TOO_BIG && *place)
		status = 422;
	if (status == 422)
		http_reply_invalid(req, place, "%s", message);
	else
		http_reply_problem(req, status, NULL, "%s%s%s", place, *place ? ": " : "", message);
}
