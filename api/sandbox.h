/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the console gives up before it parses anything.
 *
 * Started as root it becomes the console's user for good; started as anybody else it stays who it is. Either way it then has
 * no capability, can gain none, cannot be traced or dumped, and a seccomp allow-list stands: a system call that is not on
 * it fails with EPERM (so that a library's odd probing costs a feature, not the process), and those that
 * only an intruder wants (execve, ptrace, mount, module loading, other processes' memory ...) kill the process at once.
 * Memory that was writable never becomes executable.
 */
#ifndef API_SANDBOX_H
#define API_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

/*
 * Drops to `user` (looked up in /etc/passwd and /etc/group, and nowhere else) with its group of the same name, which may then have
 * `n_processes` (RLIMIT_NPROC, threads included; 0: it makes none). *ret_group is that group (-1: it does not exist). 0;
 * ERR_NOT_FOUND (root, but no such user), ERR_PERMISSION, with `err`.
 */
int sandbox_drop(const char *user, unsigned n_processes, int64_t *ret_group, struct error *err);

/* Closes the sandbox: seccomp. 0 or a negative code with `err`. */
int sandbox_close(struct error *err);

/*
 * The same for the process that starts fetchers (api/fetcher.h): processes, and no program but the one that is open at descriptor
 * `program`; what that one needs to load itself stays allowed as well.
 */
int sandbox_close_launcher(int program, struct error *err);

/* And for a fetcher once it is loaded: sockets to the world and threads, but no more processes, programs or code. */
int sandbox_close_fetcher(struct error *err);

/*
 * For the process that exports decisions (api/exporter.h): as a fetcher, and it may start and end processes of its own and reach Unix
 * sockets. Then, in each of these, sandbox_close_worker(): threads, but no more processes.
 */
int sandbox_close_exporter(struct error *err);
int sandbox_close_worker(struct error *err);

#define SANDBOX_PATHS_MAX 8

/* What the console needs beyond reading list files. All borrowed. */
struct sandbox_places {
	const int *folders; /* descriptors (O_PATH will do): everything beneath may be changed */
	unsigned n_folders;
	const char *paths[SANDBOX_PATHS_MAX]; /* files or folders that may be changed */
	unsigned n_paths;
	const char *readable
		[SANDBOX_PATHS_MAX]; /* files or folders that may be read, though they lie in what is closed */
	unsigned n_readable;
	const int *programs; /* descriptors of files that may be executed */
	unsigned n_programs;
	uint16_t ports[SANDBOX_PATHS_MAX]; /* TCP ports that may be connected to */
	unsigned n_ports;
	bool any_port; /* all of them may */
	bool any_folder; /* all may be listed, as who confines itself again does */
};

/*
 * Landlock, once the config has said what places there are: nothing outside them can be changed, nothing under /proc (but our
 * own), /sys, /dev, /run, /boot and /root can be read, no TCP port can be bound or connected to, and no process outside be sent
 * a signal. A kernel without Landlock (before Linux 5.13) is told in the log, and file permissions remain. 0 or a code with
 * `err`.
 */
int sandbox_confine(const struct sandbox_places *places, struct error *err);

/* Writes to `ret` where the resolver's settings may lie, in what is closed otherwise; how many. */
unsigned sandbox_resolver_files(const char *ret[static 4]);

#endif
