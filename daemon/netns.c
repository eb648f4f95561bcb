/* SPDX-License-Identifier: GPL-2.0-or-later */
/* setns(2) by name or path. */
#include "config.h"

#include "daemon/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"

int netns_enter(const char *name, int *ret_home, struct error *err)
{
	_cleanup_close_ int there = -1, home = -1;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", strchr(name, '/') ? "" : "/run/netns/", name);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0)
		return error_set(err, err_from_errno(errno), NULL,
			"no network namespace %s: %s; see ip netns list", path, strerror(errno));
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0 || setns(there, CLONE_NEWNET) < 0)
		return error_set(err, err_from_errno(errno), NULL, "cannot enter %s: %s", path,
			strerror(errno));
	*ret_home = steal_fd(&home);
	return 0;
}
