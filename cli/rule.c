/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From options to a rule, and from a rule to a line of text. */
#include "config.h"

#include "cli/rule.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/limits.h"

static json_t *operator_new(const char *type, const char *operand, const char *data)
{
	return json_pack("{s:s, s:s, s:b, s:s}", "type", type, "operand", operand, "sensitive", 0,
		"data", data);
}

/* "*.example.com" as the regexp that OpenSnitch knows; other names as they are. */
static json_t *host_operator(const char *host)
{
	_cleanup_free_ char *pattern = NULL;
	size_t used = 0;

	if (strncmp(host, "*.", 2) != 0)
		return operator_new("simple", "dest.host", host);
	pattern = malloc(2 * strlen(host) + 4);
	if (!pattern)
		return NULL;
	for (const char *p = host + 1; *p; p++) {
		if (strchr(".\\+*?()[]{}|^$", *p))
			pattern[used++] = '\\';
		pattern[used++] = *p;
	}
	memcpy(pattern + used, "$", 2);
	return operator_new("regexp", "dest.host", pattern);
}

static json_t *user_operator(const char *user)
{
	bool is_number = *user && user[strspn(user, "0123456789")] == '\0';

	return operator_new("simple", is_number ? "user.id" : "user.name", user);
}

static json_t *port_operator(const char *port)
{
	return operator_new(strchr(port, '-') ? "range" : "simple", "dest.port", port);
}

/* Whether both ends of a port or of a range of ports are such; what is no number the daemon tells. */
static bool is_in_range(const char *port)
{
	const char *dash = strchr(port, '-');

	return strtoul(port, NULL, 10) <= UINT16_MAX &&
	       (!dash || strtoul(dash + 1, NULL, 10) <= UINT16_MAX);
}

/* Appends what `value` makes, if there is one; steals the operator. */
static bool append(json_t *list, const char *value, json_t *operator_)
{
	if (!value)
		return true;
	return json_array_append_new(list, operator_) == 0;
}

#define VALUE_OP(value, operator_) (value), (value) ? (operator_) : NULL

/* Every operator that was asked for; NULL when out of memory. */
static json_t *operators(const struct rule_spec *s)
{
	json_t *list = json_array();
	bool ok = list != NULL;

	ok = ok && append(list, VALUE_OP(s->path, operator_new("simple", "process.path", s->path)));
	ok = ok && append(list, VALUE_OP(s->user, user_operator(s->user)));
	ok = ok && append(list, VALUE_OP(s->host, host_operator(s->host)));
	ok = ok && append(list, VALUE_OP(s->ip, operator_new("simple", "dest.ip", s->ip)));
	ok = ok && append(list, VALUE_OP(s->net, operator_new("network", "dest.network", s->net)));
	ok = ok && append(list, VALUE_OP(s->port, port_operator(s->port)));
	ok = ok &&
	     append(list, VALUE_OP(s->protocol, operator_new("simple", "protocol", s->protocol)));
	if (!ok) {
		json_decref(list);
		return NULL;
	}
	return list;
}

/* One operator alone, or a list of several; consumes `list`. */
static json_t *combine(json_t *list, bool any)
{
	json_t *single = NULL;

	if (!list)
		return NULL;
	if (json_array_size(list) > 1)
		return json_pack("{s:s, s:s, s:b, s:s, s:o}", "type", "list", "operand", "list",
			"sensitive", 0, "data", "", "list", list);
	if (json_array_size(list) == 1)
		single = json_incref(json_array_get(list, 0));
	else if (any)
		single = operator_new("simple", "true", "");
	json_decref(list);
	return single;
}

/* Letters, digits and dots of `part`, appended after a dash; all else becomes dashes. */
static size_t slug_put(char *out, size_t used, const char *part)
{
	bool dash = true;

	for (const char *p = part; *p && used + 2 < LIMIT_RULE_NAME; p++) {
		bool plain = isalnum((unsigned char)*p) || (*p == '.' && !dash);

		if (plain && dash && used)
			out[used++] = '-';
		if (plain)
			out[used++] = (char)tolower((unsigned char)*p);
		dash = !plain;
	}
	return used;
}

/* "allow-curl-example.com-443": much as the daemon names the rules that answers make. */
static void name_from_spec(const struct rule_spec *s, char name[static LIMIT_RULE_NAME])
{
	const char *slash = s->path ? strrchr(s->path, '/') : NULL;
	const char *parts[] = { s->action, slash ? slash + 1 : s->path, s->user, s->host, s->ip,
		s->net, s->port, s->protocol, s->any ? "any" : NULL };
	size_t used = 0;

	for (size_t i = 0; i < array_len(parts); i++)
		if (parts[i])
			used = slug_put(name, used, parts[i]);
	name[used] = '\0';
}

int rule_from_spec(const struct rule_spec *s, json_t **ret, struct error *e)
{
	char made[LIMIT_RULE_NAME];
	json_t *operator_, *rule;

	if (!s->action)
		return error_set(
			e, ERR_INVALID, NULL, "--action is missing: allow, deny or reject");
	if (s->port && !is_in_range(s->port))
		return error_set(e, ERR_INVALID, NULL, "--port %s: ports end at 65535", s->port);
	operator_ = operators(s);
	if (operator_ && s->any && json_array_size(operator_)) {
		json_decref(operator_);
		return error_set(e, ERR_INVALID, NULL, "--any goes with no other match");
	}
	if (operator_ && !s->any && !json_array_size(operator_)) {
		json_decref(operator_);
		return error_set(e, ERR_INVALID, NULL,
			"nothing to match: give one of --path, --host, --ip, --net, --port, "
			"--protocol, "
			"--user, or --any");
	}
	operator_ = combine(operator_, s->any);
	if (!operator_)
		return error_set(e, ERR_NOMEM, NULL, "out of memory");
	name_from_spec(s, made);
	rule = json_pack("{s:s, s:s, s:b, s:b, s:b, s:s, s:s, s:o}", "name",
		s->name ? s->name : made, "description", s->description ? s->description : "",
		"enabled", !s->disabled, "precedence", 0, "nolog", 0, "action", s->action,
		"duration", s->duration ? s->duration : "always", "operator", operator_);
	if (!rule)
		return error_set(
			e, ERR_INVALID, NULL, "out of memory, or an option that is not UTF-8");
	*ret = rule;
	return 0;
}

static const char *member(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

char *rule_operator_text(const json_t *operator_)
{
	static const struct {
		const char *type, *sign;
	} signs[] = {
		{ "simple", "=" },
		{ "regexp", "~" },
		{ "network", "in" },
		{ "range", "in" },
		{ "lists", "in lists" },
	};
	const char *type = member(operator_, "type");
	const char *sign = type;
	char *text;

	if (!strcmp(member(operator_, "operand"), "true"))
		return strdup("everything");
	for (size_t i = 0; i < array_len(signs); i++)
		if (!strcmp(signs[i].type, type))
			sign = signs[i].sign;
	if (asprintf(&text, "%s %s %s", member(operator_, "operand"), sign,
		    member(operator_, "data")) < 0)
		return NULL;
	return text;
}

/* Operators of lists in lists, separated by commas; false when out of memory. */
static bool summarize(const json_t *operator_, FILE *out, unsigned int depth)
{
	_cleanup_free_ char *text = NULL;
	const json_t *list = json_object_get(operator_, "list");
	const json_t *item;
	size_t i;

	if (strcmp(member(operator_, "type"), "list") != 0 || depth >= LIMIT_RULE_DEPTH) {
		text = rule_operator_text(operator_);
		fputs(text ? text : "", out);
		return text != NULL;
	}
	json_array_foreach (list, i, item) {
		if (i)
			fputs(", ", out);
		if (!summarize(item, out, depth + 1))
			return false;
	}
	return true;
}

char *rule_summary(const json_t *rule)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	bool ok;

	if (!out)
		return NULL;
	ok = summarize(json_object_get(rule, "operator"), out, 0);
	if (fclose(out) || !ok) {
		free(text);
		return NULL;
	}
	return text;
}
