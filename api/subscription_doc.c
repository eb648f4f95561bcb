/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings of a list from a URL: read strictly, with the member that is wrong. */
#include "config.h"

#include "api/subscription_doc.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "api/fetch.h"
#include "lib/clock.h"
#include "lib/operand.h"

const char *const subscription_doc_members[] = { "name", "url", "operand", "group", "enabled",
	"interval", NULL };

/* A member's text, `otherwise` where it is missing, or NULL with `err`. */
static const char *text_of(
	const json_t *body, const char *member, const char *otherwise, struct error *err)
{
	const json_t *value = json_object_get(body, member);
	const char *s = json_string_value(value);

	if ((!value || json_is_null(value)) && otherwise)
		return otherwise;
	if (s && strlen(s) == json_string_length(value))
		return s;
	error_set(err, ERR_INVALID, member, value ? "must be a string" : "is missing");
	return NULL;
}

/* It becomes a file's name, in a folder where a dot in front means something. */
static int read_name(const char *member, const char *s,
	char ret[static LIMIT_SUBSCRIPTION_NAME + 1], struct error *err)
{
	size_t len = strlen(s);
	bool good = len >= 1 && len <= LIMIT_SUBSCRIPTION_NAME && s[0] != '.';

	for (size_t i = 0; good && i < len; i++)
		good = isalnum((unsigned char)s[i]) || strchr("._-", s[i]);
	if (!good)
		return error_set(err, ERR_INVALID, member,
			"must be 1 to %d letters, digits, dots, dashes or underscores, the first "
			"no dot",
			LIMIT_SUBSCRIPTION_NAME);
	memcpy(ret, s, len + 1);
	return 0;
}

static int read_url(const json_t *body, struct subscription_row *ret, struct error *err)
{
	const char *s = text_of(body, "url", NULL, err);
	struct error why = { 0 };

	if (!s)
		return ERR_INVALID;
	if (fetch_check_url(s, &why) < 0)
		return error_set(err, ERR_INVALID, "url", "%s", why.message);
	snprintf(ret->url, sizeof(ret->url), "%s", s);
	return 0;
}

static int read_operand(const json_t *body, struct subscription_row *ret, struct error *err)
{
	const char *s = text_of(body, "operand", "lists.domains", err), *extra;
	enum operand operand;

	if (!s)
		return ERR_INVALID;
	if (!operand_parse(s, &operand, &extra) || operand < OPERAND_LISTS_DOMAINS ||
		operand > OPERAND_LISTS_HASH_SHA256)
		return error_set(err, ERR_INVALID, "operand",
			"must be lists.domains, lists.domains_regexp, lists.ips, lists.nets, "
			"lists.hash.md5 or lists.hash.sha256");
	snprintf(ret->operand, sizeof(ret->operand), "%s", operand_str(operand));
	return 0;
}

static int read_interval(const json_t *body, struct subscription_row *ret, struct error *err)
{
	const char *s = text_of(body, "interval", "1d", err);
	uint64_t ms;

	if (!s)
		return ERR_INVALID;
	if (strlen(s) >= sizeof(ret->interval) || clock_parse_duration(s, &ms) < 0 ||
		ms < LIMIT_SUBSCRIPTION_INTERVAL_MIN_MS || ms > LIMIT_SUBSCRIPTION_INTERVAL_MAX_MS)
		return error_set(err, ERR_INVALID, "interval",
			"must be a duration from %dm to %dd, as \"12h\"",
			LIMIT_SUBSCRIPTION_INTERVAL_MIN_MS / 60000,
			(int)(LIMIT_SUBSCRIPTION_INTERVAL_MAX_MS / 86400000));
	snprintf(ret->interval, sizeof(ret->interval), "%s", s);
	return 0;
}

static int read_enabled(const json_t *body, struct subscription_row *ret, struct error *err)
{
	const json_t *value = json_object_get(body, "enabled");

	if (value && !json_is_boolean(value) && !json_is_null(value))
		return error_set(err, ERR_INVALID, "enabled", "must be true or false");
	ret->enabled = !json_is_false(value);
	return 0;
}

int subscription_doc_read(const json_t *body, struct subscription_row *ret, struct error *err)
{
	const char *name, *group;
	int r;

	memset(ret, 0, sizeof(*ret));
	name = text_of(body, "name", NULL, err);
	r = name ? read_name("name", name, ret->name, err) : ERR_INVALID;
	if (r == 0)
		r = read_url(body, ret, err);
	if (r == 0)
		r = read_operand(body, ret, err);
	group = r == 0 ? text_of(body, "group", ret->name, err) : NULL;
	if (r == 0)
		r = group ? read_name("group", group, ret->folder, err) : ERR_INVALID;
	if (r == 0)
		r = read_enabled(body, ret, err);
	return r < 0 ? r : read_interval(body, ret, err);
}

json_t *subscription_doc_json(const struct subscription_row *row)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s}", "name", row->name, "url", row->url,
		"operand", row->operand, "group", row->folder, "enabled", (int)row->enabled,
		"interval", row->interval);
}
