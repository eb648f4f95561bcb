/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of lists from a URL, below lists/ of the state folder: GROUP/NAME.list while it is on, GROUP/.NAME.off while it is not (a
 * list folder passes over names with a dot in front), and GROUP/.NAME.part while it is fetched.
 */
#ifndef API_SUBSCRIPTION_FILE_H
#define API_SUBSCRIPTION_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "db/subscriptions.h"
#include "lib/err.h"
#include "lib/operand.h"

#define SUBSCRIPTION_ROOT "lists"

struct subscription_counts {
	uint64_t bytes, entries, bad_lines;
	bool is_same; /* byte for byte what was there */
};

/* Makes the folder of all of them where it is missing. A descriptor (owned), or a code with `err`. */
int subscription_files_open(int state_fd, struct error *err);

/* The file's name in its folder while the list is on: "NAME.list". */
void subscription_file_name(
	const struct subscription_row *row, char ret[static LIMIT_SUBSCRIPTION_NAME + 8]);

/* An empty file for the next copy, to be written to: a descriptor (owned), or a code with `err`. */
int subscription_file_begin(int root, const struct subscription_row *row, struct error *err);
void subscription_file_drop(int root, const struct subscription_row *row); /* and away with it */

/*
 * Judges what was written: its size, whether it is a list of this operand and can be compiled; then puts it in the place of the last
 * copy, on the disk. `folder` is the group's whole path. 0 with *ret, or a code with `err`; then the last copy is as it was and the new one
 * is gone.
 */
int subscription_file_install(int root, const struct subscription_row *row, enum operand operand,
	const char *folder, struct subscription_counts *ret, struct error *err);

/* Whether the good copy is there, with its size. */
bool subscription_file_size(int root, const struct subscription_row *row, uint64_t *ret);

/* From where `from` says to where `to` says: another group, on or off. A file that is not there is not missed. */
void subscription_file_move(
	int root, const struct subscription_row *from, const struct subscription_row *to);
void subscription_file_remove(int root, const struct subscription_row *row);

#endif
