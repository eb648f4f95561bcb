/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table from numbers to texts in front of `strings`. */
#include "config.h"

#include "db/history_texts.h"

#include <stdlib.h>
#include <string.h>

#include "db/history_private.h"
#include "db/sql.h"
#include "lib/hash.h"
#include "lib/limits.h"

struct entry {
	struct hash_node node;
	int64_t number;
	bool is_there;
	size_t len;
	char text[];
};

struct history_texts {
	struct history *history;
	struct hash entries;
	size_t bytes;
};

struct history_texts *history_texts_new(struct history *h)
{
	struct history_texts *t = calloc(1, sizeof(*t));

	if (t)
		t->history = h;
	return t;
}

static void forget(struct history_texts *t)
{
	while (t->entries.first) {
		struct entry *e = hash_entry(t->entries.first, struct entry, node);

		hash_del(&t->entries, &e->node);
		free(e);
	}
	t->bytes = 0;
}

void history_texts_free(struct history_texts *t)
{
	if (!t)
		return;
	forget(t);
	free(t);
}

/* NULL when out of memory. */
static struct entry *remember(
	struct history_texts *t, int64_t number, bool is_there, struct text text)
{
	struct entry *e = malloc(sizeof(*e) + text.len + 1);

	if (!e)
		return NULL;
	e->number = number;
	e->is_there = is_there;
	e->len = text.len;
	if (text.len)
		memcpy(e->text, text.s, text.len);
	e->text[text.len] = '\0';
	if (!hash_add(&t->entries, &e->node, &e->number, sizeof(e->number))) {
		free(e);
		return NULL;
	}
	t->bytes += sizeof(*e) + text.len;
	return e;
}

static int look_up(struct history_texts *t, int64_t number, struct entry **ret)
{
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(t->history->store, "SELECT text FROM strings WHERE id = ?1");
	int r;

	if (st)
		sqlite3_bind_int64(st, 1, number);
	r = sql_row(t->history->store, st, NULL);
	if (r < 0)
		return r;
	*ret = remember(t, number, r > 0, r > 0 ? sql_text(st, 0) : (struct text) { NULL, 0 });
	return *ret ? 0 : ERR_NOMEM;
}

int history_texts_get(struct history_texts *t, const int64_t *numbers, unsigned n, struct text *ret)
{
	/* Here and not below: what this call tells must stay. */
	if (t->bytes > LIMIT_TEXTS_BYTES)
		forget(t);
	for (unsigned i = 0; i < n; i++) {
		struct entry *e;
		int r;

		ret[i] = (struct text) { NULL, 0 };
		if (!numbers[i])
			continue;
		e = hash_entry(hash_find(&t->entries, &numbers[i], sizeof(numbers[i])),
			struct entry, node);
		r = e ? 0 : look_up(t, numbers[i], &e);
		if (r < 0)
			return r;
		if (e->is_there)
			ret[i] = (struct text) { e->text, e->len };
	}
	return 0;
}
