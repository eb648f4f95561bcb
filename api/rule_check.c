/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opensnitch-console --check-rules. */
#include "config.h"

#include "api/rule_check.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http.h"
#include "api/network_aliases.h"
#include "api/pattern_notes.h"
#include "api/rule_doc.h"
#include "api/rule_folder.h"
#include "lib/cleanup.h"
#include "lib/log.h"

struct check {
	int folder;
	const char *file; /* at hand */
	struct network_aliases *aliases;
	json_t *names; /* of rules: the file that each stands in */
	json_t *problems, *warnings;
	size_t n;
};

static void tell(struct check *c, json_t *list, const char *place, const char *message)
{
	json_array_append_new(
		list, json_pack("{s:o, s:o, s:o}", "file", http_json_text(c->file, strlen(c->file)),
			      "place", http_json_text(place, strlen(place)), "message",
			      http_json_text(message, strlen(message))));
}

static void on_note(void *ctx, const char *place, const char *what)
{
	struct check *c = ctx;

	tell(c, c->warnings, place, what);
}

static void check_doc(struct check *c, const struct rule_doc *doc)
{
	const char *other = json_string_value(json_object_get(c->names, doc->name));
	char message[200];
	json_t *json;

	c->n++;
	if (doc->problem)
		tell(c, c->problems, doc->problem->place, doc->problem->message);
	if (doc->duration != DURATION_ALWAYS)
		tell(c, c->problems, "duration", "a rule in a file lasts always");
	if (other) {
		snprintf(message, sizeof(message), "the file '%.120s' has a rule of this name",
			other);
		tell(c, c->problems, "name", message);
	}
	json_object_set_new(c->names, doc->name, json_string(c->file));
	json = rule_doc_json(doc);
	pattern_notes(json_object_get(json, "operator"), on_note, c);
	json_decref(json);
}

static void check_file(struct check *c, const char *name)
{
	char stem[LIMIT_RULE_NAME + 1];
	_cleanup_free_ char *text = NULL;
	struct rule_file_stamp stamp;
	struct rule_doc *doc = NULL;
	struct error err = { 0 };
	size_t len;
	int r;

	c->file = name;
	snprintf(stem, sizeof(stem), "%.*s", (int)(strlen(name) - strlen(".json")), name);
	r = rule_folder_read(c->folder, name, &text, &len, &stamp, &err);
	if (r == 0)
		r = rule_doc_parse(text, len, c->aliases, stem, RULE_DOC_KEEP, &doc, &err);
	if (r == 0)
		check_doc(c, doc);
	else
		tell(c, c->problems, err.place, err.message);
	rule_doc_free(doc);
}

static int print(const struct check *c)
{
	json_t *all = json_pack("{s:I, s:O, s:O}", "rules", (json_int_t)c->n, "problems",
		c->problems, "warnings", c->warnings);
	int r = all ? json_dumpf(all, stdout, JSON_COMPACT) : -1;

	json_decref(all);
	return r == 0 && fflush(stdout) == 0 ? 0 : 1;
}

int rule_check_folder(const char *path)
{
	struct check c = {
		.names = json_object(), .problems = json_array(), .warnings = json_array()
	};
	struct error err = { 0 };
	char **names = NULL;
	size_t n = 0;
	int status = 1;

	c.folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c.folder < 0)
		log_error("%s cannot be read: %s", path, strerror(errno));
	else if (rule_folder_list(c.folder, &names, &n, &err) < 0)
		log_error("%s cannot be read: %s", path, err.message);
	else {
		c.aliases = network_aliases_load(NULL, c.folder);
		for (size_t i = 0; i < n; i++)
			check_file(&c, names[i]);
		status = print(&c);
	}
	rule_folder_list_free(names, n);
	network_aliases_free(c.aliases);
	cleanup_close(&c.folder);
	json_decref(c.names);
	json_decref(c.problems);
	json_decref(c.warnings);
	return status;
}
