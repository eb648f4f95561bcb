/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Privileges: uid, gid, capabilities, limits. */
#include "config.h"

#include "api/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/syscalls.h"

static int failed(struct error *err, const char *what)
{
	return error_set(err, ERR_PERMISSION, NULL, "%s failed: %s", what, strerror(errno));
}

/* From the file itself: NSS could ask the network, which this very daemon may be holding. */
static bool find_user(const char *user, uid_t *ret_uid, gid_t *ret_gid)
{
	_cleanup_fclose_ FILE *f = fopen("/etc/passwd", "re");
	const struct passwd *pw = NULL;

	while (f && (pw = fgetpwent(f)))
		if (strcmp(pw->pw_name, user) == 0)
			break;
	if (!pw)
		return false;
	*ret_uid = pw->pw_uid;
	*ret_gid = pw->pw_gid;
	return true;
}

static int64_t find_group(const char *name)
{
	_cleanup_fclose_ FILE *f = fopen("/etc/group", "re");
	const struct group *gr = NULL;

	while (f && (gr = fgetgrent(f)))
		if (strcmp(gr->gr_name, name) == 0)
			break;
	return gr ? (int64_t)gr->gr_gid : -1;
}

/* The bounding and ambient sets while we still may; the others go with the uid, and are emptied all the same. */
static int drop_bounding_set(struct error *err)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return failed(err, "dropping a capability");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return failed(err, "clearing ambient capabilities");
	if (prctl(PR_SET_SECUREBITS,
		    SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
			    SECBIT_KEEP_CAPS_LOCKED,
		    0, 0, 0) < 0)
		return failed(err, "setting securebits");
	return 0;
}

static int clear_capabilities(struct error *err)
{
	cap_t none = cap_init();
	int r = none ? cap_set_proc(none) : -1;

	if (none)
		cap_free(none);
	return r < 0 ? failed(err, "clearing capabilities") : 0;
}

static int become(uid_t uid, gid_t gid, struct error *err)
{
	if (uid == 0 || gid == 0)
		return error_set(err, ERR_PERMISSION, NULL, "the console's user must not be root");
	if (setgroups(0, NULL) < 0)
		return failed(err, "setgroups");
	if (setresgid(gid, gid, gid) < 0)
		return failed(err, "setresgid");
	if (setresuid(uid, uid, uid) < 0)
		return failed(err, "setresuid");
	if (setresuid(0, 0, 0) == 0)
		return error_set(err, ERR_PERMISSION, NULL, "root came back after setresuid");
	return 0;
}

/* Far above what the limits of lib/limits.h add up to; a leak ends here and not in everybody's memory. */
#define DATA_MAX (UINT64_C(1) << 30)

static int set_limits(unsigned n_processes, struct error *err)
{
	struct rlimit files, none = { 0, 0 }, processes = { n_processes, n_processes },
			     data = { DATA_MAX, DATA_MAX };

	/* One descriptor a connection, as many as the hard limit lets us have. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < 4096) {
		files.rlim_cur = files.rlim_max < 4096 ? files.rlim_max : 4096;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_NPROC, &processes) < 0 ||
		setrlimit(RLIMIT_MSGQUEUE, &none) < 0)
		return failed(err, "setrlimit");
	if (!SYSCALLS_UNDER_ASAN && setrlimit(RLIMIT_DATA, &data) < 0)
		return failed(err, "setrlimit");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return failed(err, "prctl");
	return 0;
}

int sandbox_drop(const char *user, unsigned n_processes, int64_t *ret_group, struct error *err)
{
	bool is_root = geteuid() == 0;
	struct sched_param normal = { 0 };
	uid_t uid;
	gid_t gid;
	int r = 0;

	*ret_group = find_group(user);
	if (is_root) {
		if (!find_user(user, &uid, &gid))
			return error_set(err, ERR_NOT_FOUND, NULL,
				"user '%s' does not exist: create it with useradd --system %s",
				user, user);
		r = drop_bounding_set(err);
		if (r == 0)
			r = become(uid, gid, err);
	}
	if (r == 0)
		r = clear_capabilities(err);
	if (r == 0)
		r = set_limits(n_processes, err);
	/* Never in the engine's way: a batch task does not preempt the one that holds packets. */
	(void)sched_setscheduler(0, SCHED_BATCH, &normal);
	return r;
}
