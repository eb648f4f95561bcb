/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one table of config options, and the values that it describes.
 *
 * A new option is one field of struct config_values and one line of the table in options.c: parsing, checking,
 * dumping, GET /config, its schema and PATCH follow from it.
 */
#ifndef API_OPTIONS_H
#define API_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/ipc.h"
#include "lib/err.h"
#include "lib/limits.h"

#define CONFIG_LIST_MAX 16

/* The durations that a rule may have, in the order of the table's names: rule_duration_names[]. */
extern const char *const rule_duration_names[];

struct config_duration {
	uint64_t ms;
	char text[24]; /* as it was written */
};

struct config_list {
	unsigned n;
	char items[CONFIG_LIST_MAX][LIMIT_HOST + 3]; /* with brackets and NUL */
};

struct config_values {
	int default_action; /* enum action */
	int default_duration; /* index into rule_duration_names */
	struct config_duration prompt_timeout;
	int prompt_timeout_action; /* enum action; -1: as default_action */
	bool prompt_without_clients;
	bool fail_closed;
	bool queue_forwarded;
	bool intercept_dns;
	bool read_sni;
	bool end_flows;
	struct config_duration history_max_age;
	uint64_t history_max_rows;
	struct config_list listen; /* "127.0.0.1:7373", "[::1]:7373" */
	struct config_list hosts; /* lower case */
	struct config_list tcp_peer_users;
	char tls_certificate[LIMIT_PATH + 1]; /* "": none; so is the key then */
	char tls_key[LIMIT_PATH + 1];
	struct config_list export; /* URLs of api/export_target.h */
	int log_level; /* enum log_level */
	int log_format; /* enum log_format */
	uint64_t mark_bit;
	int firewall;
};

enum option_type {
	OPTION_BOOL, /* bool */
	OPTION_INT, /* uint64_t */
	OPTION_DURATION, /* struct config_duration */
	OPTION_ENUM, /* int: index into `values` */
	OPTION_LIST, /* struct config_list */
	OPTION_PATH, /* char[LIMIT_PATH + 1]; null: "" */
};

struct option {
	const char *name; /* dots nest: "prompt.timeout" */
	enum option_type type;
	size_t offset; /* into struct config_values */
	const char
		*fallback; /* JSON text of the default; "null" on an enum: as the one it follows */
	uint64_t min, max; /* ints; durations in ms; list entries (max) */
	const char *const *values; /* of an enum, NULL-terminated */
	int (*check)(const char *item, struct error *err); /* of each list entry */
	bool live; /* can change while the daemon runs */
	const char *description;
};

extern const struct option options[];
extern const size_t n_options;

/* By full name, or NULL. */
const struct option *option_find(const char *name);

/* Whether `name` is the object around options: "prompt". */
bool option_is_group(const char *name);

/* All defaults. */
void options_defaults(struct config_values *ret);

/*
 * Sets one option from JSON (borrowed). 0, or ERR_INVALID with `err`: place is the field ("listen[1]"), and
 * the value stays.
 */
int option_set(
	const struct option *o, struct config_values *v, const json_t *json, struct error *err);

/* Copies one option's value. */
void option_copy(
	const struct option *o, struct config_values *to, const struct config_values *from);

/* The value as JSON (returned owned; NULL when out of memory). An enum that follows another shows that one's. */
json_t *option_get(const struct option *o, const struct config_values *v);

/* The default as JSON (returned owned). */
json_t *option_fallback(const struct option *o);

/* "127.0.0.1:7373" or "[::1]:7373" into its parts. 0 or ERR_MALFORMED. */
int listen_parse(const char *text, struct ipc_listen *ret);

#endif
