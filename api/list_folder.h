/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One folder of list files that rules name, for one operand: read, compiled, and watched.
 *
 * Every regular file counts whose name has a dot inside and is not an editor's ("name~", "#name#", ".name", "*.tmp", "*.swp",
 * "*.part"), in the order of their names. A file that somebody is still writing is waited for.
 */
#ifndef API_LIST_FOLDER_H
#define API_LIST_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/listset.h"

struct list_folder;
struct loop;

struct list_folder_file {
	char *name;
	uint64_t entries; /* understood, repeats included */
	uint64_t bad; /* lines that were not */
	uint64_t first_bad; /* the first of these, from 1; 0: none */
	char why[160]; /* what is wrong with that line, or with the whole file */
	bool is_readable;
};

/* Begins to watch and reads. `changed` is called when it was read anew. Returns owned, or NULL when out of memory. */
struct list_folder *list_folder_new(struct loop *loop, enum operand operand, struct text path,
	void (*changed)(void *ctx, struct list_folder *f), void *ctx);
void list_folder_free(struct list_folder *f); /* NULL is fine */

enum operand list_folder_operand(const struct list_folder *f);
const char *list_folder_path(const struct list_folder *f);

/* The compiled lists, borrowed; NULL where the folder is not there or cannot be read. */
struct listset *list_folder_set(const struct list_folder *f);

/* Their memfd, borrowed, or -1. */
int list_folder_fd(const struct list_folder *f);

/* Why there are none; "" where there are. */
const char *list_folder_problem(const struct list_folder *f);

uint64_t list_folder_read_us(const struct list_folder *f); /* CLOCK_REALTIME of the last reading */

/* The files in the order of their source numbers: the file at i is source i + 1. */
size_t list_folder_n_files(const struct list_folder *f);
const struct list_folder_file *list_folder_file(const struct list_folder *f, size_t i);

/* Reads it anew now. */
void list_folder_reread(struct list_folder *f);

/* Whether a file of this name in a list folder is a list. */
bool list_file_is_list(const char *name);

#endif
