/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON that a terminal cannot be harmed by. */
#include "config.h"

#include "cli/json_out.h"

#include "lib/err.h"

/* jansson escapes all of C0 and, when asked, all past ASCII; DEL is left to us. It occurs in strings only. */
static int write_escaped(const char *text, size_t len, void *arg)
{
	FILE *out = arg;

	for (size_t i = 0; i < len; i++) {
		int r = text[i] == 0x7f ? fputs("\\u007f", out) : putc(text[i], out);

		if (r == EOF)
			return -1;
	}
	return 0;
}

int json_out(const json_t *value, FILE *out)
{
	if (json_dump_callback(value, write_escaped, out,
		    JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY))
		return ferror(out) ? ERR_IO : ERR_NOMEM;
	return putc('\n', out) == EOF ? ERR_IO : 0;
}
