/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/unit/folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"

int folder_setup(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));
	const char *tmp = getenv("TMPDIR");

	if (!f)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/opensnitch-test-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(f->path)) {
		free(f);
		return -1;
	}
	*state = f;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type;
	return ftw->level > 0 ? remove(path) : 0;
}

void folder_empty(const struct folder *f)
{
	nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int folder_teardown(void **state)
{
	struct folder *f = *state;

	folder_empty(f);
	rmdir(f->path);
	free(f);
	return 0;
}

void folder_write(const struct folder *f, const char *name, const char *text)
{
	_cleanup_fclose_ FILE *out = NULL;
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	out = fopen(path, "we");
	if (out)
		fputs(text, out);
}

char *folder_read(const struct folder *f, const char *name)
{
	_cleanup_fclose_ FILE *in = NULL;
	char path[600], *text = NULL;
	size_t room = 0;

	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	in = fopen(path, "re");
	if (!in)
		return NULL;
	if (getdelim(&text, &room, '\0', in) < 0) {
		free(text);
		return strdup("");
	}
	return text;
}
