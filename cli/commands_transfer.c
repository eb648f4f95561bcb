/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that move whole rules: out, in, through an editor, and past the judge without a daemon. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/commands_internal.h"
#include "cli/text.h"
#include "lib/cleanup.h"

#define CONSOLE "opensnitch-console"

static enum outcome failed(const struct streams *io, const char *subject, const char *what)
{
	struct error e;

	error_set(&e, ERR_IO, subject, "%s: %s", what, strerror(errno));
	return outcome_error(io->err, PROGRAM, NULL, &e);
}

/* ---- export, import */

static enum outcome write_rules(const char *name, const json_t *rules, const struct streams *io)
{
	_cleanup_free_ char *text = json_dumps(rules, JSON_INDENT(4));
	FILE *out = fopen(name, "we");
	bool ok;

	if (!text || !out) {
		if (out)
			fclose(out);
		return text ? failed(io, name, "cannot write") : command_no_memory(io);
	}
	ok = fputs(text, out) >= 0 && putc('\n', out) != EOF;
	if (fclose(out) != 0 || !ok)
		return failed(io, name, "cannot write");
	return OUTCOME_OK;
}

enum outcome command_export(const struct options *o, struct client *c, const struct streams *io)
{
	enum outcome outcome;
	struct response r;

	outcome = command_call(c, io, NULL, "GET", "/api/v1/rules/export", NULL, &r);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (o->n_names && strcmp(o->names[0], "-") != 0)
		outcome = write_rules(o->names[0], r.body, io);
	else
		outcome = command_print_json(r.body, io);
	response_done(&r);
	return outcome;
}

static void print_warnings(const struct streams *io, const json_t *warnings)
{
	const json_t *item;
	size_t i;

	json_array_foreach (warnings, i, item) {
		fputs(PROGRAM ": ", io->err);
		text_print(io->err, command_member(item, "field"));
		fputs(": ", io->err);
		text_print(io->err, command_member(item, "message"));
		putc('\n', io->err);
	}
}

enum outcome command_import(const struct options *o, struct client *c, const struct streams *io)
{
	enum outcome outcome = OUTCOME_FAILED;
	json_t *rules = command_read_json(o->names[0], io, &outcome);
	_cleanup_free_ char *path = NULL;
	struct response r;

	if (!rules)
		return outcome;
	/* One rule alone is as good as a list of one. */
	if (json_is_object(rules))
		rules = json_pack("[o]", rules);
	if (asprintf(&path, "/api/v1/rules/import?replace=%s&dry_run=%s",
		    o->replace ? "true" : "false", o->dry_run ? "true" : "false") < 0) {
		path = NULL;
		json_decref(rules);
		return command_no_memory(io);
	}
	outcome = command_call(c, io, NULL, "POST", path, rules, &r);
	json_decref(rules);
	if (outcome != OUTCOME_OK)
		return outcome;
	print_warnings(io, json_object_get(r.body, "warnings"));
	if (o->json)
		outcome = command_print_json(r.body, io);
	response_done(&r);
	return outcome;
}

/* ---- edit */

static int run_editor(const char *file)
{
	const char *editor = getenv("VISUAL");
	int status;
	pid_t pid;

	if (!editor || !*editor)
		editor = getenv("EDITOR");
	if (!editor || !*editor)
		editor = "editor"; /* Debian's alternative */
	pid = fork();
	if (pid == 0) {
		/* Through the shell, as others do (git-var(1)): it may be "vim -f". */
		execl("/bin/sh", "sh", "-c", "eval \"$0 \\\"\\$1\\\"\"", editor, file,
			(char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The rule as its author wrote it: what the daemon adds to the resource is not to be edited. */
static json_t *editable(const json_t *resource)
{
	static const char *const added[] = { "hits", "last_hit", "expires", "file", "source" };
	json_t *rule = json_deep_copy(resource);

	for (size_t i = 0; rule && i < array_len(added); i++)
		json_object_del(rule, added[i]);
	return rule;
}

/* Lets the person edit; NULL when it came to nothing, told. */
static json_t *edit(const json_t *rule, const struct streams *io, enum outcome *ret)
{
	char file[] = "/tmp/opensnitch-rule-XXXXXX.json";
	_cleanup_free_ char *text = json_dumps(rule, JSON_INDENT(4));
	int fd = mkostemps(file, strlen(".json"), O_CLOEXEC);
	json_t *edited = NULL;
	size_t len = text ? strlen(text) : 0;

	if (fd < 0 || !text || write(fd, text, len) != (ssize_t)len) {
		*ret = failed(io, file, "cannot write");
	} else if (run_editor(file) != 0) {
		fputs(PROGRAM ": the editor failed: nothing was changed\n", io->err);
		*ret = OUTCOME_FAILED;
	} else {
		edited = command_read_json(file, io, ret);
	}
	if (fd >= 0) {
		close(fd);
		unlink(file);
	}
	return edited;
}

static enum outcome put_back(struct client *c, const struct streams *io, const char *name,
	const char *path, const char *etag, const json_t *edited)
{
	struct response r;
	enum outcome outcome;

	client_if_match(c, etag);
	outcome = command_call(c, io, name, "PUT", path, edited, &r);
	client_if_match(c, NULL);
	if (outcome == OUTCOME_OK)
		response_done(&r);
	return outcome;
}

enum outcome command_edit(const struct options *o, struct client *c, const struct streams *io)
{
	_cleanup_free_ char *path = client_rule_path(o->names[0]);
	json_t *rule, *edited = NULL;
	enum outcome outcome;
	struct response r;

	if (!path)
		return command_no_memory(io);
	outcome = command_call(c, io, o->names[0], "GET", path, NULL, &r);
	if (outcome != OUTCOME_OK)
		return outcome;
	rule = editable(r.body);
	if (rule)
		edited = edit(rule, io, &outcome);
	else
		outcome = command_no_memory(io);
	if (edited && json_equal(rule, edited))
		fputs(PROGRAM ": nothing was changed\n", io->err);
	else if (edited)
		outcome = put_back(c, io, o->names[0], path, r.etag, edited);
	json_decref(rule);
	json_decref(edited);
	response_done(&r);
	return outcome;
}

/* ---- check */

/* Beside our own executable (a build tree), otherwise where it is installed. */
static char *find_console(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash, *path = NULL;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash && asprintf(&path, "%.*s/" CONSOLE, (int)(slash - self), self) < 0)
			return NULL;
		if (path && access(path, X_OK) == 0)
			return path;
	}
	free(path);
	return asprintf(&path, "%s/opensnitch/" CONSOLE, LIBEXECDIR) < 0 ? NULL : path;
}

/* Runs the judge over the folder and reads what it prints; NULL when it failed, which it has told. */
static json_t *judge(
	const char *console, const char *folder, const struct streams *io, enum outcome *ret)
{
	_cleanup_fclose_ FILE *in = NULL;
	int ends[2], status = 0;
	json_t *found;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		*ret = failed(io, NULL, "no pipe");
		return NULL;
	}
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execl(console, CONSOLE, "--check-rules", folder, (char *)NULL);
		fprintf(stderr, PROGRAM ": cannot run %s: %s\n", console, strerror(errno));
		_exit(127);
	}
	close(ends[1]);
	in = fdopen(ends[0], "r");
	found = in && pid > 0 ? json_loadf(in, 0, NULL) : NULL;
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (found && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
		json_decref(found);
		found = NULL;
	}
	return found;
}

static void print_problems(const struct streams *io, const json_t *list, const char *kind)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		text_print(io->out, command_member(item, "file"));
		if (*command_member(item, "place")) {
			fputs(": ", io->out);
			text_print(io->out, command_member(item, "place"));
		}
		fprintf(io->out, ": %s", kind);
		text_print(io->out, command_member(item, "message"));
		putc('\n', io->out);
	}
}

enum outcome command_check(const struct options *o, const struct streams *io)
{
	_cleanup_free_ char *console = find_console();
	enum outcome outcome = OUTCOME_FAILED;
	json_t *found;

	if (!console)
		return command_no_memory(io);
	found = judge(console, o->names[0], io, &outcome);
	if (!found)
		return outcome;
	outcome = OUTCOME_OK;
	if (o->json) {
		outcome = command_print_json(found, io);
	} else {
		print_problems(io, json_object_get(found, "problems"), "");
		print_problems(io, json_object_get(found, "warnings"), "warning: ");
		fprintf(io->err, "%lld rules, %zu wrong\n",
			(long long)json_integer_value(json_object_get(found, "rules")),
			json_array_size(json_object_get(found, "problems")));
	}
	if (outcome == OUTCOME_OK && json_array_size(json_object_get(found, "problems")))
		outcome = OUTCOME_INVALID;
	json_decref(found);
	return outcome;
}
