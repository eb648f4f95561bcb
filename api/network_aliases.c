/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of networks from a file. */
#include "config.h"

#include "api/network_aliases.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/addr.h"
#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/log.h"

#define FILE_NAME "network_aliases.json"

struct network_aliases {
	json_t *by_name; /* texts */
};

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

/* The file's object, owned; NULL where there is none. */
static json_t *read_file(int fd)
{
	json_error_t why;
	json_t *file;

	if (fd < 0)
		return NULL;
	file = json_loadfd(fd, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(file)) {
		log_warning(FILE_NAME ":%d:%d: it is not read: %s", why.line, why.column,
			file ? "an object is expected" : why.text);
		json_decref(file);
		return NULL;
	}
	return file;
}

struct network_aliases *network_aliases_load(const char *config_path, int rules_folder)
{
	_cleanup_close_ int fd = open_beside(config_path, rules_folder);
	struct network_aliases *a = calloc(1, sizeof(*a));
	char networks[LIMIT_RULE_DATA + 1];
	json_t *file, *list;
	const char *name;

	if (!a)
		return NULL;
	a->by_name = json_object();
	file = read_file(fd);
	json_object_foreach (file, name, list) {
		read_networks(name, list, networks);
		if (networks[0])
			json_object_set_new(a->by_name, name, json_string(networks));
	}
	json_decref(file);
	return a;
}

void network_aliases_free(struct network_aliases *a)
{
	if (!a)
		return;
	json_decref(a->by_name);
	free(a);
}

const char *network_alias_find(const struct network_aliases *a, const char *name)
{
	return a ? json_string_value(json_object_get(a->by_name, name)) : NULL;
}
