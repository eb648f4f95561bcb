/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The config as JSON, and its three routes. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "api/configuration.h"
#include "api/console.h"
#include "api/http.h"
#include "api/sse.h"

/* Puts `value` (taken) at a dotted name below `root`, making the objects on the way. */
static int put_nested(json_t *root, const char *name, json_t *value)
{
	const char *dot = strchr(name, '.');
	char group[64];
	json_t *sub;

	if (!dot)
		return json_object_set_new(root, name, value);
	snprintf(group, sizeof(group), "%.*s", (int)(dot - name), name);
	sub = json_object_get(root, group);
	if (!sub) {
		sub = json_object();
		if (json_object_set_new(root, group, sub) < 0) {
			json_decref(value);
			return -1;
		}
	}
	return put_nested(sub, dot + 1, value);
}

json_t *config_json(const struct config *cfg)
{
	json_t *root = json_object(), *restart = json_object();
	int failed = 0;

	for (size_t i = 0; i < n_options; i++)
		failed |= put_nested(options[i].live ? root : restart, options[i].name,
			option_get(&options[i], config_get(cfg)));
	failed |= json_object_set_new(root, "restart", restart);
	if (failed) {
		json_decref(root);
		return NULL;
	}
	return root;
}

static json_t *option_range(const struct option *o, uint64_t bound)
{
	char text[32];

	if (o->type != OPTION_DURATION)
		return json_integer((json_int_t)bound);
	snprintf(text, sizeof(text), "%llus", (unsigned long long)bound / 1000);
	return json_string(text);
}

static json_t *option_schema(const struct option *o)
{
	static const char *const types[] = { [OPTION_BOOL] = "bool",
		[OPTION_INT] = "int",
		[OPTION_DURATION] = "duration",
		[OPTION_ENUM] = "enum",
		[OPTION_LIST] = "list",
		[OPTION_PATH] = "string" };
	json_t *item = json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", o->name, "type",
		types[o->type], "live", o->live, "description", o->description, "default",
		option_fallback(o));
	json_t *values;

	if (!item)
		return NULL;
	if (o->type == OPTION_INT || o->type == OPTION_DURATION) {
		json_object_set_new(item, "min", option_range(o, o->min));
		json_object_set_new(item, "max", option_range(o, o->max));
	}
	if (o->type != OPTION_ENUM)
		return item;
	values = json_array();
	for (unsigned i = 0; o->values[i]; i++)
		json_array_append_new(values, json_string(o->values[i]));
	json_object_set_new(item, "values", values);
	return item;
}

json_t *config_schema_json(void)
{
	json_t *items = json_array();

	for (size_t i = 0; i < n_options; i++)
		json_array_append_new(items, option_schema(&options[i]));
	return json_pack("{s:o}", "items", items);
}

/* ---- handlers */

void config_get_handler(struct http_request *req)
{
	http_reply_resource(req, 200, config_json(req->console->config), NULL);
}

void config_schema_handler(struct http_request *req)
{
	http_reply_resource(req, 200, config_schema_json(), NULL);
}

static json_t *problems_json(const struct config_problems *problems)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < problems->n; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s}", "field", problems->items[i].field, "message",
				      problems->items[i].message));
	return list;
}

void config_patch_handler(struct http_request *req)
{
	struct console *c = req->console;
	struct config_problems problems;
	json_t *now = config_json(c->config);
	bool fits = http_if_match(req, now);
	int r;

	json_decref(now);
	if (!fits)
		return;
	if (!json_is_object(req->body)) {
		http_reply_invalid(req, "", "must be an object");
		return;
	}
	r = config_patch(c->config, req->body, &problems);
	if (r == ERR_INVALID) {
		http_reply_invalid_list(req, problems_json(&problems));
		return;
	}
	if (r < 0) {
		http_reply_error(req, r, NULL);
		return;
	}
	console_apply_config(c);
	sse_publish(c->sse, SSE_CONFIG_CHANGED, config_json(c->config));
	http_reply_resource(req, 200, config_json(c->config), NULL);
}
