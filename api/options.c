/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of config options. */
#include "api/options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/export_target.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/verdict.h"

const char *const rule_duration_names[] = { "once", "30s", "5m", "15m", "30m", "1h", "12h",
	"until restart", "always", NULL };
static const char *const action_names[] = { "allow", "deny", "reject", NULL };
static const char *const log_level_names[] = { "error", "warning", "notice", "info", "debug",
	NULL };
static const char *const log_format_names[] = { "text", "json", NULL };
static const char *const firewall_names[] = { "iptables", NULL };

_Static_assert(ACTION_ALLOW == 0 && ACTION_DENY == 1 && ACTION_REJECT == 2, "action_names");
_Static_assert(LOG_LEVEL_ERROR == 0 && LOG_LEVEL_DEBUG == 4, "log_level_names");
_Static_assert(LOG_FORMAT_TEXT == 0 && LOG_FORMAT_JSON == 1, "log_format_names");

static int check_listen(const char *item, struct error *err);
static int check_host(const char *item, struct error *err);
static int check_user(const char *item, struct error *err);
static int check_export(const char *item, struct error *err);

#define AT(field) offsetof(struct config_values, field)
#define SECOND UINT64_C(1000)
#define DAY (86400 * SECOND)

const struct option options[] = {
	{ "default_action", OPTION_ENUM, AT(default_action), "\"allow\"", 0, 0, action_names, NULL,
		true,
		"What happens to a connection that no rule decides and nobody is asked about." },
	{ "default_duration", OPTION_ENUM, AT(default_duration), "\"until restart\"", 0, 0,
		rule_duration_names, NULL, true,
		"How long the answer to a prompt holds, unless another duration is chosen." },
	{ "prompt.timeout", OPTION_DURATION, AT(prompt_timeout), "\"30s\"", SECOND,
		LIMIT_PROMPT_TIMEOUT_MS, NULL, NULL, true,
		"How long a connection waits for an answer." },
	{ "prompt.timeout_action", OPTION_ENUM, AT(prompt_timeout_action), "null", 0, 0,
		action_names, NULL, true,
		"What happens when nobody answers in time. Not set: the default action." },
	{ "prompt_without_clients", OPTION_BOOL, AT(prompt_without_clients), "false", 0, 0, NULL,
		NULL, true,
		"Hold connections and wait for an answer even while no client listens." },
	{ "intercept_dns", OPTION_BOOL, AT(intercept_dns), "true", 0, 0, NULL, NULL, true,
		"Learn host names from DNS answers." },
	{ "end_flows", OPTION_BOOL, AT(end_flows), "false", 0, 0, NULL, NULL, true,
		"When rules change, end the live connections that a rule now denies." },
	{ "history.max_age", OPTION_DURATION, AT(history_max_age), "\"30d\"", 60 * SECOND,
		3650 * DAY, NULL, NULL, true, "Recorded connections older than this are deleted." },
	{ "history.max_rows", OPTION_INT, AT(history_max_rows), "1000000", 1, 100000000, NULL, NULL,
		true, "The most recorded connections to keep." },
	{ "log.level", OPTION_ENUM, AT(log_level), "\"info\"", 0, 0, log_level_names, NULL, true,
		"The least important messages that are logged." },
	{ "log.format", OPTION_ENUM, AT(log_format), "\"text\"", 0, 0, log_format_names, NULL,
		false, "Plain lines, or one JSON object a line." },
	{ "listen", OPTION_LIST, AT(listen), "[\"127.0.0.1:7373\", \"[::1]:7373\"]", 1,
		IPC_LISTEN_MAX, NULL, check_listen, false,
		"Addresses and ports of the dashboard and the API." },
	{ "hosts", OPTION_LIST, AT(hosts), "[]", 0, CONFIG_LIST_MAX, NULL, check_host, false,
		"More host names under which the dashboard may be reached." },
	{ "tcp_peer_users", OPTION_LIST, AT(tcp_peer_users), "[]", 0, CONFIG_LIST_MAX, NULL,
		check_user, true,
		"Only programs of root, of members of group opensnitch and of these users may log "
		"in "
		"over TCP from this machine; others need a token. Empty: everybody may try." },
	{ "read_sni", OPTION_BOOL, AT(read_sni), "false", 0, 0, NULL, NULL, false,
		"Where DNS does not tell the name that a program asked for, read it from the first "
		"words of a TLS or QUIC connection." },
	{ "tls.certificate", OPTION_PATH, AT(tls_certificate), "null", 0, 0, NULL, NULL, false,
		"File of the certificate chain (PEM) for addresses other than loopback: there the "
		"dashboard speaks HTTPS." },
	{ "tls.key", OPTION_PATH, AT(tls_key), "null", 0, 0, NULL, NULL, false,
		"File of its private key (PEM); it may be readable by root alone." },
	{ "export", OPTION_LIST, AT(export), "[]", 0, LIMIT_EXPORT_TARGETS, NULL, check_export,
		false,
		"Where every decision is sent or written to: syslog+tcp://, syslog+tls://, "
		"syslog+udp://HOST:PORT, syslog+unix:///PATH or json:///PATH." },
	{ "fail_closed", OPTION_BOOL, AT(fail_closed), "false", 0, 0, NULL, NULL, false,
		"Block all new connections while the daemon is not running." },
	{ "queue_forwarded", OPTION_BOOL, AT(queue_forwarded), "false", 0, 0, NULL, NULL, false,
		"Also filter what containers, other network namespaces and other machines send "
		"through this one." },
	{ "mark_bit", OPTION_INT, AT(mark_bit), "28", 0, 30, NULL, NULL, false,
		"The bit of the connection mark that means allowed; the next one means rejected." },
	{ "firewall", OPTION_ENUM, AT(firewall), "\"iptables\"", 0, 0, firewall_names, NULL, false,
		"How the netfilter rules are installed." },
};
const size_t n_options = array_len(options);

const struct option *option_find(const char *name)
{
	for (size_t i = 0; i < n_options; i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

bool option_is_group(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n_options; i++)
		if (strncmp(options[i].name, name, n) == 0 && options[i].name[n] == '.')
			return true;
	return false;
}

json_t *option_fallback(const struct option *o)
{
	return json_loads(o->fallback, JSON_DECODE_ANY, NULL);
}

void options_defaults(struct config_values *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < n_options; i++) {
		json_t *v = option_fallback(&options[i]);

		/* The table's own defaults are right: a test holds every one against its checks. */
		if (v)
			option_set(&options[i], ret, v, NULL);
		json_decref(v);
	}
}

int listen_parse(const char *text, struct ipc_listen *ret)
{
	const char *colon = strrchr(text, ':');
	char addr[IP_ADDR_TEXT_LEN + 2];
	size_t n = colon ? (size_t)(colon - text) : 0;
	unsigned long port;
	char *end;

	if (!colon || n == 0 || n >= sizeof(addr) || !isdigit((unsigned char)colon[1]))
		return ERR_MALFORMED;
	memcpy(addr, text, n);
	addr[n] = '\0';
	if (addr[0] == '[') {
		if (addr[n - 1] != ']')
			return ERR_MALFORMED;
		addr[n - 1] = '\0';
		memmove(addr, addr + 1, n - 1);
	} else if (strchr(addr, ':')) {
		return ERR_MALFORMED; /* an IPv6 address needs its brackets */
	}
	port = strtoul(colon + 1, &end, 10);
	if (*end || port == 0 || port > 65535)
		return ERR_MALFORMED;
	memset(ret, 0, sizeof(*ret));
	ret->port = (uint16_t)port;
	return ip_addr_parse(addr, &ret->addr);
}

static int check_listen(const char *item, struct error *err)
{
	struct ipc_listen l;

	if (listen_parse(item, &l) < 0)
		return error_set(err, ERR_INVALID, NULL,
			"must be ADDRESS:PORT, as 127.0.0.1:7373 or [::1]:7373");
	return 0;
}

static int check_host(const char *item, struct error *err)
{
	size_t n = strlen(item);

	for (size_t i = 0; i < n; i++)
		if (!islower((unsigned char)item[i]) && !isdigit((unsigned char)item[i]) &&
			!strchr(".-:[]_", item[i]))
			n = 0;
	if (n == 0)
		return error_set(err, ERR_INVALID, NULL,
			"must be a host name in lower case, without scheme, port or path");
	return 0;
}

static int check_user(const char *item, struct error *err)
{
	size_t n = strlen(item);

	if (n == 0 || n > LIMIT_USER_NAME || strcspn(item, ":,/ \t\r\n") != n)
		return error_set(err, ERR_INVALID, NULL, "must be the name of a user");
	return 0;
}

static int check_export(const char *item, struct error *err)
{
	struct export_target target;

	return export_target_parse(item, &target, err);
}

static int set_duration(
	const struct option *o, struct config_duration *to, const json_t *json, struct error *err)
{
	const char *text = json_string_value(json);
	uint64_t ms;

	if (!text || strlen(text) >= sizeof(to->text) || clock_parse_duration(text, &ms) < 0)
		return error_set(
			err, ERR_INVALID, o->name, "must be a duration, as \"30s\" or \"7d\"");
	if (ms < o->min || ms > o->max)
		return error_set(err, ERR_INVALID, o->name, "must be between %llu and %llu seconds",
			(unsigned long long)(o->min / 1000), (unsigned long long)(o->max / 1000));
	to->ms = ms;
	snprintf(to->text, sizeof(to->text), "%s", text);
	return 0;
}

static int set_enum(const struct option *o, int *to, const json_t *json, struct error *err)
{
	const char *text = json_string_value(json);
	char all[200] = "";
	size_t used = 0;

	if (json_is_null(json) && strcmp(o->fallback, "null") == 0) {
		*to = -1;
		return 0;
	}
	for (int i = 0; o->values[i]; i++) {
		if (text && strcmp(text, o->values[i]) == 0) {
			*to = i;
			return 0;
		}
		used += (size_t)snprintf(
			all + used, sizeof(all) - used, "%s\"%s\"", i ? ", " : "", o->values[i]);
	}
	return error_set(err, ERR_INVALID, o->name, "must be one of %s", all);
}

static int set_item(const struct option *o, struct config_list *to, size_t i, const json_t *json,
	struct error *err)
{
	const char *text = json_string_value(json);
	struct error e = { .message = "must be a string" };
	char field[64];

	snprintf(field, sizeof(field), "%s[%zu]", o->name, i);
	if (!text || strlen(text) >= sizeof(to->items[0]) || o->check(text, &e) < 0)
		return error_set(err, ERR_INVALID, field, "%s", e.message);
	snprintf(to->items[to->n++], sizeof(to->items[0]), "%s", text);
	return 0;
}

static int set_list(
	const struct option *o, struct config_list *to, const json_t *json, struct error *err)
{
	_cleanup_free_ struct config_list *list = calloc(1, sizeof(*list));

	if (!list)
		return error_set(err, ERR_NOMEM, o->name, "out of memory");
	if (!json_is_array(json) || json_array_size(json) < o->min ||
		json_array_size(json) > o->max)
		return error_set(err, ERR_INVALID, o->name,
			"must be a list of %llu to %llu strings", (unsigned long long)o->min,
			(unsigned long long)o->max);
	for (size_t i = 0; i < json_array_size(json); i++)
		if (set_item(o, list, i, json_array_get(json, i), err) < 0)
			return ERR_INVALID;
	*to = *list;
	return 0;
}

static int set_int(const struct option *o, uint64_t *to, const json_t *json, struct error *err)
{
	json_int_t n = json_integer_value(json);

	if (!json_is_integer(json) || n < 0 || (uint64_t)n < o->min || (uint64_t)n > o->max)
		return error_set(err, ERR_INVALID, o->name,
			"must be a whole number between %llu and %llu", (unsigned long long)o->min,
			(unsigned long long)o->max);
	*to = (uint64_t)n;
	return 0;
}

static int set_path(const struct option *o, char *to, const json_t *json, struct error *err)
{
	const char *text = json_is_null(json) ? "" : json_string_value(json);

	if (!text || (*text && *text != '/') || (!*text && !json_is_null(json)) ||
		strlen(text) > LIMIT_PATH)
		return error_set(
			err, ERR_INVALID, o->name, "must be the absolute path of a file, or null");
	strcpy(to, text);
	return 0;
}

int option_set(
	const struct option *o, struct config_values *v, const json_t *json, struct error *err)
{
	void *to = (char *)v + o->offset;

	switch (o->type) {
	case OPTION_BOOL:
		if (!json_is_boolean(json))
			return error_set(err, ERR_INVALID, o->name, "must be true or false");
		*(bool *)to = json_is_true(json);
		return 0;
	case OPTION_INT:
		return set_int(o, to, json, err);
	case OPTION_DURATION:
		return set_duration(o, to, json, err);
	case OPTION_ENUM:
		return set_enum(o, to, json, err);
	case OPTION_LIST:
		return set_list(o, to, json, err);
	case OPTION_PATH:
		return set_path(o, to, json, err);
	}
	return ERR_INVALID;
}

void option_copy(const struct option *o, struct config_values *to, const struct config_values *from)
{
	static const size_t sizes[] = { [OPTION_BOOL] = sizeof(bool),
		[OPTION_INT] = sizeof(uint64_t),
		[OPTION_DURATION] = sizeof(struct config_duration),
		[OPTION_ENUM] = sizeof(int),
		[OPTION_LIST] = sizeof(struct config_list),
		[OPTION_PATH] = LIMIT_PATH + 1 };

	memcpy((char *)to + o->offset, (const char *)from + o->offset, sizes[o->type]);
}

json_t *option_get(const struct option *o, const struct config_values *v)
{
	const void *from = (const char *)v + o->offset;
	json_t *list;
	int i;

	switch (o->type) {
	case OPTION_BOOL:
		return json_boolean(*(const bool *)from);
	case OPTION_INT:
		return json_integer((json_int_t) * (const uint64_t *)from);
	case OPTION_DURATION:
		return json_string(((const struct config_duration *)from)->text);
	case OPTION_ENUM:
		i = *(const int *)from;
		return json_string(o->values[i < 0 ? v->default_action : i]);
	case OPTION_LIST:
		list = json_array();
		for (unsigned j = 0; list && j < ((const struct config_list *)from)->n; j++)
			json_array_append_new(
				list, json_string(((const struct config_list *)from)->items[j]));
		return list;
	case OPTION_PATH:
		return *(const char *)from ? json_string(from) : json_null();
	}
	return NULL;
}
