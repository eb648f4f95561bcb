/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of each file of the rules folder, by name, and what is wrong with it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "api/rule_book_private.h"

/* ---- records */

static void problem_free(struct rule_problem *p)
{
	if (!p)
		return;
	free(p->file);
	free(p->place);
	free(p->message);
	free(p);
}

static void file_free(struct rule_file *f)
{
	if (!f)
		return;
	problem_free(f->problem);
	free(f->name);
	free(f->rule);
	free(f);
}

size_t book_file_place(const struct rule_book *b, const char *name, bool *ret_found)
{
	size_t lo = 0, hi = b->n_files;

	*ret_found = false;
	while (lo < hi && !*ret_found) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(b->files[mid]->name, name);

		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
		if (c == 0) {
			*ret_found = true;
			lo = mid;
		}
	}
	return lo;
}

struct rule_file *book_file_find(const struct rule_book *b, const char *name)
{
	bool found;
	size_t i = book_file_place(b, name, &found);

	return found ? b->files[i] : NULL;
}

/* The record of a file, made where it is new; NULL when out of memory. */
struct rule_file *book_file_get(struct rule_book *b, const char *name)
{
	bool found;
	size_t i = book_file_place(b, name, &found), room = b->files_room ? b->files_room * 2 : 32;
	struct rule_file **more = b->files, *f;

	if (found)
		return b->files[i];
	if (b->n_files == b->files_room) {
		more = realloc(b->files, room * sizeof(struct rule_file *));
		if (!more)
			return NULL;
		b->files = more;
		b->files_room = room;
	}
	f = calloc(1, sizeof(*f));
	if (!f || !(f->name = strdup(name))) {
		free(f);
		return NULL;
	}
	memmove(more + i + 1, more + i, (b->n_files - i) * sizeof(struct rule_file *));
	more[i] = f;
	b->n_files++;
	return f;
}

void book_file_drop(struct rule_book *b, size_t i)
{
	file_free(b->files[i]);
	b->n_files--;
	memmove(b->files + i, b->files + i + 1, (b->n_files - i) * sizeof(struct rule_file *));
}

bool book_file_set_rule(struct rule_file *f, const char *rule)
{
	char *copy = strdup(rule);

	if (!copy)
		return false;
	free(f->rule);
	f->rule = copy;
	return true;
}

void book_file_free_all(struct rule_book *b)
{
	for (size_t i = 0; i < b->n_files; i++)
		file_free(b->files[i]);
	free(b->files);
	problem_free(b->folder_problem);
}

/* ---- problems */

static struct rule_problem *problem_new(const char *file, const struct error *e)
{
	struct rule_problem *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->file = strdup(file);
	p->place = strdup(e->place);
	p->message = strdup(e->message);
	if (p->file && p->place && p->message)
		return p;
	problem_free(p);
	return NULL;
}

/* Notes a problem, and tells it where it is a new one. NULL `e`: there is none any more. */
void book_set_problem(
	struct rule_book *b, struct rule_problem **slot, const char *file, const struct error *e)
{
	struct rule_problem *old = *slot;
	bool same = old && e && strcmp(old->message, e->message) == 0 &&
		    strcmp(old->place, e->place) == 0;

	if (same)
		return;
	*slot = e ? problem_new(file, e) : NULL;
	problem_free(old);
	if (!*slot)
		return;
	b->had_problems = true;
	if (b->o.hooks.problem)
		b->o.hooks.problem(b->o.hooks.ctx, *slot);
}

void book_file_set_problem(struct rule_book *b, struct rule_file *f, const struct error *e)
{
	book_set_problem(b, &f->problem, f->name, e);
}

const struct rule_problem *rule_book_problem(const struct rule_book *b, size_t index)
{
	if (b->folder_problem && index-- == 0)
		return b->folder_problem;
	for (size_t i = 0; i < b->n_files; i++)
		if (b->files[i]->problem && index-- == 0)
			return b->files[i]->problem;
	return NULL;
}

size_t rule_book_problems(const struct rule_book *b)
{
	size_t n = b->folder_problem != NULL;

	for (size_t i = 0; i < b->n_files; i++)
		n += b->files[i]->problem != NULL;
	return n;
}
