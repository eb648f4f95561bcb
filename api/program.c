/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs of the same build. */
#include "config.h"

#include "api/program.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ipc.h"
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

char **program_environment(enum log_format format, char *ret[static PROGRAM_ENVIRONMENT_MAX])
{
	static const char *const passed[] = {
		"ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=", "JOURNAL_STREAM="
	};
	static char text[] = IPC_ENV_LOG_FORMAT "=text", json[] = IPC_ENV_LOG_FORMAT "=json";
	unsigned n = 0;

	ret[n++] = format == LOG_FORMAT_JSON ? json : text;
	for (char **e = environ; *e; e++)
		for (size_t i = 0; i < array_len(passed); i++)
			if (strncmp(*e, passed[i], strlen(passed[i])) == 0 &&
				n < PROGRAM_ENVIRONMENT_MAX - 1)
				ret[n++] = *e;
	ret[n] = NULL;
	return ret;
}

enum log_format program_log_format(void)
{
	const char *name = getenv(IPC_ENV_LOG_FORMAT);
	enum log_format format = LOG_FORMAT_TEXT;

	if (name)
		(void)log_format_parse(name, &format);
	return format;
}
