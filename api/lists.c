/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The registry of list folders. */
#include "config.h"

#include "api/lists.h"

#include <stdlib.h>
#include <string.h>

#include "api/ipc_client.h"
#include "api/rule_book.h"
#include "lib/cleanup.h"
#include "lib/hash.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/rulewire.h"

struct hit {
	struct hash_node node;
	struct list_hits hits;
	size_t len;
	char key[]; /* operand, folder, NUL, file */
};

struct item {
	struct list_folder *folder;
	bool wanted;
	bool sent; /* as it is */
	bool engine_has; /* in this state or another */
};

struct lists {
	struct loop *loop;
	void (*changed)(void *ctx);
	void *ctx;
	struct item items[LIMIT_LISTS];
	size_t n;
	struct hash hits;
	bool is_full; /* said so */
};

struct lists *lists_new(struct loop *loop, void (*changed)(void *ctx), void *ctx)
{
	struct lists *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->loop = loop;
	l->changed = changed;
	l->ctx = ctx;
	return l;
}

void lists_free(struct lists *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		list_folder_free(l->items[i].folder);
	while (l->hits.first) {
		struct hit *h = hash_entry(l->hits.first, struct hit, node);

		hash_del(&l->hits, &h->node);
		free(h);
	}
	free(l);
}

/* ---- of rules */

/* Each operator of the rule on lists. */
static void each_list(const struct rule_doc *rule,
	void (*fn)(void *ctx, enum operand operand, struct text path), void *ctx)
{
	const struct rulewire_header *h = rule->wire;
	const struct rulewire_op *ops;

	if (!h)
		return;
	ops = (const void *)((const char *)rule->wire + h->ops_off);
	for (uint32_t i = 0; i < h->n_ops; i++)
		if (ops[i].operand >= OPERAND_LISTS_DOMAINS &&
			ops[i].operand <= OPERAND_LISTS_HASH_SHA256)
			fn(ctx, (enum operand)ops[i].operand,
				(struct text) { (const char *)rule->wire + ops[i].data.off,
					ops[i].data.len });
}

static bool is_folder(const struct list_folder *f, enum operand operand, struct text path)
{
	const char *own = list_folder_path(f);

	return list_folder_operand(f) == operand && strlen(own) == path.len &&
	       memcmp(own, path.s, path.len) == 0;
}

struct wish {
	enum operand operand;
	const char *path;
	bool found;
};

static void compare_wish(void *ctx, enum operand operand, struct text path)
{
	struct wish *w = ctx;

	w->found |= operand == w->operand && strlen(w->path) == path.len &&
		    memcmp(w->path, path.s, path.len) == 0;
}

bool rule_names_list(const struct rule_doc *rule, enum operand operand, const char *path)
{
	struct wish w = { operand, path, false };

	each_list(rule, compare_wish, &w);
	return w.found;
}

/* ---- which there are */

static struct item *find_item(struct lists *l, enum operand operand, struct text path)
{
	for (size_t i = 0; i < l->n; i++)
		if (is_folder(l->items[i].folder, operand, path))
			return &l->items[i];
	return NULL;
}

static void on_changed(void *ctx, struct list_folder *f)
{
	struct lists *l = ctx;

	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].folder == f)
			l->items[i].sent = false;
	l->changed(l->ctx);
}

static void want(void *ctx, enum operand operand, struct text path)
{
	struct lists *l = ctx;
	struct item *item = find_item(l, operand, path);

	if (!item && l->n == LIMIT_LISTS) {
		if (!l->is_full)
			log_warning("rules name more than %d folders of lists: some are left out",
				LIMIT_LISTS);
		l->is_full = true;
		return;
	}
	if (!item) {
		item = &l->items[l->n];
		memset(item, 0, sizeof(*item));
		item->folder = list_folder_new(l->loop, operand, path, on_changed, l);
		if (!item->folder)
			return;
		l->n++;
	}
	item->wanted = true;
}

void lists_sync(struct lists *l, const struct rule_book *book)
{
	for (size_t i = 0; i < l->n; i++)
		l->items[i].wanted = false;
	for (size_t i = 0; i < rule_book_count(book); i++) {
		const struct rule_doc *doc = rule_book_at(book, i)->doc;

		if (doc->enabled)
			each_list(doc, want, l);
	}
}

/* ---- to the engine */

static int send_one(struct ipc_client *ipc, struct item *item)
{
	const struct list_folder *f = item->folder;
	int fd = item->wanted ? list_folder_fd(f) : -1, r;

	if (fd < 0 && !item->engine_has)
		return 0;
	r = ipc_client_send_list(ipc, list_folder_operand(f), list_folder_path(f), fd);
	item->sent = r == 0;
	item->engine_has = fd >= 0;
	return r;
}

/* The engine forgets what no rule names, and so does the registry. */
static void let_go(struct lists *l, size_t i)
{
	list_folder_free(l->items[i].folder);
	l->items[i] = l->items[--l->n];
	l->is_full = false;
}

int lists_send(struct lists *l, struct ipc_client *ipc)
{
	int r = 0;

	for (size_t i = l->n; r == 0 && i-- > 0;) {
		struct item *item = &l->items[i];

		if (!item->wanted || !item->sent)
			r = send_one(ipc, item);
		if (!item->wanted)
			let_go(l, i);
	}
	return r;
}

void lists_unsent(struct lists *l)
{
	for (size_t i = 0; i < l->n; i++)
		l->items[i].sent = l->items[i].engine_has = false;
}

static struct listset *find_set(void *ctx, enum operand operand, struct text path)
{
	const struct item *item = find_item(ctx, operand, path);

	return item ? list_folder_set(item->folder) : NULL;
}

struct rule_lists lists_finder(struct lists *l)
{
	return (struct rule_lists) { find_set, l };
}

/* ---- a rule on trial */

struct lists_trial {
	struct lists *there;
	struct list_folder *more[LIMIT_TRIAL_LISTS];
	size_t n;
};

static struct listset *find_trial_set(void *ctx, enum operand operand, struct text path)
{
	const struct lists_trial *t = ctx;

	for (size_t i = 0; i < t->n; i++)
		if (is_folder(t->more[i], operand, path))
			return list_folder_set(t->more[i]);
	return find_set(t->there, operand, path);
}

static void want_trial(void *ctx, enum operand operand, struct text path)
{
	struct lists_trial *t = ctx;

	if (find_item(t->there, operand, path) || t->n == LIMIT_TRIAL_LISTS)
		return;
	for (size_t i = 0; i < t->n; i++)
		if (is_folder(t->more[i], operand, path))
			return;
	t->more[t->n] = list_folder_new(t->there->loop, operand, path, NULL, NULL);
	if (t->more[t->n])
		t->n++;
}

struct lists_trial *lists_trial_new(struct lists *l, const struct rule_doc *rule)
{
	struct lists_trial *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->there = l;
	if (rule)
		each_list(rule, want_trial, t);
	return t;
}

struct rule_lists lists_trial_finder(struct lists_trial *t)
{
	return (struct rule_lists) { find_trial_set, t };
}

void lists_trial_free(struct lists_trial *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		list_folder_free(t->more[i]);
	free(t);
}

/* ---- hits */

/* The key of a file's counter; its length, or 0 where it does not fit. */
static size_t write_key(char *buf, size_t size, const struct list_folder *f, const char *file)
{
	size_t path = strlen(list_folder_path(f)) + 1, name = strlen(file);

	if (1 + path + name > size)
		return 0;
	buf[0] = (char)list_folder_operand(f);
	memcpy(buf + 1, list_folder_path(f), path);
	/* The key ends where its length says. NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	memcpy(buf + 1 + path, file, name);
	return 1 + path + name;
}

static struct hit *get_hit(struct lists *l, const struct list_folder *f, const char *file)
{
	char key[LIMIT_PATH + 512];
	size_t len = write_key(key, sizeof(key), f, file);
	struct hit *h = hash_entry(hash_find(&l->hits, key, len), struct hit, node);

	if (h || !len || hash_count(&l->hits) >= LIMIT_LISTS * 256)
		return h;
	h = calloc(1, sizeof(*h) + len);
	if (!h)
		return NULL;
	h->len = len;
	memcpy(h->key, key, len);
	if (hash_add(&l->hits, &h->node, h->key, len))
		return h;
	free(h);
	return NULL;
}

struct counting {
	struct lists *lists;
	struct subject subject;
	uint64_t time_us;
};

static void count(void *ctx, enum operand operand, struct text path)
{
	struct counting *c = ctx;
	const struct item *item = find_item(c->lists, operand, path);
	const struct listset *set = item ? list_folder_set(item->folder) : NULL;
	unsigned source = set ? listset_find(set, &c->subject) : 0;
	const struct list_folder_file *file =
		source ? list_folder_file(item->folder, source - 1) : NULL;
	struct hit *h = file ? get_hit(c->lists, item->folder, file->name) : NULL;

	if (!h)
		return;
	h->hits.n++;
	if (c->time_us > h->hits.last_us)
		h->hits.last_us = c->time_us;
}

void lists_hit(struct lists *l, const struct rule_doc *rule, const struct ipc_connection *m)
{
	struct counting c = { .lists = l, .time_us = m->time_us };

	if (!l->n)
		return;
	c.subject.flow = m->flow;
	c.subject.host.s = ipc_get(m, m->host, &c.subject.host.len);
	each_list(rule, count, &c);
}

struct list_hits lists_hits(const struct lists *l, const struct list_folder *f, const char *file)
{
	char key[LIMIT_PATH + 512];
	size_t len = write_key(key, sizeof(key), f, file);
	const struct hit *h = hash_entry(hash_find(&l->hits, key, len), struct hit, node);

	return h ? h->hits : (struct list_hits) { 0 };
}

/* ---- telling */

size_t lists_count(const struct lists *l)
{
	return l->n;
}

const struct list_folder *lists_at(const struct lists *l, size_t i)
{
	return i < l->n ? l->items[i].folder : NULL;
}

const struct list_folder *lists_find(const struct lists *l, enum operand operand, const char *path)
{
	for (size_t i = 0; i < l->n; i++)
		if (is_folder(l->items[i].folder, operand, (struct text) { path, strlen(path) }))
			return l->items[i].folder;
	return NULL;
}
