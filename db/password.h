/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Table `password`: the hash of the one optional password. */
#ifndef DB_PASSWORD_H
#define DB_PASSWORD_H

#include <stdint.h>

struct store;

struct password_row {
	char hash[128]; /* text of crypto_pwhash_str(); "" = no password is set */
	uint64_t changed_us; /* CLOCK_REALTIME */
};

/* Fills *ret, also where none is set. 0 or ERR_IO. */
int password_load(struct store *s, struct password_row *ret);

/* Puts it in the place of the old one; with an empty hash there is none afterwards. On the disk when it returns. 0, ERR_IO, ERR_FULL. */
int password_store(struct store *s, const struct password_row *row);

#endif
