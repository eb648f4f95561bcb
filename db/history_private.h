/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of struct history: for the history*.c files only. */
#ifndef DB_HISTORY_PRIVATE_H
#define DB_HISTORY_PRIVATE_H

#include "db/history.h"
#include "db/strings.h"

/* A connection that waits for the disk. */
struct history_item {
	struct history_item *next;
	uint64_t id;
	_Alignas(8) unsigned char msg[]; /* struct ipc_connection with its tail */
};

/* The end of a flow, for the row of its connection. */
struct history_end {
	struct history_end *next;
	uint64_t id;
	struct flow_traffic traffic;
};

struct history {
	struct store *store;
	struct strings *strings;
	void (*on_state)(void *ctx, const struct history_state *state);
	void *ctx;
	struct history_limits limits;

	uint64_t next_id;
	uint64_t reserved_id; /* the database says that ids below this may be in use */

	struct history_item *head, **tail; /* oldest first */
	size_t queue_bytes;
	struct history_end *ends, **ends_tail; /* oldest first */
	unsigned n_ends;

	struct history_state state;
	uint64_t retry_ns; /* CLOCK_MONOTONIC; while stopped */
	uint64_t tidy_ns; /* when the last look for what is too old was */
	bool sweep_wanted; /* rows were removed since the last whole sweep of strings */
};

/* Makes known to SQL what history_read.c uses. 0 or a code. */
int history_read_init(struct store *s);

/* Bytes that an item takes. */
size_t history_item_size(const struct history_item *item);

/* Columns of a row, as written and read. The texts are numbers in `strings`. */
enum history_column {
	COL_ID,
	COL_TIME,
	COL_PROTOCOL,
	COL_ACTION,
	COL_REASON,
	COL_SRC_PORT,
	COL_DST_PORT,
	COL_UID,
	COL_PID,
	COL_METHOD,
	COL_CONFIDENCE,
	COL_HOST_SOURCE,
	COL_LATENCY,
	COL_HELD,
	COL_START_TIME,
	COL_SRC_IP,
	COL_DST_IP,
	COL_HOST,
	COL_RULE,
	COL_PATH,
	COL_ARGS,
	COL_CWD,
	COL_USER,
	COL_CGROUP,
	COL_CONTAINER,
	COL_PARENTS,
	COL_IFACE_OUT,
	COL_HOST_CERTAINTY,
	COL_FLAGS,
	COL_SCRIPT,
	COL_STARTED,
	COL_REAL_UID,
	COL_EUID,
	COL_CREATOR,
	COL_FORWARDED,
	COL_IFACE_IN,
	COL_NETNS,
	COL_WRITTEN_, /* columns up to here are written with the row, those after at its end */
	COL_BYTES_OUT = COL_WRITTEN_,
	COL_BYTES_IN,
	COL_PACKETS_OUT,
	COL_PACKETS_IN,
	COL_ENDED,
};

#define PROTOCOL_V6 256 /* added to IPPROTO_* over IPv6 */

/* Writes waiting rows until `until_ns` (CLOCK_MONOTONIC), at least one and at most a batch. 0 or a code with `err`; then none was written. */
int history_write(struct history *h, uint64_t until_ns, struct error *err);

/* Removes a slice of what is too much. 0 or a code with `err`. */
int history_tidy(struct history *h, struct error *err);

/* Stops or resumes by the result of a write, and tells so. */
void history_note(struct history *h, int result, const struct error *err);

/* The address of its text, which may come from anywhere; family 0: none. */
struct ip_addr history_address(struct text text);

/*
 * The text form of relatives: "WHO 0x1f path 0x1f WHO 0x1f path ...". WHO is "PID,STARTED,UID,EUID,NAME", of which all but the PID may
 * be missing (rows of older versions have it alone) or empty (not known).
 */
#define RELATIVE_NAME_MAX 60
#define RELATIVE_WHO_LEN (64 + RELATIVE_NAME_MAX)
#define RELATIVE_TEXT_LEN (LIMIT_PATH + RELATIVE_WHO_LEN)
#define PARENTS_TEXT_LEN (LIMIT_PARENTS * RELATIVE_TEXT_LEN)
struct text history_relatives_text(
	const struct record_relative *list, unsigned n, char *buf, size_t size);

/* At most `max` of them; how many. */
unsigned history_relatives_parse(struct text text, struct record_relative *ret, unsigned max);

#endif
