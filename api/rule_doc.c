/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule document: its fields, judged one by one, and the text that is kept of it. */
#include "config.h"

#include "api/rule_doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/rule_operator.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/limits.h"

static const struct {
	const char *name;
	uint64_t us;
} durations[DURATION_COUNT_] = {
	[DURATION_ONCE] = { "once", 0 },
	[DURATION_30S] = { "30s", UINT64_C(30000000) },
	[DURATION_5M] = { "5m", UINT64_C(300000000) },
	[DURATION_15M] = { "15m", UINT64_C(900000000) },
	[DURATION_30M] = { "30m", UINT64_C(1800000000) },
	[DURATION_1H] = { "1h", UINT64_C(3600000000) },
	[DURATION_12H] = { "12h", UINT64_C(43200000000) },
	[DURATION_UNTIL_RESTART] = { "until restart", 0 },
	[DURATION_ALWAYS] = { "always", 0 },
};

const char *rule_duration_str(enum rule_duration d)
{
	return (unsigned)d < DURATION_COUNT_ ? durations[d].name : "?";
}

bool rule_duration_parse(const char *name, enum rule_duration *ret)
{
	for (int i = 0; i < DURATION_COUNT_; i++) {
		if (strcmp(durations[i].name, name) == 0) {
			*ret = (enum rule_duration)i;
			return true;
		}
	}
	return false;
}

uint64_t rule_duration_us(enum rule_duration d)
{
	return (unsigned)d < DURATION_COUNT_ ? durations[d].us : 0;
}

/* ---- fields */

struct reader {
	const struct network_aliases *aliases;
	json_t *json; /* a copy: what is missing is added, what is ours is taken out */
	struct rule_doc *doc;
	const char *name;
	enum rule_doc_mode mode;
	struct error *err;
};

static int refuse(struct reader *r, const char *field, const char *what)
{
	return error_set(r->err, ERR_INVALID, field, "%s", what);
}

static int no_memory(struct error *err)
{
	return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
}

/* The text of a field, or NULL where it is missing or null. */
static int get_text(struct reader *r, const char *field, const char **ret)
{
	const json_t *v = json_object_get(r->json, field);

	*ret = json_string_value(v);
	if (v && !json_is_null(v) && !*ret)
		return refuse(r, field, "a text is expected here");
	return 0;
}

static int get_bool(struct reader *r, const char *field, bool fallback, bool *ret)
{
	const json_t *v = json_object_get(r->json, field);

	if (v && !json_is_null(v) && !json_is_boolean(v))
		return refuse(r, field, "true or false is expected here");
	*ret = v && !json_is_null(v) ? json_is_true(v) : fallback;
	return json_object_set_new(r->json, field, json_boolean(*ret)) < 0 ? no_memory(r->err) : 0;
}

static int set_text(struct reader *r, const char *field, const char *value)
{
	return json_object_set_new(r->json, field, json_string(value)) < 0 ? no_memory(r->err) : 0;
}

/* C0, DEL and C1 in UTF-8. */
static bool has_control(const char *s)
{
	for (const unsigned char *p = (const unsigned char *)s; *p; p++)
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
			return true;
	return false;
}

static int read_name(struct reader *r)
{
	const char *name;
	int code = get_text(r, "name", &name);

	if (code < 0)
		return code;
	if (!name)
		name = r->name;
	if (!name || !*name)
		return refuse(r, "name", "a rule needs a name");
	if (strlen(name) > LIMIT_RULE_NAME)
		return refuse(r, "name", "the name is longer than 200 bytes");
	if (has_control(name))
		return refuse(r, "name", "the name holds a control character");
	r->doc->name = strdup(name);
	return r->doc->name ? set_text(r, "name", r->doc->name) : no_memory(r->err);
}

static int read_action(struct reader *r)
{
	const char *action;
	int code = get_text(r, "action", &action);

	if (code < 0)
		return code;
	if (!action || !action_parse(action, &r->doc->action))
		return refuse(r, "action", "allow, deny or reject is expected here");
	return 0;
}

static int read_duration(struct reader *r)
{
	const char *duration;
	int code = get_text(r, "duration", &duration);

	if (code < 0)
		return code;
	if (!duration || !*duration)
		duration = durations[DURATION_ALWAYS].name;
	if (!rule_duration_parse(duration, &r->doc->duration))
		return refuse(r, "duration",
			"once, 30s, 5m, 15m, 30m, 1h, 12h, until restart or always is expected "
			"here");
	return set_text(r, "duration", durations[r->doc->duration].name);
}

/*
 * A time as OpenSnitch's versions wrote it: RFC 3339, seconds since 1970, or Go's time.String()
 * ("2020-02-07 14:16:20.550255152 +0100 CET m=+0.5").
 */
static bool parse_time(const json_t *v, uint64_t *ret)
{
	const char *s = json_string_value(v);
	char buf[64], zone[6];
	size_t n;

	if (json_is_integer(v) && json_integer_value(v) > 0) {
		*ret = (uint64_t)json_integer_value(v) * 1000000;
		return *ret / 1000000 == (uint64_t)json_integer_value(v);
	}
	if (!s)
		return false;
	if (clock_parse(s, ret) == 0)
		return true;
	n = strcspn(s, " ");
	n += s[n] ? 1 + strcspn(s + n + 1, " ") : 0;
	if (n > 40 || s[n] != ' ' || sscanf(s + n, " %5[+0-9-]", zone) != 1 || strlen(zone) != 5)
		return false;
	snprintf(buf, sizeof(buf), "%.*s%.3s:%s", (int)n, s, zone, zone + 3);
	return clock_parse(buf, ret) == 0;
}

/* Times become RFC 3339; what cannot be read as one is an error of a client, and is dropped from a file. */
static int read_time(struct reader *r, const char *field, uint64_t *ret)
{
	const json_t *v = json_object_get(r->json, field);
	char text[CLOCK_TEXT_LEN];

	if (!v || json_is_null(v))
		return 0;
	if (parse_time(v, ret))
		return set_text(r, field, clock_format(*ret, text));
	*ret = 0;
	if (r->mode == RULE_DOC_STRICT)
		return refuse(r, field, "an RFC 3339 time is expected here");
	return json_object_set_new(r->json, field, json_null()) < 0 ? no_memory(r->err) : 0;
}

static int read_description(struct reader *r)
{
	const char *text;
	int code = get_text(r, "description", &text);

	if (code < 0)
		return code;
	return text ? 0 : set_text(r, "description", "");
}

static int read_operator(struct reader *r)
{
	struct rule_doc *d = r->doc;
	struct error err = { 0 };
	int code = rule_operator_flatten(json_object_get(r->json, "operator"), r->aliases, d->name,
		d->action, d->precedence, d->nolog, &d->wire, &d->wire_len, &err);

	if (code == ERR_UNSUPPORTED && r->mode == RULE_DOC_KEEP) {
		d->problem = malloc(sizeof(*d->problem));
		if (!d->problem)
			return no_memory(r->err);
		*d->problem = err;
		return 0;
	}
	if (code < 0 && r->err)
		*r->err = err;
	return code;
}

/* What the console tells of a rule is no part of the document: a rule that was read can be sent back as it is. */
static void drop_own(json_t *json)
{
	static const char *const own[] = { "hits", "last_hit", "expires", "file", "source" };

	for (size_t i = 0; i < array_len(own); i++)
		json_object_del(json, own[i]);
}

static int read_fields(struct reader *r)
{
	struct rule_doc *d = r->doc;
	int code = read_name(r);

	if (code == 0)
		code = read_time(r, "created", &d->created_us);
	if (code == 0)
		code = read_time(r, "updated", &d->updated_us);
	if (code == 0)
		code = read_description(r);
	if (code == 0)
		code = get_bool(r, "enabled", true, &d->enabled);
	if (code == 0)
		code = get_bool(r, "precedence", false, &d->precedence);
	if (code == 0)
		code = get_bool(r, "nolog", false, &d->nolog);
	if (code == 0)
		code = read_action(r);
	if (code == 0)
		code = read_duration(r);
	return code < 0 ? code : read_operator(r);
}

int rule_doc_new(const json_t *json, const struct network_aliases *aliases, const char *name,
	enum rule_doc_mode mode, struct rule_doc **ret, struct error *err)
{
	struct reader r = { .aliases = aliases, .name = name, .mode = mode, .err = err };
	int code;

	if (!json_is_object(json))
		return error_set(err, ERR_INVALID, "", "a rule is an object");
	/* Shallow: nothing below the top is changed. */
	r.json = json_copy((json_t *)json);
	r.doc = calloc(1, sizeof(*r.doc));
	if (!r.json || !r.doc) {
		json_decref(r.json);
		free(r.doc);
		return no_memory(err);
	}
	drop_own(r.json);
	code = read_fields(&r);
	if (code == 0) {
		r.doc->text = json_dumps(r.json, JSON_COMPACT);
		if (!r.doc->text)
			code = no_memory(err);
	}
	json_decref(r.json);
	if (code < 0) {
		rule_doc_free(r.doc);
		return code;
	}
	*ret = r.doc;
	return 0;
}

int rule_doc_parse(const char *text, size_t len, const struct network_aliases *aliases,
	const char *name, enum rule_doc_mode mode, struct rule_doc **ret, struct error *err)
{
	json_error_t why;
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	char place[32];
	int r;

	if (!json) {
		snprintf(place, sizeof(place), "%d:%d", why.line, why.column);
		return error_set(err, ERR_MALFORMED, place, "no JSON: %s", why.text);
	}
	r = rule_doc_new(json, aliases, name, mode, ret, err);
	json_decref(json);
	return r;
}

void rule_doc_free(struct rule_doc *d)
{
	if (!d)
		return;
	free(d->text);
	free(d->name);
	free(d->wire);
	free(d->problem);
	free(d);
}

json_t *rule_doc_json(const struct rule_doc *d)
{
	return json_loads(d->text, 0, NULL);
}

int rule_doc_stamp(struct rule_doc *d, uint64_t created_us, uint64_t updated_us)
{
	char created[CLOCK_TEXT_LEN], updated[CLOCK_TEXT_LEN], *text = NULL;
	json_t *json = rule_doc_json(d);

	if (json &&
		json_object_set_new(
			json, "created", json_string(clock_format(created_us, created))) == 0 &&
		json_object_set_new(
			json, "updated", json_string(clock_format(updated_us, updated))) == 0)
		text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	if (!text)
		return ERR_NOMEM;
	free(d->text);
	d->text = text;
	d->created_us = created_us;
	d->updated_us = updated_us;
	return 0;
}

char *rule_doc_file_text(const struct rule_doc *d)
{
	json_t *json = rule_doc_json(d);
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	char *file = NULL;

	json_decref(json);
	if (!text || asprintf(&file, "%s\n", text) < 0)
		return NULL;
	return file;
}

void rule_doc_build(const struct rule_doc *d, struct rulewire_builder *b, uint64_t expires_boot_ns)
{
	if (d->wire)
		rule_operator_build(d->wire, b, expires_boot_ns);
}
