/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capabilities by libcap. */
#include "config.h"

#include "daemon/privileges.h"

#include <errno.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "lib/cleanup.h"

static const cap_value_t kept[] = {
	CAP_NET_ADMIN, /* NFQUEUE, netfilter rules, sock_diag and SOCK_DESTROY, conntrack marks */
	CAP_NET_RAW, /* libiptc's raw socket */
	CAP_SYS_PTRACE, /* /proc/PID/{exe,cwd,fd,environ} of every user */
	CAP_DAC_READ_SEARCH, /* the same, and executables to hash, where modes forbid it */
	CAP_SETUID, /* the console gives up root by these three */
	CAP_SETGID, CAP_SETPCAP, CAP_KILL, /* a stuck console, which runs as another user */
	CAP_SYS_ADMIN, /* with --netns only: consoles are started in the namespace outside */
};

int privileges_check(struct error *err)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t net = CAP_CLEAR, ptrace = CAP_CLEAR;

	if (caps) {
		cap_get_flag(caps, CAP_NET_ADMIN, CAP_EFFECTIVE, &net);
		cap_get_flag(caps, CAP_SYS_PTRACE, CAP_EFFECTIVE, &ptrace);
		cap_free(caps);
	}
	if (net == CAP_SET && ptrace == CAP_SET)
		return 0;
	return error_set(err, ERR_PERMISSION, NULL,
		"a firewall needs root: start it with sudo, or by its systemd unit");
}

static bool is_kept(cap_value_t cap, int n_kept)
{
	for (int i = 0; i < n_kept; i++)
		if (kept[i] == cap)
			return true;
	return false;
}

int privileges_drop(bool keep_setns, struct error *err)
{
	int n = (int)array_len(kept) - (keep_setns ? 0 : 1);
	cap_t caps = cap_init();
	int r = -1;

	for (cap_value_t cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!is_kept(cap, n) && cap_get_bound(cap) > 0)
			cap_drop_bound(cap);
	if (caps && cap_set_flag(caps, CAP_PERMITTED, n, kept, CAP_SET) == 0 &&
		cap_set_flag(caps, CAP_EFFECTIVE, n, kept, CAP_SET) == 0)
		r = cap_set_proc(caps);
	if (caps)
		cap_free(caps);
	if (r == 0)
		r = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (r == 0)
		r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (r < 0)
		return error_set(err, err_from_errno(errno), NULL, "cannot drop capabilities: %s",
			strerror(errno));
	return 0;
}
