/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts by number, with a small memory of those used last. */
#include "config.h"

#include "db/strings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "db/sql.h"
#include "db/store.h"
#include "lib/hash.h"

#define CACHE_BYTES (1u << 20)
#define LAST_ID_STEP 4096
#define SWEEP_SLICE 1000

struct cached {
	struct hash_node node;
	int64_t number;
	uint64_t last_id;
	size_t len;
	char text[];
};

struct strings {
	struct store *store;
	uint64_t key[2]; /* of the hashes in the table */
	struct hash cache; /* in order of use, the least recent first */
	size_t cache_bytes;
	int64_t swept; /* texts up to here were looked at in this round */
};

/* ---- the key of the hashes, so that nobody can aim at one bucket */

struct key_change {
	struct strings *s;
	struct error *err;
};

static int store_key(void *ctx)
{
	struct key_change *c = ctx;
	int r = counter_set(c->s->store, "strings.k0", (int64_t)c->s->key[0], c->err);

	return r < 0 ? r : counter_set(c->s->store, "strings.k1", (int64_t)c->s->key[1], c->err);
}

static int load_key(struct strings *s, struct error *err)
{
	struct key_change c = { s, err };
	int64_t k0 = 0, k1 = 0;
	int r = counter_get(s->store, "strings.k0", &k0, err);

	if (r == 0)
		r = counter_get(s->store, "strings.k1", &k1, err);
	if (r < 0)
		return r;
	s->key[0] = (uint64_t)k0;
	s->key[1] = (uint64_t)k1;
	if (k0 || k1)
		return 0;
	if (getrandom(s->key, sizeof(s->key), 0) != sizeof(s->key))
		return error_set(err, ERR_IO, NULL, "getrandom: %s", strerror(errno));
	return store_transaction(s->store, STORE_LAZY, store_key, &c, err);
}

int strings_open(struct store *store, struct strings **ret, struct error *err)
{
	struct strings *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	s->store = store;
	r = load_key(s, err);
	if (r < 0) {
		strings_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void strings_close(struct strings *s)
{
	if (!s)
		return;
	strings_reset(s);
	free(s);
}

/* ---- what was used last */

static void cache_remove(struct strings *s, struct cached *c)
{
	hash_del(&s->cache, &c->node);
	s->cache_bytes -= sizeof(*c) + c->len;
	free(c);
}

static struct cached *cache_oldest(struct strings *s)
{
	return hash_entry(s->cache.first, struct cached, node);
}

void strings_reset(struct strings *s)
{
	while (s->cache.first)
		cache_remove(s, cache_oldest(s));
}

/* Adds an entry as the one used last; without memory it is dropped, and its text looked up again the next time. */
static struct cached *cache_put(struct strings *s, struct cached *c)
{
	if (!hash_add(&s->cache, &c->node, c->text, c->len)) {
		free(c);
		return NULL;
	}
	s->cache_bytes += sizeof(*c) + c->len;
	return c;
}

static struct cached *cache_find(struct strings *s, struct text text)
{
	struct cached *c = hash_entry(hash_find(&s->cache, text.s, text.len), struct cached, node);

	if (!c)
		return NULL;
	hash_del(&s->cache, &c->node);
	s->cache_bytes -= sizeof(*c) + c->len;
	return cache_put(s, c);
}

static struct cached *cache_add(struct strings *s, struct text text)
{
	struct cached *c = malloc(sizeof(*c) + text.len);

	if (!c)
		return NULL;
	c->len = text.len;
	memcpy(c->text, text.s, text.len);
	c = cache_put(s, c);
	while (c && s->cache_bytes > CACHE_BYTES && cache_oldest(s) != c)
		cache_remove(s, cache_oldest(s));
	return c;
}

/* ---- the table */

/* 1 and the row, 0 where there is none, or a code. */
static int row_find(struct strings *s, struct text text, uint64_t hash, int64_t *number,
	uint64_t *last_id, struct error *err)
{
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(s->store, "SELECT id, last_id FROM strings WHERE hash = ?1 AND text = ?2");
	int r;

	if (st) {
		sqlite3_bind_int64(st, 1, (int64_t)hash);
		sql_bind_textn(st, 2, text);
	}
	r = sql_row(s->store, st, err);
	if (r > 0) {
		*number = sqlite3_column_int64(st, 0);
		*last_id = (uint64_t)sqlite3_column_int64(st, 1);
	}
	return r;
}

static int row_add(struct strings *s, struct text text, uint64_t hash, uint64_t last_id,
	int64_t *ret, struct error *err)
{
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(s->store, "INSERT INTO strings (hash, last_id, text) VALUES (?1, ?2, ?3)");
	int r;

	if (st) {
		sqlite3_bind_int64(st, 1, (int64_t)hash);
		sqlite3_bind_int64(st, 2, (int64_t)last_id);
		sql_bind_textn(st, 3, text);
	}
	r = sql_run(s->store, st, err);
	if (r == 0)
		*ret = sql_last_id(s->store);
	return r;
}

static int row_keep(struct strings *s, int64_t number, uint64_t last_id, struct error *err)
{
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(s->store, "UPDATE strings SET last_id = ?2 WHERE id = ?1");

	if (st) {
		sqlite3_bind_int64(st, 1, number);
		sqlite3_bind_int64(st, 2, (int64_t)last_id);
	}
	return sql_run(s->store, st, err);
}

/* Looks a text up in the table, or adds it there. */
static int row_number(struct strings *s, struct text text, uint64_t row_id, int64_t *number,
	uint64_t *last_id, struct error *err)
{
	uint64_t hash = hash_bytes_with(s->key, text.s, text.len);
	int r = row_find(s, text, hash, number, last_id, err);

	if (r != 0)
		return r > 0 ? 0 : r;
	*last_id = row_id + LAST_ID_STEP;
	return row_add(s, text, hash, *last_id, number, err);
}

int strings_number(
	struct strings *s, struct text text, uint64_t row_id, int64_t *ret, struct error *err)
{
	uint64_t last_id;
	struct cached *c;
	int r = 0;

	*ret = 0;
	if (!text.len)
		return 0;
	c = cache_find(s, text);
	if (c) {
		*ret = c->number;
		last_id = c->last_id;
	} else {
		r = row_number(s, text, row_id, ret, &last_id, err);
	}
	if (r == 0 && last_id < row_id) {
		last_id = row_id + LAST_ID_STEP;
		r = row_keep(s, *ret, last_id, err);
	}
	if (r < 0)
		return r;
	if (!c)
		c = cache_add(s, text);
	if (c) {
		c->number = *ret;
		c->last_id = last_id;
	}
	return 0;
}

int strings_find(struct strings *s, struct text text, int64_t *ret, struct error *err)
{
	uint64_t last_id;
	int r;

	*ret = 0;
	if (!text.len)
		return 0;
	r = row_find(s, text, hash_bytes_with(s->key, text.s, text.len), ret, &last_id, err);
	return r > 0 ? 0 : r;
}

/* Entries whose rows may be gone. */
static void cache_sweep(struct strings *s, uint64_t least_id)
{
	struct hash_node *node = s->cache.first;

	while (node) {
		struct cached *c = hash_entry(node, struct cached, node);

		node = hash_next(node);
		if (c->last_id < least_id)
			cache_remove(s, c);
	}
}

static int greatest(struct strings *s, int64_t *ret, struct error *err)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s->store, "SELECT max(id) FROM strings");
	int r = sql_row(s->store, st, err);

	if (r < 0)
		return r;
	*ret = r ? sqlite3_column_int64(st, 0) : 0;
	return 0;
}

int strings_sweep(struct strings *s, uint64_t least_id, struct error *err)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(
		s->store, "DELETE FROM strings WHERE id > ?1 AND id <= ?2 AND last_id < ?3");
	int64_t end;
	int r = greatest(s, &end, err);

	if (r < 0)
		return r;
	if (st) {
		sqlite3_bind_int64(st, 1, s->swept);
		sqlite3_bind_int64(st, 2, s->swept + SWEEP_SLICE);
		sqlite3_bind_int64(st, 3, (int64_t)least_id);
	}
	r = sql_run(s->store, st, err);
	if (r < 0)
		return r;
	if (sql_changes(s->store) > 0)
		cache_sweep(s, least_id);
	s->swept += SWEEP_SLICE;
	if (s->swept < end)
		return 0;
	s->swept = 0;
	return 1;
}
