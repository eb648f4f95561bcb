/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Digests of executables for rules that ask for them. Files are read on a helper thread that is started with the first question
 * and owns no state but its work; results are kept by device, inode, size, mtime and ctime. A file that changes
 * while it is read has no digest. The digest is of the very file that the process was seen to execute, whatever
 * stands at its path now.
 */
#ifndef DAEMON_DIGESTER_H
#define DAEMON_DIGESTER_H

#include "daemon/process.h"
#include "lib/err.h"
#include "lib/subject.h"

struct digester;

enum digester_answer {
	DIGESTER_KNOWN,
	DIGESTER_PENDING, /* being read: ask again when the descriptor was readable */
	DIGESTER_NEVER, /* cannot be read, too large, or too much is asked at once */
};

/* 0, or a code with `err`. */
int digester_open(struct digester **ret, struct error *err);

/* Waits for the file being read just now to end. NULL is fine. */
void digester_close(struct digester *d);

/* Readable when results came in. */
int digester_fd(const struct digester *d);

/* Takes in the results. */
void digester_collect(struct digester *d);

/* The digest of what a process executes, in lower-case hexadecimal, valid until the next call. Never waits. */
enum digester_answer digester_get(
	struct digester *d, const struct process *p, enum digest which, struct text *ret);

#endif
