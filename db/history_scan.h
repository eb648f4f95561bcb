/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A walk over all recorded connections of a time, in slices: for questions about what rules would have done.
 *
 * A row comes as numbers only, texts by their number in `strings`: rows that are alike to rules are equal bytes, so that a million
 * of them need a judgement only once a kind. The texts of a kind are looked up when they are needed.
 */
#ifndef DB_HISTORY_SCAN_H
#define DB_HISTORY_SCAN_H

#include "db/history.h"
#include "db/history_texts.h"

/* What rules look at. Padding is zero, so that the bytes can be a hash key. Texts by number; 0: none. */
struct history_facts {
	int64_t src_ip, dst_ip, host, path, args, user, parents, iface_in, iface_out;
	int64_t uid; /* -1: not known */
	int32_t pid; /* 0: no process is known */
	uint16_t protocol; /* IPPROTO_*, + 256 over IPv6 */
	uint16_t src_port, dst_port;
	uint8_t pad[6];
};

struct history_row {
	uint64_t id;
	uint64_t time_us; /* CLOCK_REALTIME */
	enum action action; /* as it was decided */
	struct history_facts facts;
};

struct history_scan {
	struct history *history;
	uint64_t from_us, to_us; /* [from, to) */
	int64_t path; /* only connections of the program of this number; 0: of all */
	uint64_t next_id; /* the walk goes down from here */
	uint64_t least_id;
	uint64_t total; /* rows at the most: for telling how far it is */
	uint64_t passed; /* of these */
};

/*
 * Begins a walk, newest first, over the connections of one program (NULL: of all). What waits for the disk is written first, as far as
 * that takes it. 0 or a code.
 */
int history_scan_begin(struct history_scan *s, struct history *h, const char *path,
	uint64_t from_us, uint64_t to_us);

/* Calls `fn` for the next rows, of at most `n` ids. 1: there may be more; 0: the end; or a code. */
int history_scan_step(struct history_scan *s, unsigned n,
	void (*fn)(void *ctx, const struct history_row *row), void *ctx);

/* A kind of connection with its texts, told through `fn`, with neither id nor decision. 0 or a code. */
int history_scan_resolve(struct history_texts *texts, const struct history_facts *facts,
	void (*fn)(void *ctx, const struct connection_record *record), void *ctx);

/* One text by its number, through `fn`; nothing is told of a number that is not there. 0 or a code. */
int history_scan_text(
	struct history *h, int64_t number, void (*fn)(void *ctx, struct text text), void *ctx);

#endif
