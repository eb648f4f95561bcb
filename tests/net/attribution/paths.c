/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was executed is not what it looks like. A sender is alive until its verdict, unless its case says otherwise. */
#include "config.h"

#include "tests/net/attribution/corpus.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/file_identity.h"

#define TRUSTED "/usr/bin/curl"

static void copy_to(const struct run *r, int out)
{
	int in = must(open(r->self, O_RDONLY | O_CLOEXEC), "open");
	struct stat st;

	must(fstat(in, &st), "fstat");
	while (lseek(in, 0, SEEK_CUR) < st.st_size)
		must((int)sendfile(out, in, NULL, (size_t)st.st_size), "sendfile");
	close(in);
}

/* A copy of this program in the case's folder; its path in `ret`. */
static void copy(const struct run *r, const char *name, char ret[512])
{
	int out;

	snprintf(ret, 512, "%s/%s-%u", r->dir, name, r->try);
	out = must(open(ret, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755), ret);
	copy_to(r, out);
	close(out);
}

/* Runs a sender by path and tells what it must be. */
static void path_case(
	const struct run *r, const char *run, const char *name, const char *is, const char *more)
{
	union address to = target4(r, 0);
	pid_t pid = start_sender(run, name, &to);

	expect(r, "tcp", &to, 0, pid, is, more);
	reap(pid);
}

static void send_inline(const union address *to)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)connect(fd, &to->any, sizeof(to->v4));
	close(fd);
}

/* The sender stands still behind its exec while its file is changed. */
static void changed_under_feet(const struct run *r, bool replaced)
{
	union address to = target4(r, 0);
	char path[512];
	pid_t pid;
	int status;

	copy(r, "gone", path);
	pid = spawn();
	if (pid == 0) {
		char arg[INET6_ADDRSTRLEN];

		must((int)ptrace(PTRACE_TRACEME), "ptrace");
		execl(path, path, "send", address_text(&to, arg), (char *)NULL);
		_exit(1);
	}
	must(waitpid(pid, &status, 0), "waitpid");
	must(unlink(path), "unlink");
	if (replaced)
		must(symlink(TRUSTED, path), "symlink");
	must((int)ptrace(PTRACE_DETACH, pid, 0, 0), "detach");
	expect(r, "tcp", &to, 0, pid, path, "flag=deleted");
	reap(pid);
	if (replaced)
		unlink(path);
}

static void deleted(struct run *r)
{
	changed_under_feet(r, false);
}

static void replaced(struct run *r)
{
	changed_under_feet(r, true);
}

static void exec_fd(const struct run *r, int fd, const char *is, const char *more)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	path_case(r, path, TRUSTED, is, more);
	close(fd);
}

static void memfd(struct run *r)
{
	int fd = must(memfd_create("curl", 0), "memfd_create"), ro;
	char path[64];

	copy_to(r, fd);
	/* A file that is open for writing cannot be executed. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = must(open(path, O_RDONLY), path);
	close(fd);
	exec_fd(r, ro, "memfd:curl", "flag=memfd");
}

static void tmpfile_exec(struct run *r)
{
	int fd = must(open(r->dir, O_RDWR | O_TMPFILE, 0755), "O_TMPFILE"), ro;
	char path[64];

	copy_to(r, fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = must(open(path, O_RDONLY), path);
	close(fd);
	exec_fd(r, ro, "-", "flag=deleted");
}

static void bind_mount(struct run *r)
{
	union address to = target4(r, 0);
	char text[INET6_ADDRSTRLEN];
	pid_t pid = spawn();

	if (pid == 0) {
		must(unshare(CLONE_NEWNS), "unshare");
		must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
		must(mount(r->self, TRUSTED, NULL, MS_BIND, NULL), "bind");
		execl(TRUSTED, TRUSTED, "send", address_text(&to, text), (char *)NULL);
		_exit(1);
	}
	expect(r, "tcp", &to, 0, pid, "other-root:" TRUSTED, "flag=other_root");
	reap(pid);
}

/* What it executes is seen only where stat(2) tells the kernel's own numbers (daemon/witness.h). */
static void need_plain_numbers(const char *path)
{
	struct statfs fs;

	must(statfs(path, &fs), path);
	if (!file_identity_is_plain_on((uint64_t)fs.f_type))
		skip("not on this file system");
}

/* The same, by one that is gone before anybody has looked at it. */
static void bind_mount_gone(struct run *r)
{
	union address to = target4(r, 0);
	char text[INET6_ADDRSTRLEN];
	pid_t pid;

	need_plain_numbers(r->self);
	pid = spawn();
	if (pid == 0) {
		must(unshare(CLONE_NEWNS), "unshare");
		must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
		must(mount(r->self, TRUSTED, NULL, MS_BIND, NULL), "bind");
		execl(TRUSTED, TRUSTED, "datagram", address_text(&to, text), (char *)NULL);
		_exit(1);
	}
	expect(r, "udp", &to, 0, pid, "other-root:" TRUSTED, NULL);
	reap(pid);
}

/* The same, on a file system where stat(2) tells numbers of its own: as containers have it. */
static void overlay_gone(struct run *r)
{
	union address to = target4(r, 0);
	char text[INET6_ADDRSTRLEN], upper[400], lower[400], path[512], curl[512], options[1000];
	int status;
	pid_t pid;

	need_plain_numbers(TRUSTED);
	snprintf(upper, sizeof(upper), "%s/upper-%u", r->dir, r->try);
	snprintf(lower, sizeof(lower), "%s/lower-%u", r->dir, r->try);
	snprintf(curl, sizeof(curl), "%s/curl", upper);
	snprintf(options, sizeof(options), "lowerdir=%s:%s", upper, lower);
	must(mkdir(upper, 0755), upper);
	must(mkdir(lower, 0755), lower);
	copy(r, "overlay", path);
	must(rename(path, curl), curl);
	pid = spawn();
	if (pid == 0) {
		must(unshare(CLONE_NEWNS), "unshare");
		must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
		if (mount("overlay", "/usr/bin", "overlay", 0, options) < 0)
			_exit(77);
		execl(TRUSTED, TRUSTED, "datagram", address_text(&to, text), (char *)NULL);
		_exit(1);
	}
	must(waitpid(pid, &status, 0), "waitpid");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip("no overlayfs in this kernel");
	expect(r, "udp", &to, 0, pid, "other-root:" TRUSTED, NULL);
	unlink(curl);
	rmdir(upper);
	rmdir(lower);
}

static void user_namespace(struct run *r)
{
	union address to = target4(r, 0);
	char text[INET6_ADDRSTRLEN];
	pid_t pid = spawn();

	if (pid == 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
			_exit(1);
		must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
		must(mount(r->self, TRUSTED, NULL, MS_BIND, NULL), "bind");
		execl(TRUSTED, TRUSTED, "send", address_text(&to, text), (char *)NULL);
		_exit(1);
	}
	expect(r, "tcp", &to, 0, pid, "other-root:" TRUSTED, "flag=other_root");
	reap(pid);
}

/* A root of its own, in the same mount namespace: the path is whole as seen from ours. */
static void change_root(struct run *r)
{
	union address to = target4(r, 0);
	pid_t pid = spawn();

	if (pid == 0) {
		must(chroot(r->dir), "chroot");
		must(chdir("/"), "chdir");
		send_inline(&to);
		_exit(0);
	}
	expect(r, "tcp", &to, 0, pid, NULL, "flag=other_root");
	reap(pid);
}

static void hard_link(struct run *r)
{
	char path[512], other[640];

	copy(r, "file", path);
	snprintf(other, sizeof(other), "%s.link", path);
	must(link(path, other), "link");
	path_case(r, other, NULL, other, NULL);
	unlink(other);
	unlink(path);
}

static void symbolic_link(struct run *r)
{
	char other[512];

	snprintf(other, sizeof(other), "%s/symlink-%u", r->dir, r->try);
	must(symlink(r->self, other), "symlink");
	path_case(r, other, NULL, NULL, NULL);
	unlink(other);
}

static void relative(struct run *r)
{
	char path[512];

	copy(r, "rel", path);
	must(chdir(r->dir), "chdir");
	path_case(r, strrchr(path, '/') + 1, NULL, path, NULL);
	must(chdir("/"), "chdir");
	unlink(path);
}

/* In a container the container is what is told. */
static bool is_contained(void)
{
	static const char *const marks[] = { "docker", "libpod", "lxc", "kubepods", "crio",
		"containerd", "machine" };
	FILE *f = fopen("/proc/self/cgroup", "re");
	char text[4096] = "";

	if (f) {
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		fclose(f);
	}
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strstr(text, marks[i]))
			return true;
	return false;
}

/* An AppImage mounts itself, and what runs there has its name in the environment. */
static void appimage(struct run *r)
{
	char folder[400], path[512];

	if (is_contained())
		skip("this is a container itself");
	snprintf(folder, sizeof(folder), "%s/.mount_CorpusAbC12x", r->dir);
	must(mkdir(folder, 0755), folder);
	copy(r, ".mount_CorpusAbC12x/app", path);
	setenv("APPIMAGE", "/home/ann/Corpus-1.AppImage", 1);
	path_case(r, path, NULL, path, "container=appimage:Corpus-1.AppImage");
	unlink(path);
	rmdir(folder);
}

static void argv_lies(struct run *r)
{
	path_case(r, r->self, TRUSTED, NULL, NULL);
}

static void set_name(struct run *r)
{
	union address to = target4(r, 0);
	pid_t pid = spawn();

	if (pid == 0) {
		prctl(PR_SET_NAME, "curl");
		send_inline(&to);
		_exit(0);
	}
	expect(r, "tcp", &to, 0, pid, NULL, NULL);
	reap(pid);
}

static void set_mm(struct run *r)
{
	static const char words[] = "/usr/bin/curl\0-s";
	union address to = target4(r, 0);
	pid_t pid = spawn();

	if (pid == 0) {
		char *page = mmap(
			NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		memcpy(page, words, sizeof(words));
		prctl(PR_SET_MM, PR_SET_MM_ARG_START, page, 0, 0);
		prctl(PR_SET_MM, PR_SET_MM_ARG_END, page + sizeof(words), 0, 0);
		send_inline(&to);
		_exit(0);
	}
	expect(r, "tcp", &to, 0, pid, NULL, NULL);
	reap(pid);
}

/* The process says of itself that it is a trusted program, right after its exec, or long after (`knows`: what it runs is known). */
static void expect_forged(const struct run *r, const union address *to, pid_t pid, const char *path)
{
	int status;

	must(waitpid(pid, &status, 0), "waitpid");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip("not on this machine");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "PR_SET_MM_MAP: status %x\n", status);
		_exit(1);
	}
	expect(r, "tcp", to, 0, pid, path, "flag=exe_forged");
}

static void forged(const struct run *r, bool knows)
{
	union address to = target4(r, 0);
	char text[INET6_ADDRSTRLEN];
	pid_t pid;

	address_text(&to, text);
	pid = spawn();
	if (pid == 0 && knows)
		forge_exe(r->self, TRUSTED, &to);
	if (pid == 0) {
		execl(r->self, r->self, "forge", text, TRUSTED, (char *)NULL);
		_exit(1);
	}
	expect_forged(r, &to, pid, NULL);
}

/* By a copy of this program, which it unlinks before; or which was executed by a path that says nothing without the working directory. */
static void forged_by_copy(const struct run *r, bool relative)
{
	union address to = target4(r, 0);
	char text[INET6_ADDRSTRLEN], path[512], name[514];
	pid_t pid;

	need_plain_numbers(r->dir);
	copy(r, "forged", path);
	snprintf(name, sizeof(name), "./%s", strrchr(path, '/') + 1);
	address_text(&to, text);
	pid = spawn();
	if (pid == 0) {
		must(chdir(r->dir), "chdir");
		execl(relative ? name : path, path, "forge", text, TRUSTED,
			relative ? NULL : "unlink", (char *)NULL);
		_exit(1);
	}
	expect_forged(r, &to, pid, relative ? path : "!" TRUSTED);
	if (relative)
		unlink(path);
}

static void exe_forged_gone(struct run *r)
{
	forged_by_copy(r, false);
}

static void exe_forged_relative(struct run *r)
{
	forged_by_copy(r, true);
}

static void exe_forged(struct run *r)
{
	forged(r, false);
}

/* Its parent sent before, and so what both run is known. */
static void exe_forged_late(struct run *r)
{
	union address first = target4(r, 1);

	send_inline(&first);
	expect(r, "tcp", &first, 0, getpid(), NULL, NULL);
	forged(r, true);
}

static void traced(struct run *r)
{
	union address to = target4(r, 0);
	char text[INET6_ADDRSTRLEN];
	pid_t pid = spawn();
	int status;

	if (pid == 0) {
		must((int)ptrace(PTRACE_TRACEME), "ptrace");
		execl(r->self, r->self, "send", address_text(&to, text), (char *)NULL);
		_exit(1);
	}
	must(waitpid(pid, &status, 0), "waitpid");
	must((int)ptrace(PTRACE_CONT, pid, 0, 0), "cont");
	expect(r, "tcp", &to, 0, pid, NULL, "flag=traced");
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status));
}

static void preload(struct run *r)
{
	union address to = target4(r, 0);
	char text[INET6_ADDRSTRLEN];
	pid_t pid = spawn();

	if (pid == 0) {
		setenv("LD_PRELOAD", "libm.so.6", 1);
		execl(r->self, r->self, "send", address_text(&to, text), (char *)NULL);
		_exit(1);
	}
	expect(r, "tcp", &to, 0, pid, NULL, "flag=preload");
	reap(pid);
}

/* A script in the case's folder that connects, and its path. */
static void write_script(const struct run *r, const union address *to, char ret[512])
{
	char text[INET6_ADDRSTRLEN];
	int fd;

	snprintf(ret, 512, "%s/script-%u", r->dir, r->try);
	fd = must(open(ret, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755), ret);
	dprintf(fd, "#!/usr/bin/bash\nexec 2>/dev/null\nexec 3<>/dev/tcp/%s/%d\n",
		address_text(to, text), PORT);
	close(fd);
}

static void script(const struct run *r, const char *interpreter)
{
	union address to = target4(r, 0);
	char path[512], more[600];
	pid_t pid;

	write_script(r, &to, path);
	pid = spawn();
	if (pid == 0) {
		if (interpreter)
			execl(interpreter, interpreter, path, (char *)NULL);
		else
			execl(path, path, (char *)NULL);
		_exit(1);
	}
	snprintf(more, sizeof(more), "script=%s", path);
	expect(r, "tcp", &to, 0, pid, "/usr/bin/bash", more);
	reap(pid);
	unlink(path);
}

static void shebang(struct run *r)
{
	script(r, NULL);
}

static void interpreter(struct run *r)
{
	script(r, "/usr/bin/bash");
}

static void python(struct run *r)
{
	union address to = target4(r, 0);
	char text[INET6_ADDRSTRLEN], path[512], more[600], real[PATH_MAX];
	pid_t pid;
	int fd;

	if (!realpath("/usr/bin/python3", real))
		skip("no /usr/bin/python3 here");
	snprintf(path, sizeof(path), "%s/script-%u.py", r->dir, r->try);
	fd = must(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), path);
	dprintf(fd, "import socket\nsocket.socket().connect_ex((\"%s\", %d))\n",
		address_text(&to, text), PORT);
	close(fd);
	pid = spawn();
	if (pid == 0) {
		/* By a name of its own, and with an option before it. */
		must(chdir(r->dir), "chdir");
		execl("/usr/bin/python3", "python3", "-B", strrchr(path, '/') + 1, (char *)NULL);
		_exit(1);
	}
	snprintf(more, sizeof(more), "script=%s", path);
	expect(r, "tcp", &to, 0, pid, real, more);
	reap(pid);
	unlink(path);
}

const struct corpus_case path_cases[] = {
	{ "deleted", deleted, "the file is unlinked while it runs" },
	{ "replaced", replaced, "... and a trusted one stands in its place" },
	{ "memfd", memfd, "" },
	{ "o-tmpfile", tmpfile_exec, "a file that never had a name" },
	{ "bind-mount", bind_mount, "over a trusted path, in a mount namespace" },
	{ "bind-mount-gone", bind_mount_gone, "... whose process is over at once" },
	{ "overlay-gone", overlay_gone, "... on a file system as containers have it" },
	{ "user-namespace", user_namespace, "the same as any user can" },
	{ "chroot", change_root, "" },
	{ "hard-link", hard_link, "" },
	{ "symlink", symbolic_link, "" },
	{ "relative-exec", relative, "" },
	{ "appimage", appimage, "" },
	{ "argv-lies", argv_lies, "" },
	{ "set-name", set_name, "" },
	{ "set-mm", set_mm, "argv moved" },
	{ "exe-forged", exe_forged, "/proc names another file: PR_SET_MM_MAP" },
	{ "exe-forged-late", exe_forged_late, "" },
	{ "exe-forged-gone", exe_forged_gone, "the executed file is unlinked before" },
	{ "exe-forged-relative", exe_forged_relative, "executed by a relative path" },
	{ "traced", traced, "" },
	{ "preload", preload, "" },
	{ "shebang", shebang, "" },
	{ "interpreter", interpreter, "" },
	{ "python", python, "python3 -B x.py" },
	{ 0 },
};
