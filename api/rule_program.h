/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The executable that a rule names by its path, as it was when the rule was made: what was allowed then is not what replaced it. */
#ifndef API_RULE_PROGRAM_H
#define API_RULE_PROGRAM_H

#include <stdbool.h>

#include "lib/file_identity.h"
#include "lib/subject.h"

struct rule_doc;

struct rule_program {
	char *path; /* of its `simple` comparison with process.path; owned; NULL: it has none */
	bool sensitive; /* to case */
	bool is_known; /* `file` is */
	struct file_identity file;
	char text[FILE_IDENTITY_TEXT_LEN]; /* the same for the database; "": not known */
};

/* Fills in the path from a rule's document; the file is not known. */
void rule_program_init(struct rule_program *p, const struct rule_doc *doc);
void rule_program_done(struct rule_program *p);

/* Remembers the executable: `file`, or with NULL what stands at its path now. Nothing without a path, or where there is no such file. */
void rule_program_set(struct rule_program *p, const struct file_identity *file);

/* Whether the rule is about the program at this path. */
bool rule_program_is(const struct rule_program *p, struct text path);

/*
 * Whether that program, which is `file` now, has changed since the rule was made. Of rules that remember none by the time of their last change,
 * `updated_us` (CLOCK_REALTIME; 0: not known).
 */
bool rule_program_changed(
	const struct rule_program *p, uint64_t updated_us, const struct file_identity *file);

#endif
