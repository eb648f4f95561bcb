/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The layers of the config. */
#include "config.h"

#include "api/configuration.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/jsonpos.h"
#include "db/settings.h"
#include "lib/cleanup.h"
#include "lib/log.h"

#define CONFIG_FILE_MAX (1u << 20)

struct config {
	struct config_values base; /* defaults, file, --listen */
	struct config_values now; /* with the live changes */
	json_t *changes; /* flat: option name -> value */
	struct store *store; /* NULL: changes live with the process */
};

/* ---- walking a nested object by the table */

/* What to do with one option found in an object; false after a problem was added. */
typedef void (*found_fn)(void *ctx, const struct option *o, const char *field, const json_t *value);

struct walk {
	found_fn found;
	void *ctx;
	struct config_problems *problems;
};

static void add_problem(struct config_problems *p, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void add_problem(struct config_problems *p, const char *field, const char *fmt, ...)
{
	struct config_problem *item = &p->items[p->n];
	va_list args;

	if (p->n == CONFIG_PROBLEMS_MAX)
		return;
	p->n++;
	item->line = 0;
	snprintf(item->field, sizeof(item->field), "%s", field);
	va_start(args, fmt);
	vsnprintf(item->message, sizeof(item->message), fmt, args);
	va_end(args);
}

/* null for a group is null for each of its options. */
static void walk_null(const struct walk *w, const char *group)
{
	size_t n = strlen(group);

	for (size_t i = 0; i < n_options; i++)
		if (strncmp(options[i].name, group, n) == 0 && options[i].name[n] == '.')
			w->found(w->ctx, &options[i], options[i].name, json_null());
}

static void walk_object(const struct walk *w, const char *prefix, const json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
		char field[160], quoted[100];
		const struct option *o;

		snprintf(field, sizeof(field), "%s%s%s", prefix, *prefix ? "." : "", key);
		/* A dot in a key would make "prompt.timeout" of another shape than the table's. */
		o = strchr(key, '.') ? NULL : option_find(field);
		if (o)
			w->found(w->ctx, o, field, value);
		else if (!strchr(key, '.') && option_is_group(field) && json_is_object(value))
			walk_object(w, field, value);
		else if (!strchr(key, '.') && option_is_group(field) && json_is_null(value))
			walk_null(w, field);
		else if (!strchr(key, '.') && option_is_group(field))
			add_problem(w->problems, field, "must be an object");
		else
			add_problem(w->problems,
				log_quote(field, strlen(field), quoted, sizeof(quoted)),
				"is not a known option");
	}
}

/* ---- the file */

struct reading {
	struct config_values *values;
	struct config_problems *problems;
};

static void set_from_file(void *ctx, const struct option *o, const char *field, const json_t *value)
{
	struct reading *r = ctx;
	struct error err = { 0 };

	(void)field;
	if (option_set(o, r->values, value, &err) < 0)
		add_problem(r->problems, err.place, "%s", err.message);
}

/* What no option says alone: other machines are served by TLS only, and that takes both files. `listen` is NULL for the config's own. */
static void check_together(
	const struct config_values *v, const char *listen, struct config_problems *problems)
{
	bool has_tls = v->tls_certificate[0] && v->tls_key[0];

	if (!v->tls_certificate[0] != !v->tls_key[0])
		add_problem(problems, v->tls_key[0] ? "tls.key" : "tls.certificate",
			"needs %s as well", v->tls_key[0] ? "tls.certificate" : "tls.key");
	for (unsigned i = 0; i < v->listen.n && !has_tls; i++) {
		struct ipc_listen l;
		char field[24];

		snprintf(field, sizeof(field), "listen[%u]", i);
		if (listen_parse(v->listen.items[i], &l) == 0 && !ip_addr_is_loopback(&l.addr))
			add_problem(problems, listen ? listen : field,
				"%s is not a loopback address: set tls.certificate and tls.key in "
				"the config, or listen on loopback and use an SSH tunnel",
				v->listen.items[i]);
	}
}

int config_parse(
	const char *text, size_t len, struct config_values *ret, struct config_problems *problems)
{
	struct reading reading = { ret, problems };
	struct walk walk = { set_from_file, &reading, problems };
	json_error_t jerr;
	json_t *root;

	problems->n = 0;
	options_defaults(ret);
	if (strspn(text, " \t\r\n") >= len)
		return 0;
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &jerr);
	if (!root) {
		char quoted[200];

		add_problem(problems, "", "%s",
			log_quote(jerr.text, strlen(jerr.text), quoted, sizeof(quoted)));
		problems->items[0].line = jerr.line > 0 ? (unsigned)jerr.line : 1;
		return ERR_INVALID;
	}
	if (json_is_object(root))
		walk_object(&walk, "", root);
	else
		add_problem(problems, "", "must be a JSON object");
	json_decref(root);
	if (!problems->n)
		check_together(ret, NULL, problems);
	for (unsigned i = 0; i < problems->n; i++)
		problems->items[i].line = json_line_of(text, len, problems->items[i].field);
	return problems->n ? ERR_INVALID : 0;
}

int config_listen(struct config_values *v, const char *listen, struct config_problems *problems)
{
	struct error err = { 0 };
	json_t *list = json_pack("[s]", listen);

	if (!list || option_set(option_find("listen"), v, list, &err) < 0)
		add_problem(problems, "--listen", "%s",
			err.message[0] ? err.message : "must be ADDRESS:PORT");
	else
		check_together(v, "--listen", problems);
	json_decref(list);
	return problems->n ? ERR_INVALID : 0;
}

/* The whole file, with a NUL behind it; NULL and errno set otherwise. */
static char *read_descriptor(int fd, size_t *ret_len)
{
	char *text = malloc(CONFIG_FILE_MAX + 2);
	size_t len = 0;
	ssize_t n = 1;

	while (text && n > 0 && len <= CONFIG_FILE_MAX) {
		n = read(fd, text + len, CONFIG_FILE_MAX + 1 - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	if (text && n >= 0 && len <= CONFIG_FILE_MAX) {
		text[len] = '\0';
		*ret_len = len;
		return text;
	}
	if (n >= 0)
		errno = text ? EFBIG : ENOMEM;
	free(text);
	return NULL;
}

bool config_log_format(int *ret)
{
	const char *name = getenv(IPC_ENV_LOG_FORMAT);
	enum log_format format;

	if (!name || log_format_parse(name, &format) < 0)
		return false;
	*ret = (int)format;
	return true;
}

int config_read(struct config_values *ret, struct config_problems *problems)
{
	const char *listen = getenv(IPC_ENV_LISTEN);
	_cleanup_free_ char *text = NULL;
	size_t len;

	problems->n = 0;
	text = read_descriptor(IPC_FD_CONFIG, &len);
	if (!text) {
		add_problem(problems, "", "cannot be read: %s", strerror(errno));
		return ERR_IO;
	}
	if (config_parse(text, len, ret, problems) < 0)
		return ERR_INVALID;
	(void)config_log_format(&ret->log_format);
	return listen && *listen ? config_listen(ret, listen, problems) : 0;
}

unsigned config_line_of(const char *field)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (lseek(IPC_FD_CONFIG, 0, SEEK_SET) < 0)
		return 0;
	text = read_descriptor(IPC_FD_CONFIG, &len);
	return text && strspn(text, " \t\r\n") < len ? json_line_of(text, len, field) : 0;
}

/* ---- for the engine */

void config_fill_settings(const struct config_values *v, struct ipc_settings *ret)
{
	ret->prompt_timeout_ms = (uint32_t)v->prompt_timeout.ms;
	ret->default_action = (uint8_t)v->default_action;
	ret->prompt_timeout_action =
		(uint8_t)(v->prompt_timeout_action < 0 ? v->default_action
						       : v->prompt_timeout_action);
	ret->prompt_without_clients = v->prompt_without_clients;
	ret->intercept_dns = v->intercept_dns;
	ret->end_flows = v->end_flows;
	ret->log_level = (uint8_t)v->log_level;
}

void config_fill(const struct config_values *v, struct ipc_config *ret)
{
	config_fill_settings(v, &ret->settings);
	ret->fail_closed = v->fail_closed;
	ret->queue_forwarded = v->queue_forwarded;
	ret->mark_bit = (uint8_t)v->mark_bit;
	ret->read_sni = v->read_sni;
	ret->log_format = (uint8_t)v->log_format;
	ret->n_listen = v->listen.n < IPC_LISTEN_MAX ? v->listen.n : IPC_LISTEN_MAX;
	for (uint32_t i = 0; i < ret->n_listen; i++)
		(void)listen_parse(v->listen.items[i], &ret->listen[i]); /* was checked */
	memcpy(ret->tls_certificate, v->tls_certificate, sizeof(ret->tls_certificate));
	memcpy(ret->tls_key, v->tls_key, sizeof(ret->tls_key));
}

/* ---- live changes */

struct config *config_new(const struct config_values *base)
{
	struct config *cfg = calloc(1, sizeof(*cfg));

	if (!cfg)
		return NULL;
	cfg->base = cfg->now = *base;
	cfg->changes = json_object();
	if (!cfg->changes) {
		free(cfg);
		return NULL;
	}
	return cfg;
}

void config_free(struct config *cfg)
{
	if (!cfg)
		return;
	json_decref(cfg->changes);
	free(cfg);
}

const struct config_values *config_get(const struct config *cfg)
{
	return &cfg->now;
}

struct loading {
	struct config *cfg;
	int n_skipped;
};

static int load_change(void *ctx, const char *name, const char *text)
{
	struct loading *l = ctx;
	const struct option *o = option_find(name);
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

	/* What an older or newer version stored may mean nothing here. */
	if (!o || !o->live || !value || option_set(o, &l->cfg->now, value, NULL) < 0) {
		l->n_skipped++;
		json_decref(value);
		return 0;
	}
	return json_object_set_new(l->cfg->changes, name, value) < 0 ? ERR_NOMEM : 0;
}

int config_load_changes(struct config *cfg, struct store *store)
{
	struct loading loading = { cfg, 0 };
	int r;

	cfg->store = store;
	r = settings_each(store, load_change, &loading);
	return r < 0 ? r : loading.n_skipped;
}

/* One change being put together: nothing holds until all of it is known to be good. */
struct patching {
	struct config *cfg;
	struct config_values values;
	json_t *changes;
	struct setting settings[64];
	char *texts[64];
	unsigned n;
	struct config_problems *problems;
	int error;
};

static void patch_option(void *ctx, const struct option *o, const char *field, const json_t *value)
{
	struct patching *p = ctx;
	struct error err = { 0 };
	bool reset = json_is_null(value);

	if (!o->live) {
		add_problem(p->problems, field,
			"can only be changed in the config file, and holds after a restart");
		return;
	}
	if (p->n == array_len(p->settings))
		return;
	if (reset)
		option_copy(o, &p->values, &p->cfg->base);
	else if (option_set(o, &p->values, value, &err) < 0)
		add_problem(p->problems, err.place, "%s", err.message);
	if (reset)
		json_object_del(p->changes, o->name);
	else if (json_object_set(p->changes, o->name, (json_t *)(uintptr_t)value) < 0)
		p->error = ERR_NOMEM;
	p->texts[p->n] = reset ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	if (!reset && !p->texts[p->n])
		p->error = ERR_NOMEM;
	p->settings[p->n] = (struct setting) { o->name, p->texts[p->n] };
	p->n++;
}

int config_patch(struct config *cfg, const json_t *patch, struct config_problems *problems)
{
	struct patching p = { .cfg = cfg, .values = cfg->now, .problems = problems };
	struct walk walk = { patch_option, &p, problems };

	problems->n = 0;
	p.changes = json_copy(cfg->changes);
	if (!p.changes)
		return ERR_NOMEM;
	walk_object(&walk, "", patch);
	if (problems->n)
		p.error = ERR_INVALID;
	if (!p.error && p.n && cfg->store)
		p.error = settings_set(cfg->store, p.settings, p.n);
	if (!p.error) {
		cfg->now = p.values;
		json_decref(cfg->changes);
		cfg->changes = json_incref(p.changes);
	}
	json_decref(p.changes);
	for (unsigned i = 0; i < p.n; i++)
		free(p.texts[i]);
	return p.error;
}
