/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules folder and the book, held to each other: what somebody writes into the folder becomes a rule. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "api/loop.h"
#include "api/rule_book_private.h"
#include "api/rule_watch.h"
#include "db/rules.h"
#include "lib/cleanup.h"
#include "lib/embedded.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/sha256.h"

/* Built from contrib/rules by tools/embed. */
extern const struct embedded shipped_rules[];
extern const size_t shipped_rules_n;

#define SETTLE_MS 100 /* from the first change to a look: an editor or git makes several */
#define UNWATCHED_MS 1000 /* between two looks where inotify is not to be had */

/* ---- from a file into the book */

/* The rule of a file is gone: from the file, or with it. */
static void remove_rule(struct rule_book *b, struct rule_file *f)
{
	struct entry *e = f->rule ? book_entry(b, f->rule) : NULL;
	struct error err = { 0 };

	free(f->rule);
	f->rule = NULL;
	if (!e || !e->pub.file || strcmp(e->pub.file, f->name) != 0)
		return;
	b->set_changed |= entry_decides(e);
	if (rules_delete(b->o.store, e->pub.doc->name, &err) < 0)
		log_warning("a rule whose file is gone stays in the database: %s", err.message);
	book_take(b, e->pub.doc->name);
	book_tell(b, RULE_DELETED, e, NULL);
	entry_free(e);
}

static int add_rule(struct rule_book *b, struct rule_file *f, struct rule_doc *doc)
{
	struct entry *e = entry_new(doc, RULE_FROM_FILE);

	if (!e || !book_reserve(b) || !(e->pub.file = strdup(f->name)) ||
		!book_file_set_rule(f, doc->name)) {
		entry_free(e);
		return ERR_NOMEM;
	}
	rule_program_set(&e->pub.program, NULL);
	e->row_changed = true;
	b->set_changed |= entry_decides(e);
	book_insert(b, e);
	book_tell(b, RULE_CREATED, e, NULL);
	return 0;
}

/* Puts the file's document into an entry of its name: its own, a moved file's, or a temporary rule's. */
static int update_rule(
	struct rule_book *b, struct rule_file *f, struct entry *e, struct rule_doc *doc)
{
	bool same_file = e->pub.file && strcmp(e->pub.file, f->name) == 0;
	bool same_doc = strcmp(e->pub.doc->text, doc->text) == 0;
	char *name = strdup(f->name);
	struct rule_doc *old;

	if (!name || !book_file_set_rule(f, doc->name)) {
		free(name);
		rule_doc_free(doc);
		return ERR_NOMEM;
	}
	free(e->pub.file);
	e->pub.file = name;
	if (same_doc && same_file) {
		rule_doc_free(doc);
		return 0;
	}
	b->set_changed |= entry_decides(e) || (doc->enabled && doc->wire);
	old = e->pub.doc;
	e->pub.doc = doc;
	if (!same_doc) {
		rule_program_done(&e->pub.program);
		rule_program_init(&e->pub.program, doc);
		rule_program_set(&e->pub.program, NULL);
	}
	e->pub.expires_us = 0;
	e->instance = 0;
	e->row_changed = true;
	book_tell(b, RULE_UPDATED, e, old);
	rule_doc_free(old);
	return 0;
}

/* Whether another file that is there has this rule already. */
static bool is_taken(const struct rule_book *b, const struct entry *e, const struct rule_file *f)
{
	const struct rule_file *other = NULL;

	if (e && e->pub.file && strcmp(e->pub.file, f->name) != 0)
		other = book_file_find(b, e->pub.file);
	return other && other->is_there;
}

/* Takes `doc`. */
static int apply(struct rule_book *b, struct rule_file *f, struct rule_doc *doc, struct error *err)
{
	struct entry *e = book_entry(b, doc->name);
	struct rule_file *other;
	int r = 0;

	if (doc->duration != DURATION_ALWAYS)
		r = error_set(err, ERR_INVALID, "duration",
			"a rule in a file lasts always; '%s' is for rules made in the dashboard",
			rule_duration_str(doc->duration));
	else if (is_taken(b, e, f))
		r = error_set(err, ERR_EXISTS, "name", "the file '%.100s' has a rule of this name",
			e->pub.file);
	else if (!e && b->n >= LIMIT_RULES)
		r = error_set(err, ERR_TOO_BIG, "", "there are too many rules");
	if (r < 0) {
		rule_doc_free(doc);
		return r;
	}
	/* A file that was moved: its record must not take the rule along when it goes. */
	if (e && e->pub.file && strcmp(e->pub.file, f->name) != 0) {
		other = book_file_find(b, e->pub.file);
		if (other) {
			free(other->rule);
			other->rule = NULL;
		}
	}
	if (f->rule && strcmp(f->rule, doc->name) != 0)
		remove_rule(b, f);
	r = e ? update_rule(b, f, e, doc) : add_rule(b, f, doc);
	return r < 0 ? error_set(err, r, NULL, "%s", err_str(r)) : 0;
}

/* The file's name without ".json": the name of a rule that has none. */
static void stem_of(const struct rule_file *f, char ret[static LIMIT_RULE_NAME + 1])
{
	size_t len = strlen(f->name) - strlen(".json");

	snprintf(ret, LIMIT_RULE_NAME + 1, "%.*s", (int)(len < LIMIT_RULE_NAME ? len : 0), f->name);
}

/* Reads the file. 1: its bytes are those of the last time; 0: its rule is in force; or a code with `err`. */
static int read_file(struct rule_book *b, struct rule_file *f, struct error *err)
{
	char stem[LIMIT_RULE_NAME + 1];
	_cleanup_free_ char *text = NULL;
	struct rule_doc *doc = NULL;
	uint8_t hash[SHA256_LEN];
	struct error unsupported;
	bool is_problem;
	size_t len;
	int r = rule_folder_read(b->o.folder, f->name, &text, &len, &f->stamp, err);

	if (r < 0) {
		f->is_read = false;
		return r;
	}
	sha256_of(text, len, hash);
	if (f->is_read && memcmp(hash, f->hash, sizeof(hash)) == 0)
		return 1;
	memcpy(f->hash, hash, sizeof(hash));
	f->is_read = true;
	stem_of(f, stem);
	r = rule_doc_parse(text, len, b->o.aliases, stem, RULE_DOC_KEEP, &doc, err);
	if (r < 0)
		return r;
	is_problem = doc->problem != NULL;
	if (is_problem)
		unsupported = *doc->problem;
	r = apply(b, f, doc, err);
	if (r == 0 && is_problem) {
		*err = unsupported;
		return unsupported.code;
	}
	return r;
}

static void look_at(struct rule_book *b, struct rule_file *f)
{
	struct rule_file_stamp now;
	struct error err = { 0 };
	int r;

	if (b->watch && rule_watch_is_writing(b->watch, f->name))
		return;
	/* A rule whose name another file had may be free by now. */
	if (f->problem && f->problem->place && strcmp(f->problem->place, "name") == 0)
		f->is_read = false;
	if (f->is_read && rule_folder_stat(b->o.folder, f->name, &now) == 0 &&
		rule_file_is_same(&f->stamp, &now))
		return;
	r = read_file(b, f, &err);
	if (r == ERR_NOT_FOUND)
		f->is_there = false;
	else if (r <= 0)
		book_file_set_problem(b, f, r < 0 ? &err : NULL);
	/* Try again what failed for another reason than what stands in it. */
	if (r == ERR_NOMEM || r == ERR_AGAIN)
		f->is_read = false;
}

/* ---- the whole folder */

static void mark(struct rule_book *b, char **names, size_t n)
{
	for (size_t i = 0; i < b->n_files; i++)
		b->files[i]->is_there = false;
	for (size_t i = 0; i < n; i++) {
		struct rule_file *f = book_file_get(b, names[i]);

		if (f)
			f->is_there = true;
	}
}

static void look_at_all(struct rule_book *b)
{
	for (size_t i = 0; i < b->n_files; i++)
		if (b->files[i]->is_there)
			look_at(b, b->files[i]);
	for (size_t i = b->n_files; i-- > 0;) {
		if (b->files[i]->is_there)
			continue;
		remove_rule(b, b->files[i]);
		book_file_drop(b, i);
	}
}

/* The rules that came from files into the database, where their hits will be. */
static void store_changed(struct rule_book *b)
{
	struct rule_row *rows = calloc(b->n + 1, sizeof(*rows));
	struct error err = { 0 };
	unsigned n = 0;

	for (size_t i = 0; rows && i < b->n; i++)
		if (b->entries[i]->row_changed)
			book_row(b->entries[i], &rows[n++]);
	if (n && rules_put_many(b->o.store, rows, n, &err) < 0)
		log_warning(
			"rules of files are in force, but not in the database: %s", err.message);
	else if (n)
		for (size_t i = 0; i < b->n; i++)
			b->entries[i]->row_changed = false;
	free(rows);
}

static int look(struct rule_book *b, struct error *err)
{
	char **names = NULL;
	size_t n = 0;
	int r;

	/* Not as if all rules had been removed. */
	if (!rule_folder_exists(b->o.folder))
		return error_set(err, ERR_NOT_FOUND, NULL,
			"the rules folder was removed: its rules stay in force until the daemon "
			"starts again");
	r = rule_folder_list(b->o.folder, &names, &n, err);
	if (r < 0)
		return r;
	mark(b, names, n);
	rule_folder_list_free(names, n);
	look_at_all(b);
	store_changed(b);
	return 0;
}

void rule_book_reread(struct rule_book *b)
{
	struct error err = { 0 };
	int r;

	b->set_changed = false;
	r = look(b, &err);
	book_set_problem(b, &b->folder_problem, b->o.folder_path, r < 0 ? &err : NULL);
	if (b->had_problems && rule_book_problems(b) == 0) {
		b->had_problems = false;
		if (b->o.hooks.problems_over)
			b->o.hooks.problems_over(b->o.hooks.ctx);
	}
	if (b->set_changed && b->is_open && b->o.hooks.send)
		b->o.hooks.send(b->o.hooks.ctx);
}

/* ---- from the book into a file */

static void note_written(struct rule_book *b, const char *name, const struct rule_doc *doc,
	const char *text, const struct rule_file_stamp *stamp)
{
	struct rule_file *f = book_file_get(b, name);

	/* Without memory for it, the next look reads the file and finds the same rule. */
	if (!f || !book_file_set_rule(f, doc->name))
		return;
	f->stamp = *stamp;
	f->is_read = true;
	f->is_there = true;
	sha256_of(text, strlen(text), f->hash);
	book_file_set_problem(b, f, doc->problem);
}

/* 403 would say that the caller may not; it is the folder that does not take it. */
static int storage_error(int r, struct error *err)
{
	if (r != ERR_PERMISSION)
		return r;
	if (err)
		err->code = ERR_IO;
	return ERR_IO;
}

int book_write_file(struct rule_book *b, const char *file, const struct rule_doc *doc,
	char **ret_name, struct error *err)
{
	_cleanup_free_ char *text = rule_doc_file_text(doc), *copy = NULL;
	char name[RULE_FILE_NAME_MAX + 1];
	unsigned how = b->is_held ? RULE_FILE_UNSYNCED : 0;
	struct rule_file_stamp stamp;
	int r = ERR_EXISTS;

	if (!text)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	if (file)
		r = rule_folder_write(
			b->o.folder, file, text, how | RULE_FILE_REPLACE, &stamp, err);
	for (unsigned n = 1; !file && r == ERR_EXISTS && n < LIMIT_RULES; n++) {
		rule_file_name(doc->name, n, name);
		r = rule_folder_write(b->o.folder, name, text, how, &stamp, err);
	}
	if (r < 0)
		return storage_error(r, err);
	note_written(b, file ? file : name, doc, text, &stamp);
	if (!ret_name)
		return 0;
	copy = strdup(file ? file : name);
	if (!copy)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	*ret_name = steal_ptr(copy);
	return 0;
}

bool book_file_is_stale(struct rule_book *b, const char *file)
{
	struct rule_file *f = book_file_find(b, file);
	_cleanup_free_ char *text = NULL;
	struct rule_file_stamp now;
	uint8_t hash[SHA256_LEN];
	size_t len;

	if (!f || !f->is_read)
		return false;
	if (rule_folder_stat(b->o.folder, file, &now) == 0 && now.inode == f->stamp.inode &&
		now.size == f->stamp.size && now.mtime_ns == f->stamp.mtime_ns)
		return false;
	/* Touched, or written anew as it was: no conflict. */
	if (rule_folder_read(b->o.folder, file, &text, &len, &now, NULL) == 0) {
		sha256_of(text, len, hash);
		if (memcmp(hash, f->hash, sizeof(hash)) == 0)
			return false;
	}
	rule_book_reread(b);
	return true;
}

int book_remove_file(struct rule_book *b, const char *file, struct error *err)
{
	int r = rule_folder_remove(b->o.folder, file, b->is_held ? RULE_FILE_UNSYNCED : 0, err);
	bool found;
	size_t i;

	if (r < 0)
		return storage_error(r, err);
	i = book_file_place(b, file, &found);
	if (found)
		book_file_drop(b, i);
	return 0;
}

/* ---- opening */

static int write_shipped(struct rule_book *b, struct error *err)
{
	struct rule_file_stamp stamp;
	int r = 0;

	for (size_t i = 0; r == 0 && i < shipped_rules_n; i++)
		r = rule_folder_write(b->o.folder, shipped_rules[i].name,
			(const char *)shipped_rules[i].data, 0, &stamp, err);
	return r == ERR_EXISTS ? 0 : r;
}

/* Once in the life of a database: a user who removes the shipped rules does not get them back. */
static int seed(struct rule_book *b, struct error *err)
{
	char **names = NULL;
	size_t n = 0;
	int seeded, r = rules_get_seeded(b->o.store, &seeded, err);

	if (r < 0 || seeded)
		return r;
	r = rule_folder_list(b->o.folder, &names, &n, err);
	rule_folder_list_free(names, n);
	if (r == 0 && n == 0 && b->n == 0)
		r = write_shipped(b, err);
	return r < 0 ? r : rules_set_seeded(b->o.store, err);
}

/* The files that the database knows of, so that one that is gone takes its rule along. */
static int expect_files(struct rule_book *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct entry *e = b->entries[i];
		struct rule_file *f = e->pub.file ? book_file_get(b, e->pub.file) : NULL;

		if (e->pub.file && (!f || !book_file_set_rule(f, e->pub.doc->name)))
			return ERR_NOMEM;
	}
	return 0;
}

static void on_look(void *ctx)
{
	struct rule_book *b = ctx;

	rule_book_reread(b);
	if (!b->watch)
		loop_timer_set(b->look, UNWATCHED_MS);
}

static void on_watch(void *ctx, uint32_t events)
{
	struct rule_book *b = ctx;

	(void)events;
	if (rule_watch_read(b->watch))
		loop_timer_set(b->look, SETTLE_MS);
}

static int start_watching(struct rule_book *b)
{
	b->watch = rule_watch_new(b->o.folder, rule_file_is_rule);
	if (!b->o.loop)
		return 0;
	b->look = loop_timer_new(b->o.loop, on_look, b);
	if (!b->look)
		return ERR_NOMEM;
	if (b->watch) {
		b->loop_watch =
			loop_watch(b->o.loop, rule_watch_fd(b->watch), EPOLLIN, on_watch, b);
		return b->loop_watch ? 0 : ERR_NOMEM;
	}
	log_warning("the rules folder cannot be watched: it is looked through every second");
	loop_timer_set(b->look, UNWATCHED_MS);
	return 0;
}

int book_files_open(struct rule_book *b, struct error *err)
{
	struct error why = { 0 };
	int r;

	rule_folder_tidy(b->o.folder);
	/* Shipped rules that cannot be written are no reason not to start. */
	if (seed(b, &why) < 0)
		log_warning("the shipped rules are not installed: %s", why.message);
	/* Watched before it is read, so that no change falls between. */
	r = start_watching(b);
	if (r == 0)
		r = expect_files(b);
	if (r < 0)
		return error_set(err, r, NULL, "%s", err_str(r));
	rule_book_reread(b);
	return 0;
}

void book_files_close(struct rule_book *b)
{
	if (b->loop_watch)
		loop_unwatch(b->o.loop, b->loop_watch);
	if (b->look)
		loop_timer_free(b->o.loop, b->look);
	rule_watch_free(b->watch);
	book_file_free_all(b);
}
