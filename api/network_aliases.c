/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of networks from a file. */
#include "config.h"

#include "api/network_aliases.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/addr.h"
#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/log.h"

#define FILE_NAME "network_aliases.json"

/* Name to text; set once before the first rule is read, and not changed while there are rules. */
static json_t *aliases;

static int open_beside(const char *config_path, int rules_folder)
{
	const char *slash = config_path ? strrchr(config_path, '/') : NULL;
	char path[PATH_MAX];
	int fd = -1;

	if (slash && snprintf(path, sizeof(path), "%.*s/" FILE_NAME, (int)(slash - config_path),
			     config_path) < (int)sizeof(path))
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		fd = openat(rules_folder, "../" FILE_NAME, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd;
}

/* The networks of one name; "" where none is good. */
static void read_networks(
	const char *name, const json_t *list, char ret[static LIMIT_RULE_DATA + 1])
{
	struct ip_net net;
	size_t len = 0, i;
	json_t *v;

	ret[0] = '\0';
	if (!json_is_array(list))
		log_warning(FILE_NAME ": %.100s: a list of networks is expected here", name);
	json_array_foreach (list, i, v) {
		const char *s = json_string_value(v);

		if (!s || ip_net_parse(s, &net) < 0) {
			log_warning(FILE_NAME
				": %.100s[%zu]: no network as 192.0.2.0/24: it is left out",
				name, i);
			continue;
		}
		if (len + strlen(s) + 1 > LIMIT_RULE_DATA) {
			log_warning(FILE_NAME
				": %.100s[%zu]: too many networks: the rest is left out",
				name, i);
			break;
		}
		len += (size_t)snprintf(
			ret + len, LIMIT_RULE_DATA + 1 - len, "%s%s", len ? " " : "", s);
	}
}

void network_aliases_load(const char *config_path, int rules_folder)
{
	_cleanup_close_ int fd = open_beside(config_path, rules_folder);
	char networks[LIMIT_RULE_DATA + 1];
	json_t *file, *list;
	json_error_t why;
	const char *name;

	network_aliases_free();
	if (fd < 0)
		return;
	file = json_loadfd(fd, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(file)) {
		log_warning(FILE_NAME ":%d:%d: it is not read: %s", why.line, why.column,
			file ? "an object is expected" : why.text);
		json_decref(file);
		return;
	}
	aliases = json_object();
	json_object_foreach (file, name, list) {
		read_networks(name, list, networks);
		if (networks[0])
			json_object_set_new(aliases, name, json_string(networks));
	}
	json_decref(file);
}

void network_aliases_free(void)
{
	json_decref(aliases);
	aliases = NULL;
}

const char *network_alias_find(const char *name)
{
	return json_string_value(json_object_get(aliases, name));
}
