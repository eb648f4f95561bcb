/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each mark is a fact of /proc; the script is the process's own word, and only shown. */
#include "config.h"
#include "daemon/process_marks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/process_flag.h"
#include "lib/utf8.h"

#define DELETED " (deleted)"
#define APPIMAGE_MOUNT                                                                             \
	"/.mount_" /* where an AppImage mounts itself, with its name behind, and ... */
#define APPIMAGE_RANDOM 6 /* ... so many characters of no meaning */

static bool has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *s, size_t len, const char *end)
{
	return len >= strlen(end) && memcmp(s + len - strlen(end), end, strlen(end)) == 0;
}

/* The link says so, and the path that was made of it took it for no part of the name. */
static bool is_deleted(int dir, const struct process *p)
{
	char link[4096];
	ssize_t n = readlinkat(dir, "exe", link, sizeof(link));

	return n > 0 && ends_with(link, (size_t)n, DELETED) &&
	       !ends_with(p->path, strlen(p->path), DELETED);
}

static bool has_other_root(int dir, const struct process *p)
{
	char root[8];

	return has_prefix(p->path, "other-root:") ||
	       (readlinkat(dir, "root", root, sizeof(root)) > 1);
}

static bool has_preload(const struct process *p)
{
	char value[1];

	return process_env(p, "LD_PRELOAD", strlen("LD_PRELOAD"), value, sizeof(value)) > 0 ||
	       process_env(p, "LD_AUDIT", strlen("LD_AUDIT"), value, sizeof(value)) > 0;
}

/* A copy that is clean to show, of at most `max` bytes; the caller's. NULL: out of memory. */
static char *sanitized(const char *text, size_t max)
{
	char *ret = malloc(max + 1);

	if (ret)
		utf8_sanitize(text, strlen(text), ret, max + 1);
	return ret;
}

char *process_appimage(const char *path, const char *file)
{
	const char *mark = strstr(path, APPIMAGE_MOUNT), *name;
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (!mark)
		return NULL;
	name = file ? strrchr(file, '/') : NULL;
	if (name && name[1]) {
		name++;
		len = strlen(name);
	} else {
		name = mark + strlen(APPIMAGE_MOUNT);
		len = strcspn(name, "/");
		len -= len > APPIMAGE_RANDOM ? APPIMAGE_RANDOM : 0;
	}
	if (asprintf(&text, "appimage:%.*s", (int)len, name) < 0) {
		text = NULL;
		return NULL;
	}
	return sanitized(text, LIMIT_CGROUP);
}

/* The name of the file that was started is in its environment: its own word, as is what it runs. */
static char *read_appimage(const struct process *p)
{
	char file[LIMIT_PATH + 1];
	int n;

	if (!strstr(p->path, APPIMAGE_MOUNT))
		return NULL;
	n = process_env(p, "APPIMAGE", strlen("APPIMAGE"), file, sizeof(file) - 1);
	file[n > 0 ? n : 0] = '\0';
	return process_appimage(p->path, n > 0 ? file : NULL);
}

void process_marks_read(int dir, const struct process_ids *ids, struct process *p)
{
	p->flags = 0;
	if (strcmp(p->path, "[kernel]") == 0) {
		p->flags = PROCESS_KERNEL;
		return;
	}
	file_identity_read(dir, "exe", &p->exe);
	if (has_prefix(p->path, "memfd:"))
		p->flags |= PROCESS_MEMFD;
	else if (is_deleted(dir, p))
		p->flags |= PROCESS_DELETED;
	if (has_other_root(dir, p))
		p->flags |= PROCESS_OTHER_ROOT;
	if (ids->tracer)
		p->flags |= PROCESS_TRACED;
	if (has_preload(p))
		p->flags |= PROCESS_PRELOAD;
	if (!p->container)
		p->container = read_appimage(p);
	p->script = process_script(p->path, p->args, p->args_len, p->cwd);
}

/*
 * Interpreters by the name of their file, with or without a version behind it; options, as letters, that take the program itself
 * (-c and the like), and options that take the next word, as letters and in long.
 */
struct interpreter {
	const char *name, *no_script, *with_value;
	const char *long_with_value; /* with a blank before and behind each */
};

static const struct interpreter interpreters[] = {
	{ "python", "cm", "WX", " --check-hash-based-pycs " },
	{ "pypy", "cm", "WX", "" },
	{ "bash", "c", "oO", " --rcfile --init-file " },
	{ "dash", "c", "o", "" },
	{ "sh", "c", "o", "" },
	{ "zsh", "c", "o", "" },
	{ "ksh", "c", "o", "" },
	{ "fish", "c", "Cdp", " --init-command --debug --profile " },
	{ "perl", "eE", "I", "" },
	{ "ruby", "e", "CEIr", " --encoding " },
	{ "node", "ep", "rC", " --require --import --loader --conditions --env-file " },
	{ "php", "rBRFE", "cdz", " --define --php-ini " },
	{ "lua", "e", "l", "" },
	{ "tclsh", "", "", " -encoding " },
	{ "wish", "", "", " -encoding " },
	{ "gjs", "c", "IC", " --include-path --coverage-prefix " },
	{ "Rscript", "e", "", "" },
	{ "guile", "c", "lLx", "" },
};

static const struct interpreter *find_interpreter(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	for (size_t i = 0; i < array_len(interpreters); i++) {
		size_t n = strlen(interpreters[i].name);

		if (strncmp(base, interpreters[i].name, n) == 0 &&
			strspn(base + n, "0123456789.-") == strlen(base + n))
			return &interpreters[i];
	}
	return NULL;
}

/* What a word behind the interpreter's name is. */
enum word { WORD_SCRIPT, WORD_OPTION, WORD_OPTION_WITH_VALUE, WORD_NO_SCRIPT };

static bool is_listed(const char *list, const char *word, size_t len)
{
	for (const char *at = list; (at = strchr(at, ' ')) != NULL; at++)
		if (strncmp(at + 1, word, len) == 0 && at[1 + len] == ' ')
			return true;
	return false;
}

static enum word classify(const struct interpreter *in, const char *word, size_t len)
{
	bool has_letters = len > 1 && word[1] != '-';

	if (len == 0 || (word[0] != '-' && word[0] != '+'))
		return WORD_SCRIPT;
	if (len == 1)
		return WORD_NO_SCRIPT; /* from standard input */
	/* Of a word of letters like -lc the last may take the program. */
	if (has_letters && word[0] == '-' &&
		(strchr(in->no_script, word[len - 1]) || strchr(in->no_script, word[1])))
		return WORD_NO_SCRIPT;
	/* Of one like -euo the last may take the next word; -Wdefault has its own. */
	if (is_listed(in->long_with_value, word, len) ||
		(has_letters && strchr(in->with_value, word[len - 1]) &&
			(len == 2 || !strchr(in->with_value, word[1]))))
		return WORD_OPTION_WITH_VALUE;
	return WORD_OPTION;
}

char *process_script(const char *path, const char *args, size_t args_len, const char *cwd)
{
	const struct interpreter *in = find_interpreter(path);
	const char *end = args + args_len, *at = args;
	_cleanup_free_ char *text = NULL;
	bool is_value = false;

	if (!in || !args_len)
		return NULL;
	for (at += strnlen(at, args_len) + 1; at < end; at += strnlen(at, (size_t)(end - at)) + 1) {
		size_t len = strnlen(at, (size_t)(end - at));
		enum word word = classify(in, at, len);

		if (is_value || word == WORD_OPTION || word == WORD_OPTION_WITH_VALUE) {
			is_value = !is_value && word == WORD_OPTION_WITH_VALUE;
			continue;
		}
		if (word == WORD_NO_SCRIPT || !len ||
			asprintf(&text, "%s%s%.*s", at[0] == '/' ? "" : cwd,
				at[0] == '/' ? "" : "/", (int)len, at) < 0) {
			text = NULL;
			return NULL;
		}
		return sanitized(text, LIMIT_PATH);
	}
	return NULL;
}
