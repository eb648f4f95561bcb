/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of certificate and key: opened with the engine's rights, for consoles that have none, and looked at for changes.
 *
 * The engine does not read them: what they hold is the console's to judge.
 */
#ifndef DAEMON_TLS_WATCH_H
#define DAEMON_TLS_WATCH_H

#include <stdbool.h>
#include <sys/stat.h>

#include "daemon/ipc.h"

struct tls_watch {
	const char *paths[IPC_TLS_COUNT_]; /* borrowed; NULL: there is no TLS */
	struct stat seen[IPC_TLS_COUNT_]; /* zeroed: not there */
	bool is_due; /* a change was seen: to be told once no other follows */
};

/* Borrows the paths in `config`. */
void tls_watch_init(struct tls_watch *w, const struct ipc_config *config);

/*
 * Sends both files over a console's channel as IPC_TLS_FILE. 0 (also without TLS), or a code of ipc_send(): then it is due again.
 */
int tls_watch_send(struct tls_watch *w, int channel);

/*
 * Looks at both files. True when one changed and none did since the last look: renewal writes one after the other, and only together
 * do they fit.
 */
bool tls_watch_look(struct tls_watch *w);

#endif
