/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One variable of a process's environment, as the process has it now: its own words. proc(5) */
#include "config.h"

#include "daemon/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"

/* Reads the next NUL-terminated entry into `buf`, cut at `size`; its length, or -1 at the end. */
static int next_entry(FILE *f, char *buf, size_t size)
{
	size_t n = 0;
	int c;

	while ((c = getc(f)) != EOF && c != '\0')
		if (n < size)
			buf[n++] = (char)c;
	return c == EOF && n == 0 ? -1 : (int)n;
}

int process_env(const struct process *p, const char *name, size_t name_len, char *buf, size_t size)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[40], entry[LIMIT_RULE_DATA + 256] = { 0 };
	int n;

	snprintf(path, sizeof(path), "/proc/%d/environ", p->pid);
	f = fopen(path, "re");
	while (f && (n = next_entry(f, entry, sizeof(entry))) >= 0) {
		size_t value = name_len + 1;

		if (value >= sizeof(entry) || (size_t)n < value || entry[name_len] != '=' ||
			memcmp(entry, name, name_len) != 0)
			continue;
		n -= (int)value;
		if ((size_t)n > size)
			n = (int)size;
		memcpy(buf, entry + value, (size_t)n);
		return n;
	}
	return -1;
}
