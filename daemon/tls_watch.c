/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Certificate and key: opened, sent, looked at again. */
#include "config.h"

#include "daemon/tls_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/cleanup.h"

void tls_watch_init(struct tls_watch *w, const struct ipc_config *config)
{
	memset(w, 0, sizeof(*w));
	if (!config->tls_certificate[0])
		return;
	w->paths[IPC_TLS_CERTIFICATE] = config->tls_certificate;
	w->paths[IPC_TLS_KEY] = config->tls_key;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Whether anything is not as it was seen last; from now on it was seen so. */
static bool see(struct tls_watch *w)
{
	bool changed = false;

	for (unsigned i = 0; i < IPC_TLS_COUNT_; i++) {
		struct stat now;

		if (stat(w->paths[i], &now) < 0)
			memset(&now, 0, sizeof(now));
		changed = changed || !is_same(&now, &w->seen[i]);
		w->seen[i] = now;
	}
	return changed;
}

static int send_file(const char *path, enum ipc_tls_part part, int channel)
{
	/* Not blocking: a path may name anything, a FIFO as well. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int errnum = fd < 0 ? errno : 0;
	struct ipc_builder b;
	struct ipc_tls_file *m = ipc_begin(&b, IPC_TLS_FILE);

	m->part = part;
	m->errnum = errnum;
	ipc_end(&b);
	return ipc_send(channel, b.buf, b.len, fd);
}

int tls_watch_send(struct tls_watch *w, int channel)
{
	int r = 0;

	if (!w->paths[0])
		return 0;
	/* Before they are opened: what changes meanwhile is then seen as a change. */
	see(w);
	for (enum ipc_tls_part part = 0; part < IPC_TLS_COUNT_ && r == 0; part++)
		r = send_file(w->paths[part], part, channel);
	w->is_due = r < 0;
	return r;
}

bool tls_watch_look(struct tls_watch *w)
{
	if (!w->paths[0])
		return false;
	if (see(w)) {
		w->is_due = true;
		return false;
	}
	return w->is_due;
}
