/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which files the console may open at all: Landlock, landlock(7). */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "api/sandbox.h"
#include "lib/cleanup.h"
#include "lib/log.h"

/* From include/uapi/linux/landlock.h of Linux 6.12; the headers of the build machine may be older. */
struct ruleset_attr {
	uint64_t fs;
	uint64_t net; /* ABI 4 */
	uint64_t scoped; /* ABI 6 */
};

struct port_attr {
	uint64_t allowed;
	uint64_t port;
};

#define FS_REFER (UINT64_C(1) << 13) /* ABI 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14) /* ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define NET_BIND_TCP (UINT64_C(1) << 0)
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)
#define RULE_NET_PORT 2

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* Of regular files and folders; devices, sockets, pipes and programs are nobody's to make. */
#define FS_WRITE                                                                                   \
	(FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |                \
		LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                      \
		LANDLOCK_ACCESS_FS_MAKE_DIR | FS_REFER | FS_TRUNCATE)
#define FS_ALL_ABI1 ((UINT64_C(1) << 13) - 1)

/*
 * Folders whose files a rule's list may not lie in: what they hold speaks of other processes, of devices and of the
 * running system, or is root's own.
 */
static const char *const closed[] = { "proc", "sys", "dev", "run", "boot", "root" };

static const char *const resolver_files[] = { "/run/systemd/resolve", "/run/resolvconf",
	"/run/NetworkManager", "/run/connman" };

unsigned sandbox_resolver_files(const char *ret[static 4])
{
	memcpy(ret, resolver_files, sizeof(resolver_files));
	return array_len(resolver_files);
}

static uint64_t handled_fs(int abi)
{
	return FS_ALL_ABI1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
	       (abi >= 5 ? FS_IOCTL_DEV : 0);
}

static int create(int abi, bool any_port)
{
	struct ruleset_attr attr = { .fs = handled_fs(abi) };
	size_t size = sizeof(attr.fs);

	if (abi >= 4) {
		attr.net = NET_BIND_TCP | (any_port ? 0 : NET_CONNECT_TCP);
		size = 2 * sizeof(uint64_t);
	}
	if (abi >= 6) {
		attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
		size = sizeof(attr);
	}
	return (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
}

static int allow_beneath(int ruleset, int abi, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr attr = {
		.allowed_access = access & handled_fs(abi),
		.parent_fd = fd,
	};

	return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr, 0);
}

/* A path that is not there needs no right. Files have no rights of folders. */
static int allow_path(int ruleset, int abi, const char *path, uint64_t access)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	if (!S_ISDIR(st.st_mode))
		access &=
			LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE;
	return allow_beneath(ruleset, abi, fd, access);
}

static bool is_closed(const char *name)
{
	for (size_t i = 0; i < array_len(closed); i++)
		if (strcmp(name, closed[i]) == 0)
			return true;
	return name[0] == '.';
}

/* Reading: list files of rules may lie anywhere but in `closed`. */
static int allow_reading(int ruleset, int abi)
{
	DIR *root = opendir("/");
	const struct dirent *entry;
	int r = 0;

	while (root && r == 0 && (entry = readdir(root))) {
		char path[sizeof(entry->d_name) + 2] = "/";

		if (!is_closed(entry->d_name))
			r = allow_path(ruleset, abi, strcat(path, entry->d_name), FS_READ);
	}
	if (root)
		closedir(root);
	/* One's own memory, and the sources of zero bytes and random ones. */
	if (r == 0)
		r = allow_path(ruleset, abi, "/proc/self", LANDLOCK_ACCESS_FS_READ_FILE);
	if (r == 0)
		r = allow_path(ruleset, abi, "/dev/null",
			LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
	if (r == 0)
		r = allow_path(ruleset, abi, "/dev/urandom", LANDLOCK_ACCESS_FS_READ_FILE);
	return r;
}

static int find_interpreter(struct dl_phdr_info *info, size_t size, void *ctx)
{
	const char **ret = ctx;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			*ret = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	return 1; /* the first is this program, and no other is asked for */
}

/* With the loader of libraries that this program was started with: those are of the same build. */
static int allow_programs(int ruleset, int abi, const struct sandbox_places *places)
{
	const uint64_t access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE;
	const char *path = NULL;
	_cleanup_close_ int loader = -1;
	int r;

	dl_iterate_phdr(find_interpreter, &path);
	loader = path ? open(path, O_PATH | O_CLOEXEC) : -1;
	r = loader < 0 ? 0 : allow_beneath(ruleset, abi, loader, access);
	for (unsigned i = 0; i < places->n_programs && r == 0; i++)
		r = allow_beneath(ruleset, abi, places->programs[i], access);
	return r;
}

static int allow_places(int ruleset, int abi, const struct sandbox_places *places)
{
	int r = 0;

	for (unsigned i = 0; i < places->n_folders && r == 0; i++)
		r = allow_beneath(ruleset, abi, places->folders[i], FS_WRITE);
	for (unsigned i = 0; i < places->n_paths && r == 0; i++)
		r = allow_path(ruleset, abi, places->paths[i], FS_WRITE);
	for (unsigned i = 0; i < places->n_readable && r == 0; i++)
		r = allow_path(ruleset, abi, places->readable[i], FS_READ);
	if (places->any_folder && r == 0)
		r = allow_path(ruleset, abi, "/", LANDLOCK_ACCESS_FS_READ_DIR);
	if (r == 0 && places->n_programs)
		r = allow_programs(ruleset, abi, places);
	for (unsigned i = 0; i < places->n_ports && r == 0 && abi >= 4; i++) {
		struct port_attr attr = { NET_CONNECT_TCP, places->ports[i] };

		r = (int)syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &attr, 0);
	}
	return r;
}

int sandbox_confine(const struct sandbox_places *places, struct error *err)
{
	int abi =
		(int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	_cleanup_close_ int ruleset = -1;
	int r = 0;

	if (abi < 1) {
		log_notice("this kernel has no Landlock: file permissions alone say what the "
			   "console may open");
		return 0;
	}
	ruleset = create(abi, places->any_port);
	if (ruleset < 0)
		return error_set(err, ERR_PERMISSION, NULL, "Landlock cannot be set up: %s",
			strerror(errno));
	r = allow_reading(ruleset, abi);
	if (r == 0)
		r = allow_places(ruleset, abi, places);
	if (r == 0)
		r = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	if (r < 0)
		return error_set(err, ERR_PERMISSION, NULL, "Landlock cannot be set up: %s",
			strerror(errno));
	return 0;
}
