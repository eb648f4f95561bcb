/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's folders: made when missing, with the right owner, and tidied up at the end. */
#ifndef DAEMON_FOLDERS_H
#define DAEMON_FOLDERS_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/err.h"

struct folders {
	uid_t console_uid;
	gid_t console_gid;
	const char *runtime_path; /* borrowed from the options */
	bool runtime_made; /* by us: removed at the end */
	int runtime_fd;
	int state_fd; /* O_PATH */
	int rules_fd;
	int token_fd; /* the token file, read-only */
	int pid_fd; /* the pid file, locked as long as we live */
};

/*
 * Opens or makes all of them, writes the pid file and a fresh token (0640 root:opensnitch). The state and rules folders belong
 * to the console's user. 0, or a code with `err` in one line: ERR_BUSY when another daemon uses the runtime folder,
 * ERR_NOT_FOUND when the console's user does not exist. `folders` may be given to folders_close() in any case.
 */
int folders_open(struct folders *folders, const char *runtime_dir, const char *state_dir,
	const char *rules_dir, struct error *err);

/* Removes token, pid file, api.sock and, when we made it, the runtime folder; closes. */
void folders_close(struct folders *folders);

#endif
