/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A folder of its own for each test, gone afterwards. */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

struct folder {
	char path[256];
};

/* Set-up and tear-down for cmocka: *state is a struct folder. */
int folder_setup(void **state);
int folder_teardown(void **state);

/* Removes all that is in it. */
void folder_empty(const struct folder *f);

/* Writes (over) a file NAME in it. */
void folder_write(const struct folder *f, const char *name, const char *text);

/* The text of NAME, owned by the caller; NULL where there is no such file. */
char *folder_read(const struct folder *f, const char *name);

#endif
