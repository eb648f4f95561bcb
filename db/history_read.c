/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decided connections out of the database, newest first. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/history_private.h"
#include "db/sql.h"
#include "db/store.h"
#include "lib/addr.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/process_flag.h"

/*
 * Rows are looked through in windows of ids, each four times the one before, so that a rare match is given up in time and
 * a common one costs little.
 */
#define WINDOW_FIRST 4096
#define SEARCH_NS 250000000u

#define TEXT_OF(column) "(SELECT text FROM strings WHERE id = c." column ")"

/* In the order of enum history_column. */
#define SELECT_ROW                                                                                                                                                                                                                \
	"SELECT c.id, time_us, protocol, action, reason, src_port, dst_port, uid, pid, method,"                                                                                                                                   \
	" confidence, host_source, latency_us, held, start_time, " TEXT_OF("src_ip") ", " TEXT_OF("dst_ip") ", " TEXT_OF("host") ", " TEXT_OF("rule") ", " TEXT_OF("path") ", " TEXT_OF("args") ", " TEXT_OF("cwd") ", " TEXT_OF( \
		"user") ","                                                                                                                                                                                                       \
			" " TEXT_OF("cgroup") ", " TEXT_OF("container") ", " TEXT_OF(                                                                                                                                             \
				"pa"                                                                                                                                                                                              \
				"re"                                                                                                                                                                                              \
				"nt"                                                                                                                                                                                              \
				"s") ", " TEXT_OF("iface_out") ", host_certainty, "                                                                                                                                               \
							       "flags, " TEXT_OF(                                                                                                                                                 \
								       "script") ", "                                                                                                                                             \
										 "start"                                                                                                                                          \
										 "ed_"                                                                                                                                            \
										 "us, "                                                                                                                                           \
										 "real_"                                                                                                                                          \
										 "uid, "                                                                                                                                          \
										 "euid,"                                                                                                                                          \
										 " " TEXT_OF(                                                                                                                                     \
											 "cre"                                                                                                                                    \
											 "ato"                                                                                                                                    \
											 "r") ", "                                                                                                                                \
											      "fo"                                                                                                                                \
											      "rw"                                                                                                                                \
											      "ar"                                                                                                                                \
											      "de"                                                                                                                                \
											      "d,"                                                                                                                                \
											      " " TEXT_OF(                                                                                                                        \
												      "iface_"                                                                                                                    \
												      "in") ","                                                                                                                   \
													    " " TEXT_OF(                                                                                                          \
														    "netns") ", bytes_out, bytes_in, packets_out, packets_in, ended_us FROM connections AS c "

enum param {
	PARAM_BEFORE = 1,
	PARAM_FROM_ID,
	PARAM_LIMIT,
	PARAM_ACTION,
	PARAM_PATH,
	PARAM_HOST,
	PARAM_IP,
	PARAM_RULE,
	PARAM_PORT,
	PARAM_PROTOCOL,
	PARAM_UID,
	PARAM_TIME_FROM,
	PARAM_TIME_TO,
	PARAM_Q,
	PARAM_Q_NUMBER,
	PARAM_Q_WANTED, /* a pointer is NULL to SQL, so this says that there is one */
};

/* Statements with the index of programs and without, for each order; the conditions that were not asked for are NULL. found() is below. */
#define LIST(index, condition, order)                                                              \
	SELECT_ROW index " WHERE c.id < ?1 AND c.id >= ?2" condition                               \
			 " AND (?4 IS NULL OR action = ?4)"                                        \
			 " AND (?5 IS NULL OR path = ?5) AND (?6 IS NULL OR host = ?6)"            \
			 " AND (?7 IS NULL OR dst_ip = ?7) AND (?8 IS NULL OR rule = ?8)"          \
			 " AND (?9 IS NULL OR dst_port = ?9) AND (?10 IS NULL OR protocol = ?10)"  \
			 " AND (?11 IS NULL OR uid = ?11) AND (?12 IS NULL OR time_us >= ?12)"     \
			 " AND (?13 IS NULL OR time_us < ?13)"                                     \
			 " AND (?16 IS NULL OR dst_port = ?15 OR pid = ?15 OR found(?14, path) "   \
			 "OR found(?14, host)"                                                     \
			 " OR found(?14, dst_ip) OR found(?14, args) OR found(?14, rule) OR "      \
			 "found(?14, user))"                                                       \
			 " ORDER BY c.id " order " LIMIT ?3"

/* [oldest first][by program] */
static const char *const lists[2][2] = {
	{ LIST("NOT INDEXED", "", "DESC"),
		LIST("INDEXED BY connections_path", " AND path = ?5", "DESC") },
	{ LIST("NOT INDEXED", "", "ASC"),
		LIST("INDEXED BY connections_path", " AND path = ?5", "ASC") },
};

/* ---- a row */

static uint64_t number(sqlite3_stmt *st, enum history_column column)
{
	return (uint64_t)sqlite3_column_int64(st, column);
}

static uint32_t uid(sqlite3_stmt *st, enum history_column column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL ? UINT32_MAX
							      : (uint32_t)number(st, column);
}

struct ip_addr history_address(struct text text)
{
	struct ip_addr a = { 0 };

	if (text.s)
		(void)ip_addr_parse(text.s, &a);
	return a;
}

static struct ip_addr address(sqlite3_stmt *st, enum history_column column)
{
	return history_address(sql_text(st, column));
}

/* Enums are held in bounds: the file may come from anywhere. */
static unsigned bounded(uint64_t value, unsigned count)
{
	return value < count ? (unsigned)value : 0;
}

static void read_row(sqlite3_stmt *st, struct connection_record *c)
{
	memset(c, 0, offsetof(struct connection_record, args_buf));
	c->id = number(st, COL_ID);
	c->time_us = number(st, COL_TIME);
	flow_init(&c->flow);
	c->flow.proto = (uint8_t)number(st, COL_PROTOCOL);
	c->flow.src = address(st, COL_SRC_IP);
	c->flow.dst = address(st, COL_DST_IP);
	c->flow.src_port = (uint16_t)number(st, COL_SRC_PORT);
	c->flow.dst_port = (uint16_t)number(st, COL_DST_PORT);
	c->action = (enum action)bounded(number(st, COL_ACTION), ACTION_COUNT_);
	c->reason = (enum reason)bounded(number(st, COL_REASON), REASON_COUNT_);
	c->method = (enum attribution_method)bounded(number(st, COL_METHOD), METHOD_COUNT_);
	c->confidence = (enum confidence)bounded(number(st, COL_CONFIDENCE), CONFIDENCE_COUNT_);
	c->host_source = (enum host_source)bounded(number(st, COL_HOST_SOURCE), HOST_COUNT_);
	c->host_certainty =
		(enum host_certainty)bounded(number(st, COL_HOST_CERTAINTY), HOST_CERTAINTY_COUNT_);
	c->has_traffic = sqlite3_column_type(st, COL_ENDED) != SQLITE_NULL;
	c->traffic.bytes_out = number(st, COL_BYTES_OUT);
	c->traffic.bytes_in = number(st, COL_BYTES_IN);
	c->traffic.packets_out = number(st, COL_PACKETS_OUT);
	c->traffic.packets_in = number(st, COL_PACKETS_IN);
	c->traffic.ended_us = number(st, COL_ENDED);
	c->latency_us = (uint32_t)number(st, COL_LATENCY);
	c->held = (uint32_t)number(st, COL_HELD);
	c->start_time = number(st, COL_START_TIME);
	c->pid = (int32_t)number(st, COL_PID);
	c->uid = uid(st, COL_UID);
	c->host = sql_text(st, COL_HOST);
	c->rule = sql_text(st, COL_RULE);
	c->path = sql_text(st, COL_PATH);
	c->args = sql_text(st, COL_ARGS);
	c->cwd = sql_text(st, COL_CWD);
	c->user = sql_text(st, COL_USER);
	c->cgroup = sql_text(st, COL_CGROUP);
	c->container = sql_text(st, COL_CONTAINER);
	c->iface_out = sql_text(st, COL_IFACE_OUT);
	c->flags = (uint32_t)number(st, COL_FLAGS) & PROCESS_FLAGS_ALL;
	c->script = sql_text(st, COL_SCRIPT);
	c->started_us = number(st, COL_STARTED);
	c->real_uid = uid(st, COL_REAL_UID);
	c->euid = uid(st, COL_EUID);
	c->n_parents =
		history_relatives_parse(sql_text(st, COL_PARENTS), c->parents, LIMIT_PARENTS);
	history_relatives_parse(sql_text(st, COL_CREATOR), &c->creator, 1);
	c->is_forwarded = number(st, COL_FORWARDED) != 0;
	c->iface_in = sql_text(st, COL_IFACE_IN);
	c->netns = sql_text(st, COL_NETNS);
}

/* ---- free text: a set of strings by number, one bit each */

struct found {
	uint8_t *bits;
	uint64_t n; /* bits */
};

/* SQL function found(set, number). */
static void sql_found(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const struct found *f = sqlite3_value_pointer(argv[0], "found");
	int64_t i = sqlite3_value_int64(argv[1]);

	(void)argc;
	sqlite3_result_int(
		ctx, f && i > 0 && (uint64_t)i < f->n && (f->bits[i / 8] & 1u << (i % 8)) != 0);
}

static bool char_equal(char text, char wanted)
{
	if (text == CONNECTION_ARGS_SEPARATOR)
		text = ' ';
	return tolower((unsigned char)text) == tolower((unsigned char)wanted);
}

static bool contains(struct text text, struct text wanted)
{
	for (size_t i = 0; i + wanted.len <= text.len; i++) {
		size_t n = 0;

		while (n < wanted.len && char_equal(text.s[i + n], wanted.s[n]))
			n++;
		if (n == wanted.len)
			return true;
	}
	return false;
}

static int find_texts(struct store *s, const char *q, struct found *ret)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s, "SELECT id, text FROM strings");
	sqlite3_stmt *max _cleanup_sql_ = sql_get(s, "SELECT max(id) FROM strings");
	struct text wanted = { q, strlen(q) };
	int r = sql_row(s, max, NULL);

	if (r < 0)
		return r;
	ret->n = (uint64_t)sqlite3_column_int64(max, 0) + 1;
	ret->bits = calloc(1, ret->n / 8 + 1);
	if (!ret->bits)
		return ERR_NOMEM;
	while ((r = sql_row(s, st, NULL)) > 0) {
		int64_t i = sqlite3_column_int64(st, 0);

		if (i > 0 && (uint64_t)i < ret->n && contains(sql_text(st, 1), wanted))
			ret->bits[i / 8] |= (uint8_t)(1u << (i % 8));
	}
	return r;
}

int history_read_init(struct store *s)
{
	return sql_function(s, "found", 2, sql_found);
}

/* ---- a search */

struct search {
	struct history *h;
	const struct history_filter *filter;
	const char *sql;
	int64_t path, host, ip, rule, protocol; /* numbers; 0: any */
	int64_t q_number; /* port or PID; -1: none */
	struct found found;
	uint64_t least; /* no id below this fits */
	bool hopeless; /* nothing can fit */
};

static void cleanup_search(struct search *s)
{
	free(s->found.bits);
}

/* The number of a text that was asked for; where it stands nowhere, nothing can fit. */
static int resolve(struct search *s, const char *text, int64_t *ret)
{
	int r;

	if (!text)
		return 0;
	r = strings_find(s->h->strings, (struct text) { text, strlen(text) }, ret, NULL);
	s->hopeless |= *ret == 0;
	return r;
}

static int resolve_host(struct search *s, const char *host)
{
	char lower[LIMIT_HOST + 1];
	size_t len = host ? strlen(host) : 0;

	if (!host)
		return 0;
	if (len && host[len - 1] == '.')
		len--;
	if (len > LIMIT_HOST) {
		s->hopeless = true;
		return 0;
	}
	for (size_t i = 0; i < len; i++)
		lower[i] = (char)tolower((unsigned char)host[i]);
	lower[len] = '\0';
	return resolve(s, lower, &s->host);
}

/* "tcp6" to its number in the table. */
static void resolve_protocol(struct search *s, const char *name)
{
	char buf[8];

	for (int i = 0; i < 2 * PROTOCOL_V6; i++) {
		struct flow f;

		flow_init(&f);
		f.proto = (uint8_t)i;
		f.src.family = f.dst.family = i >= PROTOCOL_V6 ? 6 : 4;
		if (strcmp(flow_proto_str(&f, buf), name) == 0) {
			s->protocol = i ? i : -1;
			return;
		}
	}
	s->hopeless = true;
}

static void resolve_number(struct search *s, const char *q)
{
	size_t digits = strspn(q, "0123456789");

	s->q_number = digits && digits < 10 && !q[digits] ? strtol(q, NULL, 10) : -1;
}

static int64_t time_or(uint64_t us, int64_t none)
{
	return us && us < INT64_MAX ? (int64_t)us : none;
}

/* Narrows the ids by time: they nearly follow it, but a held connection is decided late, and clocks are set. */
static int resolve_times(struct search *s, uint64_t *before)
{
	const struct history_filter *f = s->filter;
	sqlite3_stmt *st _cleanup_sql_ = NULL;
	int r;

	if (!f->from_us && !f->to_us)
		return 0;
	st = sql_get(s->h->store, "SELECT min(id), max(id) FROM connections INDEXED BY"
				  " connections_time WHERE time_us >= ?1 AND time_us < ?2");
	if (st) {
		sqlite3_bind_int64(st, 1, time_or(f->from_us, 0));
		sqlite3_bind_int64(st, 2, time_or(f->to_us, INT64_MAX));
	}
	r = sql_row(s->h->store, st, NULL);
	if (r < 0)
		return r;
	s->hopeless |= sqlite3_column_type(st, 0) == SQLITE_NULL;
	if ((uint64_t)sqlite3_column_int64(st, 0) > s->least)
		s->least = (uint64_t)sqlite3_column_int64(st, 0);
	if (*before > (uint64_t)sqlite3_column_int64(st, 1))
		*before = (uint64_t)sqlite3_column_int64(st, 1) + 1;
	return 0;
}

/* What every search needs: the ids that exist. */
static int resolve_ends(struct search *s, uint64_t *before)
{
	sqlite3_stmt *st _cleanup_sql_ =
		sql_get(s->h->store, "SELECT (SELECT min(id) FROM connections),"
				     " (SELECT max(id) FROM connections)");
	int r = sql_row(s->h->store, st, NULL);

	if (r < 0)
		return r;
	s->hopeless |= sqlite3_column_type(st, 0) == SQLITE_NULL;
	s->least = (uint64_t)sqlite3_column_int64(st, 0);
	if (*before == 0 || *before > (uint64_t)sqlite3_column_int64(st, 1))
		*before = (uint64_t)sqlite3_column_int64(st, 1) + 1;
	return 0;
}

static int prepare(struct search *s, uint64_t *before)
{
	const struct history_filter *f = s->filter;
	int r = resolve_ends(s, before);

	s->sql = lists[f->oldest_first][f->path != NULL];
	if (r == 0)
		r = resolve_times(s, before);
	if (r == 0)
		r = resolve(s, f->rule, &s->rule);
	if (r == 0)
		r = resolve(s, f->path, &s->path);
	if (r == 0)
		r = resolve_host(s, f->host);
	if (r == 0)
		r = resolve(s, f->ip, &s->ip);
	if (r == 0 && f->protocol)
		resolve_protocol(s, f->protocol);
	if (r == 0 && f->q && !s->hopeless) {
		resolve_number(s, f->q);
		r = find_texts(s->h->store, f->q, &s->found);
	}
	return r;
}

static void bind_if(sqlite3_stmt *st, enum param param, bool wanted, int64_t value)
{
	if (wanted)
		sqlite3_bind_int64(st, param, value);
}

static void bind_search(sqlite3_stmt *st, struct search *s)
{
	const struct history_filter *f = s->filter;

	bind_if(st, PARAM_ACTION, f->action >= 0, f->action);
	bind_if(st, PARAM_PATH, s->path > 0, s->path);
	bind_if(st, PARAM_HOST, s->host > 0, s->host);
	bind_if(st, PARAM_IP, s->ip > 0, s->ip);
	bind_if(st, PARAM_RULE, s->rule > 0, s->rule);
	bind_if(st, PARAM_PORT, f->dst_port >= 0, f->dst_port);
	bind_if(st, PARAM_PROTOCOL, s->protocol != 0, s->protocol > 0 ? s->protocol : 0);
	bind_if(st, PARAM_UID, f->uid >= 0, f->uid);
	bind_if(st, PARAM_TIME_FROM, f->from_us > 0, time_or(f->from_us, INT64_MAX));
	bind_if(st, PARAM_TIME_TO, f->to_us > 0, time_or(f->to_us, INT64_MAX));
	if (f->q)
		sqlite3_bind_pointer(st, PARAM_Q, &s->found, "found", NULL);
	bind_if(st, PARAM_Q_WANTED, f->q != NULL, 1);
	bind_if(st, PARAM_Q_NUMBER, f->q && s->q_number >= 0, s->q_number);
}

struct page {
	unsigned left; /* rows still wanted */
	uint64_t last; /* id of the last one told */
	bool more; /* there is at least one behind it */
	void (*fn)(void *ctx, const struct connection_record *record);
	void *ctx;
};

/* One window: ids from `from` to below `before`. */
static int list_window(struct search *s, uint64_t before, uint64_t from, struct page *page)
{
	sqlite3_stmt *st _cleanup_sql_ = sql_get(s->h->store, s->sql);
	struct connection_record c;
	int r;

	if (st) {
		bind_search(st, s);
		sqlite3_bind_int64(st, PARAM_BEFORE, (int64_t)before);
		sqlite3_bind_int64(st, PARAM_FROM_ID, (int64_t)from);
		sqlite3_bind_int64(st, PARAM_LIMIT, (int64_t)page->left + 1);
	}
	while ((r = sql_row(s->h->store, st, NULL)) > 0) {
		if (page->left == 0) {
			page->more = true;
			return 0;
		}
		read_row(st, &c);
		page->fn(page->ctx, &c);
		page->last = c.id;
		page->left--;
	}
	return r;
}

int history_list(struct history *h, const struct history_filter *filter, uint64_t place,
	unsigned limit, void (*fn)(void *ctx, const struct connection_record *record), void *ctx,
	uint64_t *ret_next)
{
	struct search s __attribute__((cleanup(cleanup_search))) = { .h = h, .filter = filter };
	struct page page = { .left = limit, .fn = fn, .ctx = ctx };
	uint64_t before = filter->oldest_first ? 0 : place;
	uint64_t window = WINDOW_FIRST, until;
	int r;

	*ret_next = 0;
	history_tick(h);
	r = prepare(&s, &before);
	if (r < 0 || s.hopeless)
		return r;
	if (filter->oldest_first && place >= s.least)
		s.least = place < INT64_MAX ? place + 1 : INT64_MAX;
	until = clock_mono_ns() + SEARCH_NS;
	while (s.least < before && !page.more) {
		uint64_t span = before - s.least > window ? window : before - s.least;
		uint64_t from = filter->oldest_first ? s.least : before - span;

		r = list_window(&s, from + span, from, &page);
		if (r < 0)
			return r;
		if (filter->oldest_first)
			s.least += span;
		else
			before = from;
		window *= 4;
		if (!page.more && clock_mono_ns() >= until && s.least < before) {
			*ret_next = filter->oldest_first ? s.least - 1 : before;
			return 0;
		}
	}
	if (page.more)
		*ret_next = page.last;
	return 0;
}

/* One that still waits for the disk. */
static const struct history_item *find_queued(const struct history *h, uint64_t id)
{
	const struct history_item *item = h->head;

	while (item && item->id < id)
		item = item->next;
	return item && item->id == id ? item : NULL;
}

int history_get(struct history *h, uint64_t id,
	void (*fn)(void *ctx, const struct connection_record *record), void *ctx)
{
	sqlite3_stmt *st _cleanup_sql_ = NULL;
	const struct history_item *item = find_queued(h, id);
	struct connection_record c;
	int r;

	if (item) {
		connection_record_from_ipc(&c, (const void *)item->msg, id);
		fn(ctx, &c);
		return 0;
	}
	st = sql_get(h->store, SELECT_ROW "WHERE c.id = ?1");
	if (st && id <= INT64_MAX)
		sqlite3_bind_int64(st, 1, (int64_t)id);
	r = sql_row(h->store, st, NULL);
	if (r <= 0)
		return r < 0 ? r : ERR_NOT_FOUND;
	read_row(st, &c);
	fn(ctx, &c);
	return 0;
}
