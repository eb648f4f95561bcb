/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * List files, line by line, as they are found in the world.
 *
 *     domains          hosts files ("0.0.0.0 a.example b.example"), bare names, "*.example" (what lies below), ".example" (and itself),
 *                      AdBlock "||name^" (and below), dnsmasq "address=/name/" and "local=/name/" (and below)
 *     domains_regexp   one expression a line (lib/pattern.h)
 *     ips, nets        one a line; a bare address is a network too
 *     hash.*           hexadecimal, as md5sum(1) and sha256sum(1) print it, with or without a file's name
 *
 * Lines may end in CRLF, the file may begin with a byte order mark, comments begin with "#", "!" or ";", and names may be written in
 * Unicode (they become A-labels, RFC 5891). Lines that are none of this are counted and left out.
 */
#ifndef API_LIST_PARSE_H
#define API_LIST_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/listset_build.h"
#include "lib/operand.h"

struct list_parse {
	enum operand operand; /* set by the caller, as is the builder */
	struct listset_builder *builder;
	uint64_t lines;
	uint64_t entries; /* understood, repeats included */
	uint64_t bad; /* not understood */
	uint64_t first_bad; /* its line, from 1; 0: none */
	char why[160]; /* what is wrong with that one */
};

/* One line without its newline. */
void list_parse_line(struct list_parse *p, const char *line, size_t len);

/* Everything that a descriptor has, at most LIMIT_LIST_FILE bytes: 0; ERR_TOO_BIG, ERR_IO, ERR_NOMEM with `err`. */
int list_parse_fd(struct list_parse *p, int fd, struct error *err);

#endif
