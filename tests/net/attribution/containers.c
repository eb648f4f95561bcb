/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes in real cgroups and namespaces, as managers of containers make them. */
#include "config.h"

#include "tests/net/attribution/corpus.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ID "4f5e6d7c8b9a0123456789abcdef0123456789abcdef0123456789abcdef"

/* Where the unified hierarchy is mounted; NULL: nowhere. */
static const char *unified(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char path[64];

	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/cgroup.procs", places[i]);
		if (access(path, W_OK) == 0)
			return places[i];
	}
	return NULL;
}

static void enter(const char *cgroup)
{
	char path[400];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = must(open(path, O_WRONLY | O_CLOEXEC), path);
	must((int)write(fd, "0", 1), path);
	close(fd);
}

/* A sender in a cgroup of this name, which is made for it. `%u` in the name is the try. */
static void in_cgroup(const struct run *r, const char *name, const char *more)
{
	union address to = target4(r, 0);
	const char *root = unified();
	char top[128], cgroup[320], text[INET6_ADDRSTRLEN];
	pid_t pid;

	if (!root)
		skip("no cgroups of version 2 here");
	snprintf(top, sizeof(top), "%s/corpus-%d", root, getpid());
	snprintf(cgroup, sizeof(cgroup), "%s/%s", top, name);
	if (mkdir(top, 0755) < 0)
		skip("no cgroup can be made");
	must(mkdir(cgroup, 0755), cgroup);
	address_text(&to, text);
	pid = spawn();
	if (pid == 0) {
		enter(cgroup);
		execl(r->self, r->self, "send", text, (char *)NULL);
		_exit(1);
	}
	expect(r, "tcp", &to, 0, pid, NULL, more);
	reap(pid);
	must(rmdir(cgroup), cgroup);
	must(rmdir(top), top);
}

static void docker(struct run *r)
{
	in_cgroup(r, "docker-" ID "0123.scope",
		"container=docker:4f5e6d7c8b9a unit=docker-" ID "0123.scope");
}

static void podman(struct run *r)
{
	in_cgroup(r, "libpod-" ID "0123.scope", "container=podman:4f5e6d7c8b9a");
}

static void flatpak(struct run *r)
{
	in_cgroup(r, "app-flatpak-org.example.App-77.scope", "container=flatpak:org.example.App");
}

static void snap(struct run *r)
{
	in_cgroup(r, "snap.hello.hello-0.scope", "container=snap:hello");
}

static void unit(struct run *r)
{
	in_cgroup(r, "corpus@1.service", "unit=corpus@1.service");
}

static pid_t clone_into(unsigned long flags)
{
	fflush(NULL);
	return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
}

static void sender_in(const struct run *r, unsigned long flags)
{
	union address to = target4(r, 0);
	char text[INET6_ADDRSTRLEN];
	pid_t pid;

	address_text(&to, text);
	pid = clone_into(flags);
	if (pid == 0) {
		execl(r->self, r->self, "send", text, (char *)NULL);
		_exit(1);
	}
	if (pid < 0)
		skip("no such namespaces here");
	expect(r, "tcp", &to, 0, pid, NULL, NULL);
	reap(pid);
}

/* For itself it is number 1. */
static void pid_namespace(struct run *r)
{
	sender_in(r, CLONE_NEWPID);
}

static void user_and_pid_namespace(struct run *r)
{
	sender_in(r, CLONE_NEWUSER | CLONE_NEWPID);
}

/* A root file system of its own, as a container has: the path is that in it. */
static void whole_container(struct run *r)
{
	union address to = target4(r, 0);
	char text[INET6_ADDRSTRLEN], root[400], inside[512];
	pid_t pid;

	snprintf(root, sizeof(root), "%s/root-%u", r->dir, r->try);
	snprintf(inside, sizeof(inside), "%s/app", root);
	must(mkdir(root, 0755), root);
	address_text(&to, text);
	pid = clone_into(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS);
	if (pid == 0) {
		must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
		must(mount("corpus", root, "tmpfs", 0, NULL), "tmpfs");
		must(mkdir(inside, 0755), inside);
		must(mount("/", inside, NULL, MS_BIND | MS_REC, NULL), "bind");
		must(chdir(inside), inside);
		must((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
		must(umount2(".", MNT_DETACH), "umount");
		must(chdir("/"), "chdir");
		must(mount(r->self, "/usr/bin/curl", NULL, MS_BIND, NULL), "bind");
		execl("/usr/bin/curl", "curl", "send", text, (char *)NULL);
		_exit(1);
	}
	must(pid, "clone");
	expect(r, "tcp", &to, 0, pid, "other-root:/usr/bin/curl", "flag=other_root");
	reap(pid);
	rmdir(root);
}

const struct corpus_case container_cases[] = {
	{ "cgroup-docker", docker, "" },
	{ "cgroup-podman", podman, "" },
	{ "cgroup-flatpak", flatpak, "" },
	{ "cgroup-snap", snap, "" },
	{ "cgroup-unit", unit, "" },
	{ "pid-namespace", pid_namespace, "the host's PID is told" },
	{ "user-pid-namespace", user_and_pid_namespace, "the same as any user can" },
	{ "whole-container", whole_container, "a root of its own" },
	{ 0 },
};
