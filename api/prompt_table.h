/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The open prompts by id, which ids there were (a late answer is told 410 and not 404), and the prompt object of the API. */
#ifndef API_PROMPT_TABLE_H
#define API_PROMPT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>

#include "api/textbuf.h"
#include "daemon/ipc.h"

struct prompt_entry {
	uint64_t id;
	bool answering; /* an answer is on its way */
	struct ipc_prompt *msg; /* owned: the engine's whole message */
	char *outdated; /* owned: JSON of rules that were made for another executable, or NULL */
	UT_hash_handle hh;
};

struct prompt_table {
	struct prompt_entry *open; /* uthash, oldest first */
	uint64_t from, to; /* ids that prompts of this engine had or have: from <= id < to */
};

/* Takes over what the engine says of a prompt: the entry, and whether it is new; NULL when out of memory. */
struct prompt_entry *prompt_table_put(
	struct prompt_table *t, const struct ipc_prompt *msg, bool *ret_new);
struct prompt_entry *prompt_table_find(struct prompt_table *t, uint64_t id);

/* Ends a prompt, known or not. */
void prompt_table_end(struct prompt_table *t, uint64_t id);

/* Whether a prompt that is not open was there once, also before this console. */
bool prompt_table_has_ended(const struct prompt_table *t, uint64_t id);

void prompt_table_clear(struct prompt_table *t);

/* Appends the prompt object; `duration` is what its suggestions propose. */
void prompt_json_write(struct textbuf *b, const struct prompt_entry *e, const char *duration);

#endif
