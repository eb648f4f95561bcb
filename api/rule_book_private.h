/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of struct rule_book: for rule_book.c, rule_change.c, rule_files.c, rule_file_records.c and rule_ends.c only. */
#ifndef API_RULE_BOOK_PRIVATE_H
#define API_RULE_BOOK_PRIVATE_H

#include "api/rule_book.h"
#include "api/rule_folder.h"

struct rule_watch;
struct timer;
struct watch;

struct entry {
	struct rule_entry pub;
	uint64_t instance; /* of the engine, for "until restart"; 0: none */
	bool hits_changed; /* since they were stored */
	bool row_changed; /* by a file: to be stored when the look through the folder is over */
};

/* A file of the folder, as it was last looked at. */
struct rule_file {
	char *name;
	char *rule; /* the name of the rule that comes from it; NULL: none */
	struct rule_file_stamp stamp;
	uint8_t hash[32]; /* SHA-256 of its bytes */
	bool is_read; /* stamp and hash hold */
	bool is_there; /* while the folder is looked through */
	struct rule_problem *problem; /* why it is not in force as it stands, or NULL */
};

struct rule_book {
	struct rule_book_options o;
	struct rule_lists lists; /* no `find`: there are none */
	struct entry **entries; /* by name, bytewise */
	size_t n, room;
	struct rule_file **files; /* by name, bytewise */
	size_t n_files, files_room;
	struct rule_problem *folder_problem; /* of the folder as a whole, or NULL */
	bool had_problems; /* the owner was told of some */
	bool is_open; /* events are told */
	bool is_held, send_is_due; /* hooks.send is kept back, and was asked for */
	bool set_changed; /* the set that decides, since this look through the folder began */

	uint64_t instance; /* of the engine; 0: not known yet */
	bool hits_changed;
	uint64_t hits_stored_us;

	struct rule_watch *watch;
	struct watch *loop_watch;
	struct timer *timer; /* ends, hits */
	struct timer *look; /* at the folder, a moment after it changed */
};

/* ---- rule_book.c: the entries in memory */

uint64_t book_now(const struct rule_book *b);

/* The place of a name: *ret_found says whether it is in. */
size_t book_place(const struct rule_book *b, const char *name, bool *ret_found);
struct entry *book_entry(const struct rule_book *b, const char *name);

/* A new entry (owned) with this document (taken, also on failure), or NULL when out of memory. */
struct entry *entry_new(struct rule_doc *doc, enum rule_source source);
void entry_free(struct entry *e); /* NULL is fine */

/* Makes room for one more, so that book_insert() cannot fail. False when out of memory. */
bool book_reserve(struct rule_book *b);
void book_insert(struct rule_book *b, struct entry *e); /* takes */
struct entry *book_take(
	struct rule_book *b, const char *name); /* out of the book: returns owned, or NULL */

/* Whether it takes part in decisions. */
bool entry_decides(const struct entry *e);

void book_tell(struct rule_book *b, enum rule_event what, const struct entry *e,
	const struct rule_doc *before);

/* The entry's row of the database; borrows. */
struct rule_row;
void book_row(const struct entry *e, struct rule_row *ret);

/* Stores the entry's row, and removes `old_name` (may be NULL). 0 or a code with `err`. */
int book_store(struct rule_book *b, const struct entry *e, const char *old_name, struct error *err);

/* ---- rule_ends.c: time and hits */

/* When a rule of this duration made now ends; 0: never. */
uint64_t book_end_of(const struct rule_book *b, enum rule_duration d);

/* Sets the timer anew after a change. */
void book_schedule(struct rule_book *b);
void book_store_hits(struct rule_book *b);

/* ---- rule_file_records.c: the files as they were last looked at */

/* The place of a name: *ret_found says whether it is in. */
size_t book_file_place(const struct rule_book *b, const char *name, bool *ret_found);
struct rule_file *book_file_find(const struct rule_book *b, const char *name);

/* The record of a file, made where it is new; NULL when out of memory. */
struct rule_file *book_file_get(struct rule_book *b, const char *name);
void book_file_drop(struct rule_book *b, size_t i);

/* Notes which rule comes from the file (copies). False when out of memory: nothing changed. */
bool book_file_set_rule(struct rule_file *f, const char *rule);

/* Notes a problem, and tells it where it is a new one. NULL `e`: there is none any more. */
void book_set_problem(
	struct rule_book *b, struct rule_problem **slot, const char *file, const struct error *e);
void book_file_set_problem(struct rule_book *b, struct rule_file *f, const struct error *e);

/* Forgets all files and problems; for the end of the book. */
void book_file_free_all(struct rule_book *b);

/* ---- rule_files.c: the folder */

/* Reads the folder for the first time, after the rows of the database; begins to watch it. */
int book_files_open(struct rule_book *b, struct error *err);
void book_files_close(struct rule_book *b);

/*
 * Writes the document into a file: over `file`, or with NULL into a new one, whose name is made from the rule's. *ret_name (may be NULL)
 * is the name, owned by the caller. 0 or a code with `err`.
 */
int book_write_file(struct rule_book *b, const char *file, const struct rule_doc *doc,
	char **ret_name, struct error *err);

/*
 * Whether the file is another one than the book knows: somebody changed or removed it a moment ago. The book then takes what
 * stands there, and the caller's change, which was made against something else, is refused.
 */
bool book_file_is_stale(struct rule_book *b, const char *file);

/* Removes the file. 0 or a code with `err`. */
int book_remove_file(struct rule_book *b, const char *file, struct error *err);

#endif
