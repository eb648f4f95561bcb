/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs of the same build. */
#include "config.h"

#include "api/program.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"

int program_open(const char *name, struct error *err)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash = NULL;
	int fd = -1;

	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
	}
	if (slash && (size_t)(slash - path) + strlen(name) + 2 <= sizeof(path)) {
		strcpy(slash + 1, name);
		fd = open(path, O_PATH | O_CLOEXEC);
	}
	if (fd < 0)
		return error_set(err, ERR_NOT_FOUND, NULL,
			"%s is missing beside opensnitch-console: install it with make install",
			name);
	return fd;
}

char **program_environment(char *ret[static 4])
{
	static const char *const passed[] = { "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=" };
	unsigned n = 0;

	for (char **e = environ; *e; e++)
		for (size_t i = 0; i < array_len(passed); i++)
			if (strncmp(*e, passed[i], strlen(passed[i])) == 0 && n < 3)
				ret[n++] = *e;
	ret[n] = NULL;
	return ret;
}
