/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each manager of containers names its cgroups in its own way. */
#include "config.h"
#include "lib/cgroup.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

#define ID_SHOWN 12
#define ID_WHOLE 64

enum name_form {
	NAME_ID, /* hexadecimal digits, cut to those that people see */
	NAME_PLAIN, /* up to a character of `end` */
	NAME_FLATPAK, /* "APP-PID.scope" */
	NAME_NONE, /* what stands there is no container */
};

static const struct {
	const char *mark; /* what stands before the name in the path */
	const char *kind;
	enum name_form form;
	const char *end;
} forms[] = {
	{ "/docker-", "docker", NAME_ID, "" },
	{ "/docker/", "docker", NAME_ID, "" },
	{ "/libpod-conmon-", NULL, NAME_NONE, "" },
	{ "/libpod-", "podman", NAME_ID, "" },
	{ "/cri-containerd-", "containerd", NAME_ID, "" },
	{ "/crio-conmon-", NULL, NAME_NONE, "" },
	{ "/crio-", "crio", NAME_ID, "" },
	{ "/lxc.payload.", "lxc", NAME_PLAIN, "/" },
	{ "/lxc/", "lxc", NAME_PLAIN, "/" },
	{ "/systemd-nspawn@", "machine", NAME_PLAIN, "./" },
	{ "/machine-", "machine", NAME_PLAIN, "./" },
	{ "/app-flatpak-", "flatpak", NAME_FLATPAK, "" },
	{ "/flatpak-", "flatpak", NAME_FLATPAK, "" },
	{ "/snap.", "snap", NAME_PLAIN, "./" },
};

static size_t hex_run(const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	return n >= ID_SHOWN && !isalnum((unsigned char)s[n]) ? n : 0;
}

/* "org.mozilla.firefox-1234.scope": the name ends before the last '-', behind which there are digits only. */
static size_t flatpak_len(const char *s)
{
	size_t len = strcspn(s, "/");
	const char *dash = memrchr(s, '-', len);

	if (!dash || len < 6 || strncmp(s + len - 6, ".scope", 6) != 0)
		return 0;
	return strspn(dash + 1, "0123456789") == (size_t)(s + len - 6 - dash - 1)
		       ? (size_t)(dash - s)
		       : 0;
}

static size_t name_len(const char *s, enum name_form form, const char *end)
{
	size_t len = 0;

	switch (form) {
	case NAME_ID:
		len = hex_run(s);
		return len > ID_SHOWN ? ID_SHOWN : len;
	case NAME_PLAIN:
		return strncmp(s, "slice", 5) == 0 ? 0 : strcspn(s, end);
	case NAME_FLATPAK:
		return flatpak_len(s);
	case NAME_NONE:
		break;
	}
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* systemd writes "\x2d" for a '-' in a name; only characters that print are turned back. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		int c = -1;

		if (s[0] == '\\' && s[1] == 'x' && hex_digit(s[2]) >= 0 && hex_digit(s[3]) >= 0)
			c = hex_digit(s[2]) * 16 + hex_digit(s[3]);
		if (c > ' ' && c < 0x7f) {
			*to++ = (char)c;
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

static char *make(const char *kind, const char *name, size_t len)
{
	char *text;

	if (asprintf(&text, "%s:%.*s", kind, (int)len, name) < 0)
		return NULL;
	unescape(text);
	return text;
}

/* A pod's containers have a whole ID as the last part of their path, where no manager of systemd units is asked. */
static char *kubernetes(const char *cgroup)
{
	const char *last = strrchr(cgroup, '/');

	if (strncmp(cgroup, "/kubepods", 9) != 0 || hex_run(last + 1) != ID_WHOLE)
		return NULL;
	return make("kubernetes", last + 1, ID_SHOWN);
}

char *cgroup_container(const char *cgroup)
{
	for (size_t i = 0; i < array_len(forms); i++) {
		const char *at = strstr(cgroup, forms[i].mark);
		size_t len;

		if (!at)
			continue;
		at += strlen(forms[i].mark);
		len = name_len(at, forms[i].form, forms[i].end);
		if (len)
			return make(forms[i].kind, at, len);
	}
	return kubernetes(cgroup);
}

static bool is_unit(struct text t)
{
	static const char *const suffixes[] = { ".service", ".scope", ".socket", ".mount",
		".swap" };

	for (size_t i = 0; i < array_len(suffixes); i++) {
		size_t n = strlen(suffixes[i]);

		if (t.len > n && memcmp(t.s + t.len - n, suffixes[i], n) == 0)
			return true;
	}
	return false;
}

struct text cgroup_unit(struct text cgroup)
{
	while (cgroup.len) {
		const char *slash = memrchr(cgroup.s, '/', cgroup.len);
		size_t start = slash ? (size_t)(slash - cgroup.s) + 1 : 0;
		struct text part = { cgroup.s + start, cgroup.len - start };

		if (is_unit(part))
			return part;
		cgroup.len = slash ? start - 1 : 0;
	}
	return (struct text) { NULL, 0 };
}
