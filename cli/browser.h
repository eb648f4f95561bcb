/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening a page in the browser of whoever sits at the desktop.
 *
 * The URL holds a one-time code, and every user of the machine can read the arguments of every process. So
 * the browser is handed a small file that only its user can read, and the page in it leads to the URL.
 */
#ifndef CLI_BROWSER_H
#define CLI_BROWSER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/err.h"

/* Whose desktop it is, and how to reach it. Strings owned. */
struct desktop {
	uid_t uid;
	gid_t gid;
	char *user;
	char *home;
	char *runtime_dir; /* XDG_RUNTIME_DIR, or NULL */
	bool switch_user; /* we are root on behalf of that user */
};

/*
 * Who is at the desktop: the caller; or, when root was got by sudo or pkexec, the user who ran it. 0;
 * ERR_NOT_FOUND when there is nobody (root by itself, a name that no account has) or no graphical session.
 */
int desktop_find(struct desktop *d, struct error *e);
void desktop_done(struct desktop *d);

/* Whether `url` is http or https in printable ASCII without spaces, quotes or angle brackets. */
bool browser_url_ok(const char *url);

/* The file's text: a page that leads to `url` (which browser_url_ok()). Returns owned, or NULL. */
char *browser_page(const char *url);

/*
 * The environment of the opener, NULL-terminated: nothing of ours but how to reach the desktop. Returns owned
 * (browser_environment_free), or NULL.
 */
char **browser_environment(const struct desktop *d);
void browser_environment_free(char **env);

/*
 * Runs xdg-open as that user, never through a shell, and waits for it. 0; ERR_IO when the file could not be
 * written or xdg-open failed or is missing.
 */
int browser_open(const struct desktop *d, const char *url, struct error *e);

#endif
