/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first byte says which kind of list; the rest is its file, compiled and searched. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/list_parse.h"
#include "lib/listset.h"
#include "tests/fuzz/fuzz.h"

static void search(const struct listset_builder *b, int fd)
{
	struct subject s = { .host = { "www.example.com", 15 } };
	struct listset *l = NULL;

	(void)b;
	if (fd < 0)
		return;
	/* What was compiled is always good. */
	if (listset_load_fd(fd, &l, NULL) < 0)
		abort();
	(void)listset_find(l, &s);
	ip_addr_parse("192.0.2.1", &s.flow.dst);
	(void)listset_find(l, &s);
	listset_unref(l);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct list_parse p = { 0 };
	const char *line, *end;

	if (!size)
		return 0;
	p.operand = (enum operand)(OPERAND_LISTS_DOMAINS + data[0] % 6);
	p.builder = listset_builder_new(p.operand, (struct text) { "/lists", 6 });
	if (!p.builder)
		return 0;
	line = (const char *)data + 1;
	end = (const char *)data + size;
	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t len = (size_t)((newline ? newline : end) - line);
		/* Exactly so many bytes, so that reading past them is seen. */
		char *copy = malloc(len + 1);

		if (!copy)
			break;
		memcpy(copy, line, len);
		list_parse_line(&p, copy, len);
		free(copy);
		line += len + 1;
	}
	search(p.builder, listset_build_fd(p.builder));
	listset_builder_free(p.builder);
	return 0;
}
