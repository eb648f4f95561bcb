/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All rules: the book that files, clients and answers write into, and that the engine's set is made from.
 *
 * Rules of duration `always` live in files, one a rule, and the file is the truth: what somebody writes, changes or removes
 * there (an editor, git, another tool) is in force within a second, and at a start the folder wins over the database.
 * The database holds, for these, the last good copy and the hits; a file that became bad changes nothing until it is good again.
 * Other rules live in the database alone: `30s` to `12h` to their wall-clock end, also over a restart;
 * `until restart` as long as the engine instance they were made under.
 *
 * A change is on the disk before its function returns: whoever was told "yes" finds it after a power cut. A change that
 * cannot be stored did not happen.
 */
#ifndef API_RULE_BOOK_H
#define API_RULE_BOOK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/rule_doc.h"
#include "api/rule_program.h"
#include "lib/err.h"
#include "lib/rule.h"
#include "lib/subject.h"

struct ipc_connection;
struct loop;
struct network_aliases;
struct rule_book;
struct store;

enum rule_source { RULE_FROM_FILE, RULE_FROM_API, RULE_FROM_PROMPT, RULE_SOURCE_COUNT_ };

/* "file", "api", "prompt"; never NULL. */
const char *rule_source_str(enum rule_source s);

enum rule_event { RULE_CREATED, RULE_UPDATED, RULE_DELETED };

/* One rule in the book. Valid until the next call that changes the book. */
struct rule_entry {
	struct rule_doc *doc;
	enum rule_source source;
	char *file; /* name in the rules folder; NULL: a temporary rule */
	uint64_t expires_us; /* CLOCK_REALTIME; 0: never */
	uint64_t hits;
	uint64_t last_hit_us; /* CLOCK_REALTIME; 0: never */
	struct rule_program program; /* that it was made for */
};

/* A file, or a rule in it, that is not in force as it stands. */
struct rule_problem {
	char *file;
	char *place; /* "operator.list[1].data", "3:14"; may be empty */
	char *message;
};

/* What the book tells its owner. Each may be NULL. None of them may change the book. */
struct rule_book_hooks {
	/*
	 * A rule came, changed (also its hits are not told: only what a client would see as a change) or went. `before`
	 * is what stood there: of a rule that changed, or of one that came in the place of another name's; otherwise NULL.
	 */
	void (*event)(void *ctx, enum rule_event what, const struct rule_entry *rule,
		const struct rule_doc *before);
	/* The set that decides is another one now, and nobody but the book knows: send it to the engine. */
	void (*send)(void *ctx);
	/* A new problem with a file. */
	void (*problem)(void *ctx, const struct rule_problem *p);
	/* No problem is left. */
	void (*problems_over)(void *ctx);
	void *ctx;
};

struct rule_book_options {
	struct store *store; /* borrowed */
	struct loop *
		loop; /* borrowed; NULL in tests: call rule_book_tick() and rule_book_reread() yourself */
	int folder; /* descriptor of the rules folder, borrowed */
	const char *folder_path; /* for messages */
	const struct network_aliases *aliases; /* borrowed; NULL: none */
	struct rule_book_hooks hooks;
	uint64_t (*now_us)(void); /* CLOCK_REALTIME; NULL: clock_real_us */
};

/*
 * Reads the database and the folder. The first time ever, with an empty folder and a database without rules, the shipped rules are put
 * into the folder. Bad files are problems, not failures. 0 and *ret (owned), or ERR_NOMEM, ERR_IO ... with `err`.
 * No event is told for what is found.
 */
int rule_book_open(
	const struct rule_book_options *options, struct rule_book **ret, struct error *err);

/* Stores the hits and lets go. NULL is fine. */
void rule_book_close(struct rule_book *b);

/* The engine's instance (IPC_HELLO): "until restart" rules of another one end here. */
void rule_book_set_instance(struct rule_book *b, uint64_t instance);

/*
 * The set of all rules that are enabled, can be evaluated and have not ended, in a sealed memfd (lib/rulewire_build.h): the
 * descriptor, owned by the caller, or a negative code.
 */
int rule_book_build(const struct rule_book *b, uint64_t generation);

/*
 * Where rules that are compiled in the console (to explain, to try out) find their lists (lib/rule.h). Set once by the owner;
 * without it there are none.
 */
void rule_book_set_lists(struct rule_book *b, struct rule_lists lists);
const struct rule_lists *rule_book_lists(const struct rule_book *b); /* NULL: there are none */

/* The networks that operators of its rules may name; NULL: none. */
const struct network_aliases *rule_book_aliases(const struct rule_book *b);

/* ---- reading */

size_t rule_book_count(const struct rule_book *b);

/* By name; NULL where there is none. */
const struct rule_entry *rule_book_find(const struct rule_book *b, const char *name);

/* The rule at a place in the order of names, bytewise: 0 .. count - 1. */
const struct rule_entry *rule_book_at(const struct rule_book *b, size_t index);

/* The REST resource of a rule: its document, hits, last_hit, expires, file, source. A new reference, or NULL. */
json_t *rule_book_json(const struct rule_entry *rule);

/* The same without what changes by itself (hits, last_hit): what its ETag is made from. */
json_t *rule_book_json_stable(const struct rule_entry *rule);

size_t rule_book_problems(const struct rule_book *b);
const struct rule_problem *rule_book_problem(const struct rule_book *b, size_t index);

/* ---- changing */

enum rule_send {
	RULE_SEND_NOW, /* the book calls hooks.send */
	RULE_SEND_LATER, /* the caller sends the set itself (before an IPC_ANSWER) */
};

/*
 * Adds a rule. Takes `doc`, also on failure. ERR_EXISTS where the name is taken; ERR_INVALID ("duration": once makes no rule; an
 * `until restart` rule before the engine said hello is ERR_AGAIN); ERR_PERMISSION, ERR_FULL, ERR_IO with a sentence
 * when it cannot be stored. *ret (may be NULL) is the new rule.
 */
int rule_book_create(struct rule_book *b, struct rule_doc *doc, enum rule_source source,
	enum rule_send send, const struct rule_entry **ret, struct error *err);

/*
 * The same for a rule that was made for a program that runs: `program` is the executable as it was seen (NULL: what stands at its
 * path now, as always otherwise).
 */
int rule_book_create_for(struct rule_book *b, struct rule_doc *doc, enum rule_source source,
	enum rule_send send, const struct file_identity *program, const struct rule_entry **ret,
	struct error *err);

/*
 * The enabled rules on the program at `path` that were made for another executable than `file`, when none was made for this very one:
 * at most `max` names, valid until the next call that changes the book. How many.
 */
unsigned rule_book_outdated(const struct rule_book *b, struct text path,
	const struct file_identity *file, const char **ret_names, unsigned max);

/*
 * Many changes that belong together: between these two calls hooks.send is kept back and files are not synced one by one. The
 * release does both, once: 0, or a code where what was changed may not outlive a power cut.
 */
void rule_book_hold(struct rule_book *b);
int rule_book_release(struct rule_book *b, struct error *err);

/*
 * Puts `doc` in the place of the rule `name`, whose hits and creation time stay; another name in `doc` renames it (ERR_EXISTS where
 * that is taken). A temporary rule that stays one of the same duration keeps its end. Takes `doc`, also on failure.
 */
int rule_book_replace(struct rule_book *b, const char *name, struct rule_doc *doc,
	const struct rule_entry **ret, struct error *err);

/* Removes a rule, its file too. ERR_NOT_FOUND. */
int rule_book_delete(struct rule_book *b, const char *name, struct error *err);

/* A decision was made by this rule (IPC_CONNECTION). Kept in memory and stored now and then. An unknown name is ignored. */
void rule_book_hit(struct rule_book *b, struct text name, uint64_t time_us);

/* What a prompt was answered with. */
struct rule_answer {
	const struct ipc_connection *connection; /* of the prompt: a whole, checked message */
	enum action action;
	enum rule_duration duration;
	/*
	 * A JSON array of what the rule shall match: process.path, process.command, user.id, dest.host, dest.ip, dest.port,
	 * protocol. NULL: process.path, dest.host (dest.ip where there is no name), dest.port, protocol.
	 */
	const json_t *match;
};

/*
 * Makes the rule of an answer, stores it, and leaves sending the set to the caller. 0 and *ret: the rule, or NULL for `once`,
 * which makes none (but `match` is checked all the same). ERR_INVALID with place "match[1]" where the connection lacks that
 * value; otherwise as rule_book_create().
 */
int rule_book_from_answer(struct rule_book *b, const struct rule_answer *answer,
	const struct rule_entry **ret, struct error *err);

/* ---- for tests without a loop */

/* Ends what has ended and stores hits; ms until it wants to be called again. */
uint64_t rule_book_tick(struct rule_book *b);

/* Looks at the folder now. */
void rule_book_reread(struct rule_book *b);

#endif
