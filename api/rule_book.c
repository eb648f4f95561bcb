/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules in memory, in the order of their names, and the set made from them. */
#include "config.h"

#include "api/rule_book.h"

#include <stdlib.h>
#include <string.h>

#include "api/loop.h"
#include "api/rule_book_private.h"
#include "db/rules.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/rulewire_build.h"

static const char *const source_names[RULE_SOURCE_COUNT_] = {
	[RULE_FROM_FILE] = "file",
	[RULE_FROM_API] = "api",
	[RULE_FROM_PROMPT] = "prompt",
};

const char *rule_source_str(enum rule_source s)
{
	return (unsigned)s < RULE_SOURCE_COUNT_ ? source_names[s] : "?";
}

static enum rule_source source_parse(const char *name)
{
	for (int i = 0; i < RULE_SOURCE_COUNT_; i++)
		if (strcmp(source_names[i], name) == 0)
			return (enum rule_source)i;
	return RULE_FROM_API;
}

uint64_t book_now(const struct rule_book *b)
{
	return b->o.now_us ? b->o.now_us() : clock_real_us();
}

/* ---- entries */

struct entry *entry_new(struct rule_doc *doc, enum rule_source source)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e) {
		rule_doc_free(doc);
		return NULL;
	}
	e->pub.doc = doc;
	e->pub.source = source;
	rule_program_init(&e->pub.program, doc);
	return e;
}

void entry_free(struct entry *e)
{
	if (!e)
		return;
	rule_program_done(&e->pub.program);
	rule_doc_free(e->pub.doc);
	free(e->pub.file);
	free(e);
}

bool entry_decides(const struct entry *e)
{
	return e->pub.doc->enabled && e->pub.doc->wire;
}

size_t book_place(const struct rule_book *b, const char *name, bool *ret_found)
{
	size_t lo = 0, hi = b->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(b->entries[mid]->pub.doc->name, name);

		if (c == 0) {
			*ret_found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_found = false;
	return lo;
}

struct entry *book_entry(const struct rule_book *b, const char *name)
{
	bool found;
	size_t i = book_place(b, name, &found);

	return found ? b->entries[i] : NULL;
}

bool book_reserve(struct rule_book *b)
{
	size_t room = b->room ? b->room * 2 : 32;
	struct entry **more;

	if (b->n < b->room)
		return true;
	more = realloc(b->entries, room * sizeof(struct entry *));
	if (!more)
		return false;
	b->entries = more;
	b->room = room;
	return true;
}

void book_insert(struct rule_book *b, struct entry *e)
{
	bool found;
	size_t i = book_place(b, e->pub.doc->name, &found);

	memmove(b->entries + i + 1, b->entries + i, (b->n - i) * sizeof(struct entry *));
	b->entries[i] = e;
	b->n++;
}

struct entry *book_take(struct rule_book *b, const char *name)
{
	bool found;
	size_t i = book_place(b, name, &found);
	struct entry *e;

	if (!found)
		return NULL;
	e = b->entries[i];
	b->n--;
	memmove(b->entries + i, b->entries + i + 1, (b->n - i) * sizeof(struct entry *));
	return e;
}

void book_tell(struct rule_book *b, enum rule_event what, const struct entry *e,
	const struct rule_doc *before)
{
	if (b->is_open && b->o.hooks.event)
		b->o.hooks.event(b->o.hooks.ctx, what, &e->pub, before);
}

void book_row(const struct entry *e, struct rule_row *ret)
{
	*ret = (struct rule_row) {
		.name = e->pub.doc->name,
		.doc = e->pub.doc->text,
		.source = rule_source_str(e->pub.source),
		.file = e->pub.file,
		.expires_us = e->pub.expires_us,
		.instance = e->instance,
		.hits = e->pub.hits,
		.last_hit_us = e->pub.last_hit_us,
		.program = *e->pub.program.text ? e->pub.program.text : NULL,
	};
}

int book_store(struct rule_book *b, const struct entry *e, const char *old_name, struct error *err)
{
	struct rule_row row;

	book_row(e, &row);
	return rules_put(b->o.store, &row, old_name, err);
}

unsigned rule_book_outdated(const struct rule_book *b, struct text path,
	const struct file_identity *file, const char **ret_names, unsigned max)
{
	unsigned n = 0;

	for (size_t i = 0; i < b->n; i++) {
		const struct rule_entry *e = &b->entries[i]->pub;

		if (!e->doc->enabled || !rule_program_is(&e->program, path))
			continue;
		if (!rule_program_changed(&e->program, e->doc->updated_us, file))
			return 0;
		if (n < max)
			ret_names[n++] = e->doc->name;
	}
	return n;
}

/* ---- opening */

/* A row as it was stored; one that cannot be read any more is left where it is, and said. */
static int load_row(void *ctx, const struct rule_row *row)
{
	struct rule_book *b = ctx;
	struct rule_doc *doc = NULL;
	struct error err = { 0 };
	struct file_identity program;
	struct entry *e;
	int r = rule_doc_parse(
		row->doc, strlen(row->doc), b->o.aliases, row->name, RULE_DOC_KEEP, &doc, &err);

	if (r < 0) {
		log_warning("a rule of the database cannot be read and is left out: %s: %s",
			err.place, err.message);
		return r == ERR_NOMEM ? r : 0;
	}
	e = entry_new(doc, source_parse(row->source));
	if (!e || !book_reserve(b) || (row->file && !(e->pub.file = strdup(row->file)))) {
		entry_free(e);
		return ERR_NOMEM;
	}
	e->pub.expires_us = row->expires_us;
	e->instance = row->instance;
	if (row->program && file_identity_parse(row->program, &program))
		rule_program_set(&e->pub.program, &program);
	e->pub.hits = row->hits;
	e->pub.last_hit_us = row->last_hit_us;
	/* A clock that was set back must not make a rule live longer than it may. */
	if (row->expires_us && row->expires_us > book_end_of(b, doc->duration))
		e->pub.expires_us = book_end_of(b, doc->duration);
	book_insert(b, e);
	return 0;
}

static void on_timer(void *ctx)
{
	rule_book_tick(ctx);
}

int rule_book_open(
	const struct rule_book_options *options, struct rule_book **ret, struct error *err)
{
	struct rule_book *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	b->o = *options;
	r = rules_each(b->o.store, load_row, b, err);
	if (r == 0 && b->o.loop) {
		b->timer = loop_timer_new(b->o.loop, on_timer, b);
		r = b->timer ? 0 : ERR_NOMEM;
	}
	if (r == ERR_NOMEM)
		error_set(err, r, NULL, "%s", err_str(r));
	if (r == 0)
		r = book_files_open(b, err);
	if (r < 0) {
		rule_book_close(b);
		return r;
	}
	rule_book_tick(b);
	b->is_open = true;
	*ret = b;
	return 0;
}

void rule_book_close(struct rule_book *b)
{
	if (!b)
		return;
	book_store_hits(b);
	book_files_close(b);
	if (b->timer)
		loop_timer_free(b->o.loop, b->timer);
	for (size_t i = 0; i < b->n; i++)
		entry_free(b->entries[i]);
	free(b->entries);
	free(b);
}

/* ---- the set */

int rule_book_build(const struct rule_book *b, uint64_t generation)
{
	struct rulewire_builder *builder = rulewire_builder_new();
	uint64_t now_us = book_now(b), now_ns = clock_boot_ns();
	int r;

	if (!builder)
		return ERR_NOMEM;
	for (size_t i = 0; i < b->n; i++) {
		const struct entry *e = b->entries[i];
		uint64_t ends = e->pub.expires_us;

		if (!entry_decides(e) || (ends && ends <= now_us))
			continue;
		rule_doc_build(e->pub.doc, builder, ends ? now_ns + (ends - now_us) * 1000 : 0);
	}
	r = rulewire_build_fd(builder, generation);
	rulewire_builder_free(builder);
	return r;
}

void rule_book_set_lists(struct rule_book *b, struct rule_lists lists)
{
	b->lists = lists;
}

const struct network_aliases *rule_book_aliases(const struct rule_book *b)
{
	return b->o.aliases;
}

const struct rule_lists *rule_book_lists(const struct rule_book *b)
{
	return b->lists.find ? &b->lists : NULL;
}

/* ---- reading */

size_t rule_book_count(const struct rule_book *b)
{
	return b->n;
}

const struct rule_entry *rule_book_find(const struct rule_book *b, const char *name)
{
	const struct entry *e = book_entry(b, name);

	return e ? &e->pub : NULL;
}

const struct rule_entry *rule_book_at(const struct rule_book *b, size_t index)
{
	return index < b->n ? &b->entries[index]->pub : NULL;
}

static json_t *time_or_null(uint64_t real_us)
{
	char text[CLOCK_TEXT_LEN];

	return real_us ? json_string(clock_format(real_us, text)) : json_null();
}

json_t *rule_book_json_stable(const struct rule_entry *rule)
{
	json_t *json = rule_doc_json(rule->doc);

	if (!json)
		return NULL;
	if (!rule->doc->created_us)
		json_object_set_new(json, "created", json_null());
	if (!rule->doc->updated_us)
		json_object_set_new(json, "updated", json_null());
	if (json_object_set_new(json, "expires", time_or_null(rule->expires_us)) < 0 ||
		json_object_set_new(
			json, "file", rule->file ? json_string(rule->file) : json_null()) < 0 ||
		json_object_set_new(json, "source", json_string(rule_source_str(rule->source))) <
			0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

json_t *rule_book_json(const struct rule_entry *rule)
{
	json_t *json = rule_book_json_stable(rule);

	if (!json)
		return NULL;
	if (json_object_set_new(json, "hits", json_integer((json_int_t)rule->hits)) < 0 ||
		json_object_set_new(json, "last_hit", time_or_null(rule->last_hit_us)) < 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}
