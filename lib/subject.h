/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rules are matched against: one connection with all that is known of it. */
#ifndef LIB_SUBJECT_H
#define LIB_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/flow.h"
#include "lib/limits.h"

/* A borrowed string; NULL `s` with length 0 means "not known" and matches as the empty string. */
struct text {
	const char *s;
	size_t len;
};

enum digest {
	DIGEST_MD5,
	DIGEST_SHA1,
	DIGEST_SHA256,
	DIGEST_COUNT_,
};

struct subject {
	struct flow flow;
	bool has_process;
	int32_t pid;
	uint32_t uid; /* UINT32_MAX = not known */
	struct text path;
	struct text command; /* arguments joined by a space */
	struct text host; /* lower case, no trailing dot */
	bool any_host; /* the host is yet to come: what asks for one matches */
	struct text user;
	struct text iface_in, iface_out;
	struct text parents[LIMIT_PARENTS];
	unsigned n_parents;

	/* The value of an environment variable of the process, or NULL s. `ctx` is the caller's. */
	struct text (*env)(void *ctx, struct text name);
	void *env_ctx;

	/*
	 * A digest of the executed file in lower-case hexadecimal, or NULL s: it cannot be known (no process, the file
	 * is gone), or not yet. An operand on a digest that is not known does not match. Ask only when a rule gets as far as its
	 * hash operand: reading a big file takes long, and the engine does so on another thread. It notes a
	 * question that it could not answer yet, lets the packet wait, and puts the rules to it again once the digest is
	 * there; what was matched before that is void. NULL: there are no digests here.
	 */
	struct text (*digest)(void *ctx, enum digest which);
	void *digest_ctx;
};

#endif
