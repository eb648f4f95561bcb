/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grouping in SQL, a slice at a time. */
#include "config.h"

#include "db/history_stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/history_private.h"
#include "db/sql.h"
#include "lib/cleanup.h"

#define SLICE(column)                                                                              \
	"SELECT " column ", (time_us - ?3) / ?5, action, count(*), sum(bytes_out), sum(bytes_in)"  \
	" FROM connections NOT INDEXED WHERE id >= ?1 AND id < ?2 AND time_us >= ?3 AND time_us "  \
	"< ?4"                                                                                     \
	" GROUP BY 1, 2, 3"

static const struct {
	const char *name;
	const char *sql;
	bool is_text; /* the key is a number in `strings` */
} kinds[STATS_BY_COUNT_] = {
	[STATS_NOTHING] = { "", SLICE("0"), false },
	[STATS_PATH] = { "process.path", SLICE("path"), true },
	[STATS_HOST] = { "dest.host", SLICE("host"), true },
	[STATS_PORT] = { "dest.port", SLICE("dst_port"), false },
	[STATS_PROTOCOL] = { "protocol", SLICE("protocol"), false },
	[STATS_USER] = { "user.id", SLICE("uid"), false },
	[STATS_RULE] = { "rule", SLICE("rule"), true },
	[STATS_ACTION] = { "action", SLICE("action"), false },
};

const char *stats_by_str(enum stats_by by)
{
	return (unsigned)by < STATS_BY_COUNT_ ? kinds[by].name : "";
}

bool stats_by_parse(const char *name, enum stats_by *ret)
{
	for (int i = STATS_NOTHING + 1; i < STATS_BY_COUNT_; i++)
		if (strcmp(kinds[i].name, name) == 0) {
			*ret = (enum stats_by)i;
			return true;
		}
	return false;
}

int history_stats_ids(
	struct history *h, const struct stats_query *q, uint64_t *ret_first, uint64_t *ret_end)
{
	sqlite3_stmt *st _cleanup_sql_ = NULL;
	int r;

	*ret_first = *ret_end = 0;
	history_tick(h);
	st = sql_get(h->store,
		"SELECT min(id), max(id) FROM connections INDEXED BY connections_time"
		" WHERE time_us >= ?1 AND time_us < ?2");
	if (st) {
		sqlite3_bind_int64(st, 1, (int64_t)q->from_us);
		sqlite3_bind_int64(st, 2, (int64_t)q->to_us);
	}
	r = sql_row(h->store, st, NULL);
	if (r < 0 || sqlite3_column_type(st, 0) == SQLITE_NULL)
		return r < 0 ? r : 0;
	*ret_first = (uint64_t)sqlite3_column_int64(st, 0);
	*ret_end = (uint64_t)sqlite3_column_int64(st, 1) + 1;
	return 0;
}

int history_stats_slice(struct history *h, const struct stats_query *q, uint64_t first,
	uint64_t end, int (*fn)(void *ctx, const struct stats_count *count), void *ctx)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(h->store, kinds[q->by].sql);
	uint64_t bucket = q->bucket_us ? q->bucket_us : q->to_us - q->from_us;
	int r, code = 0;

	if (st) {
		sqlite3_bind_int64(st, 1, (int64_t)first);
		sqlite3_bind_int64(st, 2, (int64_t)end);
		sqlite3_bind_int64(st, 3, (int64_t)q->from_us);
		sqlite3_bind_int64(st, 4, (int64_t)q->to_us);
		sqlite3_bind_int64(st, 5, (int64_t)(bucket ? bucket : 1));
	}
	while (code == 0 && (r = sql_row(h->store, st, NULL)) != 0) {
		struct stats_count c = { .key = STATS_NO_KEY };
		int64_t action;

		if (r < 0)
			return r;
		if (sqlite3_column_type(st, 0) != SQLITE_NULL)
			c.key = sqlite3_column_int64(st, 0);
		c.bucket = (uint64_t)sqlite3_column_int64(st, 1);
		action = sqlite3_column_int64(st, 2);
		c.action =
			action >= 0 && action < ACTION_COUNT_ ? (enum action)action : ACTION_ALLOW;
		c.n = (uint64_t)sqlite3_column_int64(st, 3);
		c.bytes_out = (uint64_t)sqlite3_column_int64(st, 4);
		c.bytes_in = (uint64_t)sqlite3_column_int64(st, 5);
		code = fn(ctx, &c);
	}
	return code;
}

static char *text_key(struct history *h, int64_t key)
{
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(h->store, "SELECT text FROM strings WHERE id = ?1");
	struct text t;

	if (st)
		sqlite3_bind_int64(st, 1, key);
	if (sql_row(h->store, st, NULL) <= 0)
		return NULL;
	t = sql_text(st, 0);
	return t.s ? strndup(t.s, t.len) : NULL;
}

static char *protocol_key(int64_t key)
{
	struct flow f;
	char buf[8];

	flow_init(&f);
	f.proto = (uint8_t)(key % PROTOCOL_V6);
	f.src.family = f.dst.family = key >= PROTOCOL_V6 ? 6 : 4;
	return strdup(flow_proto_str(&f, buf));
}

char *history_stats_key(struct history *h, enum stats_by by, int64_t key)
{
	char buf[24];

	if (key == STATS_NO_KEY || by == STATS_NOTHING)
		return NULL;
	if (kinds[by].is_text)
		return text_key(h, key);
	if (by == STATS_ACTION)
		return strdup(action_str((enum action)key));
	if (by == STATS_PROTOCOL)
		return protocol_key(key);
	snprintf(buf, sizeof(buf), "%" PRId64, key);
	return strdup(buf);
}
