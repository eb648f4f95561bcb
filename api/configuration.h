/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The config in its layers: defaults, the file, --listen, and what was changed live.
 *
 * A reload or a change builds whole new values, checks them, and only then takes their place.
 */
#ifndef API_CONFIGURATION_H
#define API_CONFIGURATION_H

#include <jansson.h>
#include <stddef.h>

#include "api/options.h"
#include "daemon/ipc.h"

struct config;
struct http_request;
struct store;

#define CONFIG_PROBLEMS_MAX 16

/* What is wrong with one member. */
struct config_problem {
	unsigned line; /* of the file; 0: not about a line */
	char field[160]; /* "prompt.timeout", "listen[1]"; "" for the whole */
	char message[320];
};

struct config_problems {
	unsigned n;
	struct config_problem items[CONFIG_PROBLEMS_MAX];
};

/*
 * Reads the text of a config file over the defaults into *ret; empty text is an empty object. 0, or ERR_INVALID with
 * every problem found (at most CONFIG_PROBLEMS_MAX), and *ret is then not to be used.
 */
int config_parse(
	const char *text, size_t len, struct config_values *ret, struct config_problems *problems);

/* Lays an ADDR:PORT of --listen over the values. 0 or ERR_INVALID with problems. */
int config_listen(struct config_values *v, const char *listen, struct config_problems *problems);

/* Both from where the engine left them: the descriptor IPC_FD_CONFIG and the environment. */
int config_read(struct config_values *ret, struct config_problems *problems);

/* The format of --log-format, which wins over the config's (enum log_format). False and *ret as it is: there is none. */
bool config_log_format(int *ret);

/* The line of the config file at IPC_FD_CONFIG, which was read before, where `field` stands; 0 when there is none. */
unsigned config_line_of(const char *field);

/* The engine's part of the values, into messages begun with ipc_begin(). */
void config_fill_settings(const struct config_values *v, struct ipc_settings *ret);
void config_fill(const struct config_values *v, struct ipc_config *ret);

/* Returns owned, with these values (copied), and no live changes; NULL when out of memory. */
struct config *config_new(const struct config_values *base);
void config_free(struct config *cfg);

/*
 * Takes over the live changes that `store` (borrowed for life) keeps. One that is no longer valid is skipped; its
 * number is returned, or a negative code.
 */
int config_load_changes(struct config *cfg, struct store *store);

/* The values that hold now. Borrowed; valid until the next change. */
const struct config_values *config_get(const struct config *cfg);

/* The GET /config object (returned owned, NULL when out of memory). */
json_t *config_json(const struct config *cfg);

/* The GET /config/schema object (returned owned). */
json_t *config_schema_json(void);

/*
 * Merges a patch (RFC 7396, as nested as GET /config): null takes an option back to the file's value. All
 * or nothing, and stored before it holds. 0; ERR_INVALID with problems; ERR_IO, ERR_FULL or ERR_NOMEM.
 */
int config_patch(struct config *cfg, const json_t *patch, struct config_problems *problems);

/* ---- handlers */
void config_get_handler(struct http_request *req);
void config_patch_handler(struct http_request *req);
void config_schema_handler(struct http_request *req);

#endif
