/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runtime, state and rules folders. */
#include "config.h"

#include "daemon/folders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "lib/cleanup.h"

#define PID_FILE "opensnitchd.pid"
#define TOKEN_FILE "token"
#define SOCKET_FILE "api.sock"
#define TOKEN_BYTES 32

/* The console's user, from /etc/passwd alone. */
static int find_console_user(struct folders *f, struct error *err)
{
	_cleanup_fclose_ FILE *passwd = fopen("/etc/passwd", "re");
	struct passwd *pw;

	while (passwd && (pw = fgetpwent(passwd))) {
		if (strcmp(pw->pw_name, CONSOLE_USER) == 0) {
			f->console_uid = pw->pw_uid;
			f->console_gid = pw->pw_gid;
			return 0;
		}
	}
	return error_set(err, ERR_NOT_FOUND, NULL,
		"the user '" CONSOLE_USER "' does not exist: useradd --system --user-group "
		"--shell /usr/sbin/nologin " CONSOLE_USER);
}

/* mkdir -p, the parents with mode 0755. */
static int make_parents(const char *path)
{
	char part[PATH_MAX];

	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return ERR_TOO_BIG;
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return err_from_errno(errno);
		*p = '/';
	}
	return 0;
}

static int open_folder(const char *path, mode_t mode, bool *ret_made, struct error *err)
{
	int fd;

	*ret_made = false;
	if (make_parents(path) == 0 && mkdir(path, mode) == 0)
		*ret_made = true;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, err_from_errno(errno), NULL, "cannot use the folder %s: %s",
			path, strerror(errno));
	return fd;
}

static bool is_rule_file(const char *name)
{
	size_t len = strlen(name);

	return len >= 6 && strcmp(name + len - 5, ".json") == 0;
}

/* What a rules folder may well have beside rules: hidden files (of git, of editors) and words about it. */
static bool belongs_to_rules(const char *name)
{
	return is_rule_file(name) || name[0] == '.' || strncmp(name, "README", 6) == 0;
}

static bool belongs_to_state(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A rule file that root copied here becomes the console's; a link or a file with other names does not. */
static void own_rule_file(int dir, const char *name, const struct folders *f)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (!is_rule_file(name))
		return;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
		st.st_uid != 0)
		return;
	(void)!fchown(fd, f->console_uid, f->console_gid);
}

static DIR *list_folder(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (!dir && copy >= 0)
		close(copy);
	else if (dir)
		rewinddir(dir); /* the copy shares its place with `fd` */
	return dir;
}

static bool has_only(int fd, bool (*belongs)(const char *name))
{
	DIR *dir = list_folder(fd);
	bool only = dir != NULL;
	struct dirent *entry;

	while (only && (entry = readdir(dir)))
		only = belongs(entry->d_name);
	if (dir)
		closedir(dir);
	return only;
}

/*
 * Gives a folder of root's to the console's user (a rules folder may be OpenSnitch's own, root:root). One that belongs to
 * somebody else, or that holds what has nothing to do here (/etc by mistake), is left alone: the console then says what it cannot write.
 */
static void give_to_console(int fd, const struct folders *f, bool with_rules)
{
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	if (fstat(fd, &st) < 0 || st.st_uid != 0 ||
		!has_only(fd, with_rules ? belongs_to_rules : belongs_to_state))
		return;
	dir = with_rules ? list_folder(fd) : NULL;
	while (dir && (entry = readdir(dir)))
		own_rule_file(fd, entry->d_name, f);
	if (dir)
		closedir(dir);
	(void)!fchown(fd, f->console_uid, f->console_gid);
}

static int take_pid_file(struct folders *f, struct error *err)
{
	char text[24];
	int n;

	f->pid_fd =
		openat(f->runtime_fd, PID_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (f->pid_fd < 0)
		return error_set(err, err_from_errno(errno), NULL,
			"cannot write %s/" PID_FILE ": %s", f->runtime_path, strerror(errno));
	if (flock(f->pid_fd, LOCK_EX | LOCK_NB) < 0) {
		ssize_t got = read(f->pid_fd, text, sizeof(text) - 1);

		text[got > 0 ? got : 0] = '\0';
		text[strcspn(text, "\n")] = '\0';
		close(steal_fd(&f->pid_fd));
		return error_set(err, ERR_BUSY, NULL,
			"opensnitchd runs already in %s (pid %s): stop it, or give this one its "
			"own "
			"--runtime-dir, --state-dir, --rules-dir, --listen and --queue-num",
			f->runtime_path, text);
	}
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(f->pid_fd, 0) < 0 || write(f->pid_fd, text, (size_t)n) != n)
		return error_set(err, ERR_IO, NULL, "cannot write %s/" PID_FILE ": %s",
			f->runtime_path, strerror(errno));
	return 0;
}

static int write_token(struct folders *f, struct error *err)
{
	unsigned char bytes[TOKEN_BYTES];
	char text[2 * TOKEN_BYTES + 2];
	_cleanup_close_ int fd = -1;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return error_set(err, ERR_IO, NULL, "no random numbers: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	text[sizeof(text) - 2] = '\n';
	unlinkat(f->runtime_fd, TOKEN_FILE, 0);
	fd = openat(f->runtime_fd, TOKEN_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, sizeof(text) - 1) != (ssize_t)(sizeof(text) - 1) ||
		fchown(fd, 0, f->console_gid) < 0 || fchmod(fd, 0640) < 0)
		return error_set(err, ERR_IO, NULL, "cannot write %s/" TOKEN_FILE ": %s",
			f->runtime_path, strerror(errno));
	f->token_fd = openat(f->runtime_fd, TOKEN_FILE, O_RDONLY | O_CLOEXEC);
	return f->token_fd < 0 ? error_set(err, ERR_IO, NULL, "cannot read the token back") : 0;
}

int folders_open(struct folders *f, const char *runtime_dir, const char *state_dir,
	const char *rules_dir, struct error *err)
{
	bool made;
	int r;

	memset(f, 0, sizeof(*f));
	f->runtime_fd = f->state_fd = f->rules_fd = f->token_fd = f->pid_fd = -1;
	f->runtime_path = runtime_dir;
	r = find_console_user(f, err);
	if (r < 0)
		return r;
	r = f->runtime_fd = open_folder(runtime_dir, 0755, &f->runtime_made, err);
	if (r < 0)
		return r;
	r = take_pid_file(f, err);
	if (r < 0)
		return r;
	r = write_token(f, err);
	if (r < 0)
		return r;
	r = f->state_fd = open_folder(state_dir, 0700, &made, err);
	if (r < 0)
		return r;
	give_to_console(f->state_fd, f, false);
	r = f->rules_fd = open_folder(rules_dir, 0755, &made, err);
	if (r < 0)
		return r;
	give_to_console(f->rules_fd, f, true);
	return 0;
}

void folders_close(struct folders *f)
{
	int *fds[] = { &f->token_fd, &f->state_fd, &f->rules_fd, &f->runtime_fd };

	if (f->pid_fd >= 0) {
		unlinkat(f->runtime_fd, TOKEN_FILE, 0);
		unlinkat(f->runtime_fd, SOCKET_FILE, 0);
		unlinkat(f->runtime_fd, PID_FILE, 0);
		if (f->runtime_made)
			rmdir(f->runtime_path);
		close(steal_fd(&f->pid_fd));
	}
	for (size_t i = 0; i < array_len(fds); i++)
		if (*fds[i] >= 0)
			close(steal_fd(fds[i]));
}
