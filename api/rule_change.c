/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes by clients and answers. For a rule with a file, the file is the commit: written, synced and in place before anything
 * else; the database follows, and whatever a crash leaves between the two the next start settles in favour of the file. For
 * a temporary rule the database is the commit.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "api/rule_book_private.h"
#include "db/rules.h"
#include "lib/limits.h"
#include "lib/log.h"

static int no_memory(struct error *err)
{
	return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
}

static int check_duration(const struct rule_book *b, const struct rule_doc *doc, struct error *err)
{
	if (doc->duration == DURATION_ONCE)
		return error_set(err, ERR_INVALID, "duration",
			"'once' answers one prompt and makes no rule");
	if (doc->duration == DURATION_UNTIL_RESTART && !b->instance)
		return error_set(err, ERR_AGAIN, NULL, "the engine is not there yet");
	return 0;
}

static void send_set(struct rule_book *b)
{
	if (b->is_held)
		b->send_is_due = true;
	else if (b->is_open && b->o.hooks.send)
		b->o.hooks.send(b->o.hooks.ctx);
}

void rule_book_hold(struct rule_book *b)
{
	b->is_held = true;
}

int rule_book_release(struct rule_book *b, struct error *err)
{
	bool due = b->send_is_due;
	int r = rule_folder_sync(b->o.folder, err);

	b->is_held = b->send_is_due = false;
	if (due)
		send_set(b);
	return r;
}

/* The database follows a file that is already in place: hits are kept there, and the last good copy. */
static void follow(struct rule_book *b, struct entry *e, const char *old_name)
{
	struct error err = { 0 };

	if (book_store(b, e, old_name, &err) == 0)
		return;
	e->row_changed = true;
	log_warning("a rule is in its file, but not in the database: %s", err.message);
}

/* ---- creating */

static int store_new(struct rule_book *b, struct entry *e, struct error *err)
{
	int r;

	if (e->pub.doc->duration != DURATION_ALWAYS)
		return book_store(b, e, NULL, err);
	r = book_write_file(b, NULL, e->pub.doc, &e->pub.file, err);
	if (r == 0)
		follow(b, e, NULL);
	return r;
}

static void set_end(const struct rule_book *b, struct entry *e)
{
	e->pub.expires_us = book_end_of(b, e->pub.doc->duration);
	e->instance = e->pub.doc->duration == DURATION_UNTIL_RESTART ? b->instance : 0;
}

static int check_new(const struct rule_book *b, const struct rule_doc *doc, struct error *err)
{
	if (book_entry(b, doc->name))
		return error_set(err, ERR_EXISTS, "name", "there is a rule of this name already");
	if (b->n >= LIMIT_RULES)
		return error_set(err, ERR_FULL, NULL, "there are too many rules");
	return check_duration(b, doc, err);
}

int rule_book_create(struct rule_book *b, struct rule_doc *doc, enum rule_source source,
	enum rule_send send, const struct rule_entry **ret, struct error *err)
{
	return rule_book_create_for(b, doc, source, send, NULL, ret, err);
}

int rule_book_create_for(struct rule_book *b, struct rule_doc *doc, enum rule_source source,
	enum rule_send send, const struct file_identity *program, const struct rule_entry **ret,
	struct error *err)
{
	uint64_t now = book_now(b);
	struct entry *e;
	int r = check_new(b, doc, err);

	if (r < 0) {
		rule_doc_free(doc);
		return r;
	}
	e = entry_new(doc, source);
	if (!e || !book_reserve(b) ||
		rule_doc_stamp(doc, doc->created_us ? doc->created_us : now, now) < 0) {
		entry_free(e);
		return no_memory(err);
	}
	set_end(b, e);
	rule_program_set(&e->pub.program, program);
	r = store_new(b, e, err);
	if (r < 0) {
		entry_free(e);
		return r;
	}
	book_insert(b, e);
	book_schedule(b);
	book_tell(b, RULE_CREATED, e, NULL);
	if (send == RULE_SEND_NOW && entry_decides(e))
		send_set(b);
	if (ret)
		*ret = &e->pub;
	return 0;
}

/* ---- replacing */

/* A renamed rule moves to a file of its new name, unless its author chose another name for the file. */
static bool moves_file(const struct entry *old, const struct entry *e)
{
	char own[RULE_FILE_NAME_MAX + 1];

	if (strcmp(old->pub.doc->name, e->pub.doc->name) == 0)
		return false;
	rule_file_name(old->pub.doc->name, 1, own);
	return strcmp(old->pub.file, own) == 0;
}

static int store_always(struct rule_book *b, struct entry *old, struct entry *e,
	const char *old_name, struct error *err)
{
	bool moves = old->pub.file && moves_file(old, e);
	int r = book_write_file(b, moves ? NULL : old->pub.file, e->pub.doc, &e->pub.file, err);

	if (r == 0 && moves) {
		r = book_remove_file(b, old->pub.file, err);
		if (r < 0)
			(void)book_remove_file(b, e->pub.file, NULL);
	}
	if (r == 0)
		follow(b, e, old_name);
	return r;
}

static int store_temporary(struct rule_book *b, struct entry *old, struct entry *e,
	const char *old_name, struct error *err)
{
	int r = book_store(b, e, old_name, err);

	if (r < 0 || !old->pub.file)
		return r;
	r = book_remove_file(b, old->pub.file, err);
	if (r < 0)
		follow(b, old, old_name ? e->pub.doc->name : NULL);
	return r;
}

static int store_replaced(
	struct rule_book *b, struct entry *old, struct entry *e, struct error *err)
{
	const char *old_name = old->pub.doc->name;

	if (strcmp(old_name, e->pub.doc->name) == 0)
		old_name = NULL;
	if (e->pub.doc->duration == DURATION_ALWAYS)
		return store_always(b, old, e, old_name, err);
	return store_temporary(b, old, e, old_name, err);
}

static int check_replaced(const struct rule_book *b, const struct entry *old,
	const struct rule_doc *doc, struct error *err)
{
	if (!old)
		return error_set(err, ERR_NOT_FOUND, NULL, "there is no rule of this name");
	if (strcmp(old->pub.doc->name, doc->name) != 0 && book_entry(b, doc->name))
		return error_set(err, ERR_EXISTS, "name", "there is a rule of this name already");
	return check_duration(b, doc, err);
}

/* The new entry with what stays of the old one, or NULL when out of memory. Takes `doc`. */
static struct entry *successor(
	const struct rule_book *b, const struct entry *old, struct rule_doc *doc)
{
	uint64_t now = book_now(b), created = old->pub.doc->created_us;
	bool same_duration = doc->duration == old->pub.doc->duration;
	struct entry *e = entry_new(doc, old->pub.source);

	if (!created)
		created = doc->created_us ? doc->created_us : now;
	if (!e || rule_doc_stamp(doc, created, now) < 0) {
		entry_free(e);
		return NULL;
	}
	rule_program_set(&e->pub.program, NULL);
	e->pub.hits = old->pub.hits;
	e->pub.last_hit_us = old->pub.last_hit_us;
	set_end(b, e);
	if (same_duration && old->pub.expires_us)
		e->pub.expires_us = old->pub.expires_us;
	return e;
}

/* Puts the new entry into the place of the old one, and tells. */
static void swap(struct rule_book *b, struct entry *old, struct entry *e)
{
	bool renamed = strcmp(old->pub.doc->name, e->pub.doc->name) != 0;
	bool decides = entry_decides(old) || entry_decides(e);

	book_take(b, old->pub.doc->name);
	book_insert(b, e);
	book_schedule(b);
	if (renamed)
		book_tell(b, RULE_DELETED, old, NULL);
	book_tell(b, renamed ? RULE_CREATED : RULE_UPDATED, e, old->pub.doc);
	entry_free(old);
	if (decides)
		send_set(b);
}

/* A change by a client against one in the file that the book has not seen yet: the file's stands, and the client is told. */
static int check_conflict(struct rule_book *b, const char *name, struct error *err)
{
	const struct entry *e = book_entry(b, name);

	if (!e || !e->pub.file || !book_file_is_stale(b, e->pub.file))
		return 0;
	return error_set(err, ERR_CONFLICT, NULL,
		"the rule's file was changed a moment ago: look at the rule as it is now, and try "
		"again");
}

int rule_book_replace(struct rule_book *b, const char *name, struct rule_doc *doc,
	const struct rule_entry **ret, struct error *err)
{
	struct entry *old, *e;
	int r = check_conflict(b, name, err);

	old = book_entry(b, name);
	if (r == 0)
		r = check_replaced(b, old, doc, err);
	if (r < 0) {
		rule_doc_free(doc);
		return r;
	}
	e = successor(b, old, doc);
	if (!e)
		return no_memory(err);
	r = store_replaced(b, old, e, err);
	if (r < 0) {
		entry_free(e);
		return r;
	}
	swap(b, old, e);
	if (ret)
		*ret = &e->pub;
	return 0;
}

/* ---- removing */

int rule_book_delete(struct rule_book *b, const char *name, struct error *err)
{
	struct error why = { 0 };
	struct entry *e;
	int r = check_conflict(b, name, err);

	if (r < 0)
		return r;
	e = book_entry(b, name);
	if (!e)
		return error_set(err, ERR_NOT_FOUND, NULL, "there is no rule of this name");
	if (e->pub.file) {
		r = book_remove_file(b, e->pub.file, err);
		if (r < 0)
			return r;
		/* The next start would remove it, as its file is gone. */
		if (rules_delete(b->o.store, e->pub.doc->name, &why) < 0)
			log_warning("a removed rule stays in the database: %s", why.message);
	} else {
		r = rules_delete(b->o.store, e->pub.doc->name, err);
		if (r < 0)
			return r;
	}
	book_take(b, e->pub.doc->name);
	book_tell(b, RULE_DELETED, e, NULL);
	if (entry_decides(e))
		send_set(b);
	entry_free(e);
	return 0;
}
