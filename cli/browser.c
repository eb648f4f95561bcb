/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handing a secret URL to a desktop's browser. */
#include "config.h"

#include "cli/browser.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

/* How the opener's child process ended. */
enum child_end {
	CHILD_OK = 0,
	CHILD_NO_USER = 121,
	CHILD_NO_FILE = 122,
	CHILD_NO_OPENER = 127,
};

/* The account that is meant, or NULL. */
static const struct passwd *find_account(void)
{
	const char *sudo_user = getenv("SUDO_USER");
	const char *pkexec_uid = getenv("PKEXEC_UID");
	char *end;
	unsigned long uid;

	if (geteuid() != 0)
		return getpwuid(geteuid());
	if (sudo_user)
		return getpwnam(sudo_user);
	if (!pkexec_uid || !*pkexec_uid)
		return NULL;
	uid = strtoul(pkexec_uid, &end, 10);
	return *end ? NULL : getpwuid((uid_t)uid);
}

static char *runtime_dir_of(uid_t uid)
{
	struct stat st;
	char *dir;

	if (asprintf(&dir, "/run/user/%u", (unsigned int)uid) < 0)
		return NULL;
	if (!lstat(dir, &st) && S_ISDIR(st.st_mode) && st.st_uid == uid)
		return dir;
	free(dir);
	return NULL;
}

static bool has_wayland(const char *runtime_dir)
{
	_cleanup_free_ char *path = NULL;

	if (!runtime_dir || asprintf(&path, "%s/wayland-0", runtime_dir) < 0)
		return false;
	return !access(path, F_OK);
}

int desktop_find(struct desktop *d, struct error *e)
{
	const struct passwd *account = find_account();

	*d = (struct desktop) { 0 };
	if (!account || (geteuid() == 0 && account->pw_uid == 0))
		return error_set(e, ERR_NOT_FOUND, NULL,
			"root has no browser: run this through sudo from your desktop, or open the "
			"URL yourself");
	d->uid = account->pw_uid;
	d->gid = account->pw_gid;
	d->switch_user = geteuid() == 0;
	d->user = strdup(account->pw_name);
	d->home = strdup(account->pw_dir);
	d->runtime_dir = runtime_dir_of(d->uid);
	if (!d->user || !d->home)
		return error_set(e, ERR_NOMEM, NULL, "out of memory");
	if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY") && !has_wayland(d->runtime_dir))
		return error_set(e, ERR_NOT_FOUND, NULL, "there is no graphical session here");
	return 0;
}

void desktop_done(struct desktop *d)
{
	free(d->user);
	free(d->home);
	free(d->runtime_dir);
	*d = (struct desktop) { 0 };
}

bool browser_url_ok(const char *url)
{
	if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
		return false;
	for (const char *p = url; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("\"'<>\\`", *p))
			return false;
	return true;
}

char *browser_page(const char *url)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fputs("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"referrer\" content=\"no-referrer\">\n<title>OpenSnitch</title>\n",
		out);
	/* of the characters that HTML minds, a good URL holds only the ampersand */
	for (int i = 0; i < 2; i++) {
		fputs(i ? "<p><a href=\"" : "<meta http-equiv=\"refresh\" content=\"0; url=", out);
		for (const char *p = url; *p; p++)
			*p == '&' ? fputs("&amp;", out) : putc(*p, out);
		fputs("\">", out);
	}
	fputs("Open the dashboard</a></p>\n</html>\n", out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

/* Appends NAME=VALUE; a NULL value is left out. */
static bool put_env(char **env, size_t *n, const char *name, const char *value)
{
	if (!value)
		return true;
	if (asprintf(&env[*n], "%s=%s", name, value) < 0) {
		env[*n] = NULL;
		return false;
	}
	(*n)++;
	return true;
}

char **browser_environment(const struct desktop *d)
{
	static const char *const kept[] = { "DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "LANG",
		"LC_ALL", "XDG_CURRENT_DESKTOP", "XDG_SESSION_TYPE", "DESKTOP_SESSION",
		"KDE_FULL_SESSION", "KDE_SESSION_VERSION" };
	_cleanup_free_ char *bus = NULL;
	char **env = calloc(array_len(kept) + 10, sizeof(*env));
	size_t n = 0;
	bool ok = env != NULL;

	if (ok && d->runtime_dir && asprintf(&bus, "unix:path=%s/bus", d->runtime_dir) < 0) {
		bus = NULL;
		ok = false;
	}
	for (size_t i = 0; ok && i < array_len(kept); i++)
		ok = put_env(env, &n, kept[i], getenv(kept[i]));
	/* sudo drops it; a Wayland session without X11 cannot be reached otherwise */
	if (ok && !getenv("WAYLAND_DISPLAY") && has_wayland(d->runtime_dir))
		ok = put_env(env, &n, "WAYLAND_DISPLAY", "wayland-0");
	ok = ok && put_env(env, &n, "HOME", d->home) && put_env(env, &n, "USER", d->user) &&
	     put_env(env, &n, "LOGNAME", d->user) &&
	     put_env(env, &n, "XDG_RUNTIME_DIR", d->runtime_dir) &&
	     put_env(env, &n, "DBUS_SESSION_BUS_ADDRESS", bus) &&
	     /* only a caller's own PATH: root's says nothing about the user's programs */
	     put_env(env, &n, "PATH",
		     !d->switch_user && getenv("PATH") ? getenv("PATH") : PATH_DEFAULT) &&
	     put_env(env, &n, "BROWSER", d->switch_user ? NULL : getenv("BROWSER"));
	if (!ok) {
		browser_environment_free(env);
		return NULL;
	}
	return env;
}

void browser_environment_free(char **env)
{
	for (size_t i = 0; env && env[i]; i++)
		free(env[i]);
	free(env);
}

static bool become(const struct desktop *d)
{
	if (!d->switch_user)
		return true;
	return !initgroups(d->user, d->gid) && !setgid(d->gid) && !setuid(d->uid) && setuid(0) != 0;
}

/*
 * Writes the page as the user, readable by nobody else, always anew so that no link laid out before is
 * followed. The code in it is void after a minute: the file may stay. Returns its path (owned), or NULL.
 */
static char *write_page(const struct desktop *d, const char *page)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	size_t len = strlen(page);

	if (d->runtime_dir) {
		if (asprintf(&path, "%s/opensnitch-login.html", d->runtime_dir) < 0) {
			path = NULL;
			return NULL;
		}
		unlink(path);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	} else {
		path = strdup("/tmp/opensnitch-login-XXXXXX.html");
		fd = path ? mkostemps(path, 5, O_CLOEXEC) : -1;
	}
	if (fd < 0 || write(fd, page, len) != (ssize_t)len)
		return NULL;
	return steal_ptr(path);
}

/* In the child: never returns. */
static void run_opener(const struct desktop *d, const char *page, char **env)
{
	const char *search = PATH_DEFAULT;
	_cleanup_free_ char *path = NULL;

	for (size_t i = 0; env[i]; i++)
		if (!strncmp(env[i], "PATH=", 5))
			search = env[i] + 5;
	umask(077);
	if (!become(d) || chdir("/"))
		_exit(CHILD_NO_USER);
	path = write_page(d, page);
	if (!path)
		_exit(CHILD_NO_FILE);
	/* execvpe looks in the caller's PATH */
	setenv("PATH", search, 1);
	execvpe("xdg-open", (char *[]) { (char *)"xdg-open", path, NULL }, env);
	_exit(CHILD_NO_OPENER);
}

static int child_result(int status, struct error *e)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	switch (code) {
	case CHILD_OK:
		return 0;
	case CHILD_NO_USER:
		return error_set(e, ERR_IO, NULL, "could not become the desktop's user");
	case CHILD_NO_FILE:
		return error_set(
			e, ERR_IO, NULL, "could not write the log-in page for the browser");
	case CHILD_NO_OPENER:
		return error_set(e, ERR_IO, NULL, "xdg-open is not there (package xdg-utils)");
	default:
		return error_set(
			e, ERR_IO, NULL, "xdg-open failed (%d): is a browser installed?", code);
	}
}

int browser_open(const struct desktop *d, const char *url, struct error *e)
{
	_cleanup_free_ char *page = browser_page(url);
	char **env = browser_environment(d);
	int status = 0;
	pid_t pid;

	if (!page || !env) {
		browser_environment_free(env);
		return error_set(e, ERR_NOMEM, NULL, "out of memory");
	}
	pid = fork();
	if (pid == 0)
		run_opener(d, page, env);
	browser_environment_free(env);
	if (pid < 0)
		return error_set(e, ERR_IO, NULL, "cannot start a process: %m");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(e, ERR_IO, NULL, "lost the opener: %m");
	return child_result(status, e);
}
