/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of the rules folder, through a descriptor of the folder. It knows no rules.
 *
 * A file that is written appears whole or not at all, and is on the disk when the call returns. Files of others are left alone:
 * only names that end in ".json" and do not begin with a dot count.
 */
#ifndef API_RULE_FOLDER_H
#define API_RULE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define RULE_FILE_MAX (1u << 20) /* bytes of one file */
#define RULE_FILE_NAME_MAX 240 /* bytes of a name that we make, with ".json" */

/* What tells one state of a file from another, as far as stat(2) can. */
struct rule_file_stamp {
	uint64_t inode;
	uint64_t size;
	int64_t mtime_ns; /* CLOCK_REALTIME */
	bool is_fresh; /* changed so lately when it was read that it may have changed again unseen */
};

/* Whether a name in the folder is a rule's. */
bool rule_file_is_rule(const char *name);

/*
 * The file name for a rule: its own where that is a file name, with '/', '%' and a leading dot written as %XX, and shortened (with a
 * hash) where it is too long; ".json" behind. `n` > 1 makes another: "NAME-2.json".
 */
void rule_file_name(const char *rule, unsigned n, char ret[static RULE_FILE_NAME_MAX + 1]);

/* The names of all rule files, sorted bytewise: *ret is a malloc'ed array of malloc'ed strings. 0 or a code with `err`. */
int rule_folder_list(int folder, char ***ret, size_t *ret_n, struct error *err);
void rule_folder_list_free(char **names, size_t n);

/* Removes what a writer that died left behind. */
void rule_folder_tidy(int folder);

/* Whether the folder still has a place in the file system. */
bool rule_folder_exists(int folder);

/* The stamp of a file now. 0, ERR_NOT_FOUND or another code. */
int rule_folder_stat(int folder, const char *name, struct rule_file_stamp *ret);

/* Whether a file that was read with stamp `then` is still the same for sure. */
bool rule_file_is_same(const struct rule_file_stamp *then, const struct rule_file_stamp *now);

/* A whole regular file of at most RULE_FILE_MAX bytes: *ret is malloc'ed, with a NUL behind. 0 or a code with `err`. */
int rule_folder_read(int folder, const char *name, char **ret, size_t *ret_len,
	struct rule_file_stamp *ret_stamp, struct error *err);

/*
 * How a file is written. RULE_FILE_REPLACE: over what is there, keeping its mode; without it, ERR_EXISTS when there is
 * something. RULE_FILE_UNSYNCED: rule_folder_sync() is to follow.
 */
enum { RULE_FILE_REPLACE = 1, RULE_FILE_UNSYNCED = 2 };

/* Writes a file. 0 or a code with `err`; then nothing changed. */
int rule_folder_write(int folder, const char *name, const char *text, unsigned how,
	struct rule_file_stamp *ret_stamp, struct error *err);

/* Removes a file; one that is not there is fine. */
int rule_folder_remove(int folder, const char *name, unsigned how, struct error *err);

/* Brings to the disk what was written and removed unsynced. */
int rule_folder_sync(int folder, struct error *err);

#endif
