/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The facade: which tables, in which order, under which lock, and how often to look. */
#include "config.h"

#include "daemon/firewall.h"

#include <errno.h>
#include <fcntl.h>
#include <libiptc/libip6tc.h>
#include <libiptc/libiptc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "daemon/firewall_table.h"
#include "lib/cleanup.h"
#include "lib/clock.h"

#define LOCK_FILE "/run/xtables.lock"
#define LOCK_WAIT_MS 5000
#define LOCK_WAIT_RUNNING_MS 100
#define LOCK_RETRY_MS 5
#define FULL_CHECK_EVERY 10
#define N_TABLES 4

/* One table of one family, and what the kernel said of it when it was last known to be right. */
struct guarded_table {
	struct fw_table table;
	struct ipt_getinfo known; /* struct ip6t_getinfo is the same */
	bool is_known;
};

struct firewall {
	/* In the order of installing: the reject rules stand before anything is queued. */
	struct guarded_table tables[N_TABLES];
	int info_fd[2]; /* raw sockets to ask with: IPv4, IPv6 */
	bool is_installed;
	unsigned n_checks;
};

int firewall_new(const struct firewall_config *config, struct firewall **ret)
{
	struct firewall *fw = calloc(1, sizeof(*fw));

	if (!fw)
		return ERR_NOMEM;
	fw_build_filter(&fw->tables[0].table, &fw_layout_v4, config);
	fw_build_filter(&fw->tables[1].table, &fw_layout_v6, config);
	fw_build_mangle(&fw->tables[2].table, &fw_layout_v4, config);
	fw_build_mangle(&fw->tables[3].table, &fw_layout_v6, config);
	fw->info_fd[0] = -1;
	fw->info_fd[1] = -1;
	*ret = fw;
	return 0;
}

void firewall_free(struct firewall *fw)
{
	if (!fw)
		return;
	cleanup_close(&fw->info_fd[0]);
	cleanup_close(&fw->info_fd[1]);
	free(fw);
}

/* ---- the lock that iptables-legacy and others of its kind share */

static int take_lock(int fd, uint64_t wait_ms)
{
	uint64_t deadline = clock_mono_ns() + wait_ms * 1000000;
	struct timespec pause = { .tv_nsec = LOCK_RETRY_MS * 1000000L };

	/* flock(2) knows no deadline; and an alarm would be a signal in somebody else's loop. */
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return errno;
		if (clock_mono_ns() >= deadline)
			return EWOULDBLOCK;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* The locked descriptor; closing it unlocks. Or a negative code with `err`. */
static int lock_tables(uint64_t wait_ms, struct error *err)
{
	const char *path = getenv("XTABLES_LOCKFILE");
	_cleanup_close_ int fd = -1;
	int e;

	if (!path || !*path)
		path = LOCK_FILE;
	fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, err_from_errno(errno), NULL,
			"cannot open the lock of iptables, %s: %s", path, strerror(errno));
	e = take_lock(fd, wait_ms);
	if (e == EWOULDBLOCK)
		return error_set(err, ERR_BUSY, NULL,
			"another program holds the lock of iptables, %s", path);
	if (e)
		return error_set(
			err, err_from_errno(e), NULL, "cannot lock %s: %s", path, strerror(e));
	return steal_fd(&fd);
}

/* ---- the tables */

/*
 * The socket to ask about tables of this family with, opened when first needed: the network
 * namespace of that moment is the guarded one. ERR_UNSUPPORTED: the kernel does not know this
 * family at all.
 */
static int open_info(struct firewall *fw, const struct fw_layout *layout, struct error *err)
{
	int *fd = &fw->info_fd[layout->af == AF_INET6];

	if (*fd >= 0)
		return 0;
	*fd = socket(layout->af, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (*fd >= 0)
		return 0;
	if (errno == EPERM || errno == EACCES)
		return error_set(err, ERR_PERMISSION, NULL,
			"netfilter rules need root (CAP_NET_ADMIN and CAP_NET_RAW)");
	return error_set(err, err_from_errno(errno), NULL, "cannot open a raw %s socket: %s",
		layout->name, strerror(errno));
}

/*
 * Whether there is anything to guard: a kernel booted without IPv6 has no tables and no traffic of
 * it.
 */
static int has_family(
	struct firewall *fw, const struct fw_layout *layout, bool *ret, struct error *err)
{
	int r = open_info(fw, layout, err);

	*ret = r == 0;
	return r == ERR_UNSUPPORTED && layout->af == AF_INET6 ? 0 : r;
}

static int sync_tables(struct firewall *fw, bool want, struct error *err)
{
	for (int i = 0; i < N_TABLES; i++) {
		struct guarded_table *g = &fw->tables[want ? i : N_TABLES - 1 - i];
		bool there;
		int r = has_family(fw, g->table.layout, &there, err);

		if (r == 0 && there)
			r = fw_table_sync(&g->table, want, err);
		if (r < 0)
			return r;
		g->is_known = false;
	}
	return 0;
}

int firewall_install(struct firewall *fw, struct error *err)
{
	_cleanup_close_ int lock =
		lock_tables(fw->is_installed ? LOCK_WAIT_RUNNING_MS : LOCK_WAIT_MS, err);
	int r = lock < 0 ? lock : sync_tables(fw, true, err);

	if (r == 0)
		fw->is_installed = true;
	return r;
}

int firewall_remove(struct firewall *fw, struct error *err)
{
	_cleanup_close_ int lock = lock_tables(LOCK_WAIT_MS, err);

	return lock < 0 ? lock : sync_tables(fw, false, err);
}

static int get_info(struct firewall *fw, const struct fw_table *t, struct ipt_getinfo *ret)
{
	bool six = t->layout->af == AF_INET6;
	socklen_t len = sizeof(*ret);

	_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "same fields");
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->name, t->name, strlen(t->name));
	return getsockopt(fw->info_fd[six], six ? IPPROTO_IPV6 : IPPROTO_IP,
		six ? IP6T_SO_GET_INFO : IPT_SO_GET_INFO, ret, &len);
}

static int verify_table(struct firewall *fw, struct guarded_table *g, bool full, struct error *err)
{
	enum fw_table_state state = FW_TABLE_GOOD;
	struct ipt_getinfo info;
	const char *what = "";
	bool have_info, there;
	int r = has_family(fw, g->table.layout, &there, err);

	if (r < 0 || !there)
		return r;
	have_info = get_info(fw, &g->table, &info) == 0;
	if (!full && g->is_known && have_info && memcmp(&info, &g->known, sizeof(info)) == 0)
		return 0;
	g->is_known = false;
	r = fw_table_check(&g->table, &state, &what, err);
	if (r < 0)
		return r;
	if (state == FW_TABLE_WRONG)
		return error_set(err, ERR_NOT_FOUND, NULL, "%s table %s: %s", g->table.layout->name,
			g->table.name, what);
	/* Asked before it was read: a change in between shows the next time. */
	g->known = info;
	g->is_known = have_info;
	return 0;
}

int firewall_verify(struct firewall *fw, struct error *err)
{
	bool full = fw->n_checks++ % FULL_CHECK_EVERY == 0;

	for (int i = 0; i < N_TABLES; i++) {
		int r = verify_table(fw, &fw->tables[i], full, err);

		if (r < 0)
			return r;
	}
	return 0;
}
