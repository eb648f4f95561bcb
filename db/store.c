/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening the database: settings, set-aside of a corrupt file, migrations; transactions. */
#include "config.h"

#include "db/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/sql.h"
#include "db/store_private.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/embedded.h"

/* Built from db/migrations by tools/embed. */
extern const struct embedded db_migrations[];
extern const size_t db_migrations_n;

/* Bytes that SQLite may keep: the page cache of the one connection, and some for statements. */
#define PAGE_CACHE_KIB "-1024"
#define HEAP_SOFT_LIMIT (4 << 20)
#define BUSY_TIMEOUT_MS 2000

/*
 * The log is put into the file at 256 pages: each transfer is short, and the log stays small. Temporary tables stay in
 * memory: the sandbox has no /tmp, and no statement of ours sorts much.
 */
static const char open_sql[] = "PRAGMA trusted_schema = OFF;"
			       "PRAGMA cell_size_check = ON;"
			       "PRAGMA foreign_keys = ON;"
			       "PRAGMA mmap_size = 0;"
			       "PRAGMA cache_size = " PAGE_CACHE_KIB ";"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA secure_delete = FAST;"
			       "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = NORMAL;"
			       "PRAGMA wal_autocheckpoint = 1000;"
			       "PRAGMA journal_size_limit = 4194304;";

/* Of a new file alone: on an old one it is written anew each time, which a full disk refuses. */
static const char new_sql[] = "PRAGMA auto_vacuum = INCREMENTAL;";

static int exec(struct store *s, const char *sql, struct error *err)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return sql_error(s, err);
}

static int64_t pragma_number(struct store *s, const char *sql)
{
	sqlite3_stmt *st;
	int64_t n = -1;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

int store_schema_version(void)
{
	return (int)db_migrations_n;
}

/* One migration with its version, whole or not at all. */
static int migrate_step(struct store *s, size_t i, struct error *err)
{
	char version[48];
	int r;

	snprintf(version, sizeof(version), "PRAGMA user_version = %zu;", i + 1);
	r = exec(s, "BEGIN IMMEDIATE", err);
	if (r == 0)
		r = exec(s, (const char *)db_migrations[i].data, err);
	if (r == 0)
		r = exec(s, version, err);
	if (r == 0)
		r = exec(s, "COMMIT", err);
	if (r < 0 && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static int migrate(struct store *s, const char *path, struct error *err)
{
	int64_t have = pragma_number(s, "PRAGMA user_version");
	int r;

	if (have < 0)
		return sql_error(s, err);
	if (have > (int64_t)db_migrations_n)
		return error_set(err, ERR_UNSUPPORTED, NULL,
			"the database %s has version %lld and this program knows versions up to "
			"%zu: start the newer program, or move the file away",
			path, (long long)have, db_migrations_n);
	if (have == (int64_t)db_migrations_n)
		return 0;
	r = exec(s, "PRAGMA synchronous = FULL", err);
	for (size_t i = (size_t)have; r == 0 && i < db_migrations_n; i++)
		r = migrate_step(s, i, err);
	if (r < 0)
		return r;
	return exec(s, "PRAGMA synchronous = NORMAL", err);
}

/* Whether SQLite finds a table (or with an empty name the whole file) sound. */
static bool is_sound(struct store *s, const char *sql)
{
	sqlite3_stmt *st;
	bool sound = false;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return false;
	if (sqlite3_step(st) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		sound = text && strcmp(text, "ok") == 0;
	}
	sqlite3_finalize(st);
	return sound;
}

/*
 * The small tables are checked at every start. The history is not (it takes a second a gigabyte), unless the last run
 * ran into damage and left its mark.
 */
static int check_sound(struct store *s, struct error *err)
{
	static const char *const checks[] = {
		"PRAGMA quick_check(settings)",
		"PRAGMA quick_check(sessions)",
		"PRAGMA quick_check(counters)",
		"PRAGMA quick_check(rules)",
	};
	bool suspect = access(s->suspect_path, F_OK) == 0;

	if (suspect && !is_sound(s, "PRAGMA quick_check(1)"))
		return error_set(err, ERR_MALFORMED, NULL, "the database is damaged");
	for (size_t i = 0; i < array_len(checks); i++)
		if (!is_sound(s, checks[i]))
			return error_set(err, ERR_MALFORMED, NULL, "the database is damaged");
	if (suspect)
		unlink(s->suspect_path);
	return 0;
}

static void set_limits(sqlite3 *db)
{
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
	sqlite3_soft_heap_limit64(HEAP_SOFT_LIMIT);
}

/* Opens the file as it is; *ret also where this fails, for the caller to free. */
static int open_file(const char *path, struct store **ret, bool *ret_created, struct error *err)
{
	struct store *s = calloc(1, sizeof(*s));
	int fd, r;

	*ret = s;
	if (!s || asprintf(&s->suspect_path, "%s.suspect", path) < 0)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	/* SQLite would make it readable for all; its log and index files take the mode of this one. */
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	*ret_created = fd >= 0;
	if (fd >= 0)
		close(fd);
	else if (errno != EEXIST)
		return error_set(err, err_from_errno(errno), NULL,
			"cannot make the database %s: %s", path, strerror(errno));
	if (sqlite3_open_v2(path, &s->db,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
		    NULL) != SQLITE_OK)
		return s->db ? sql_error(s, err) : ERR_NOMEM;
	set_limits(s->db);
	if (pragma_number(s, "PRAGMA page_count") == 0)
		(void)exec(s, new_sql, NULL);
	r = exec(s, open_sql, err);
	/* On a full disk not even the index of the log can be made: alone with the file, SQLite keeps it in memory. */
	if (r == ERR_FULL && exec(s, "PRAGMA locking_mode = EXCLUSIVE", NULL) == 0)
		r = exec(s, open_sql, err);
	if (r == 0)
		r = migrate(s, path, err);
	return r == 0 ? check_sound(s, err) : r;
}

/* Moves the file and what belongs to it out of the way, to a name with the date. */
static int set_aside(const char *dir, struct store_opened *info, struct error *err)
{
	static const char *const tails[] = { "", "-wal", "-shm" };
	char date[CLOCK_TEXT_LEN], from[4096], to[4096 + 64];

	clock_format(clock_real_us(), date);
	snprintf(info->set_aside, sizeof(info->set_aside), STORE_FILE ".corrupt-%s", date);
	for (size_t i = 0; i < array_len(tails); i++) {
		snprintf(from, sizeof(from), "%s/" STORE_FILE "%s", dir, tails[i]);
		snprintf(to, sizeof(to), "%s/%s%s", dir, info->set_aside, tails[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			return error_set(err, err_from_errno(errno), NULL,
				"cannot move the damaged database %s aside: %s", from,
				strerror(errno));
	}
	snprintf(from, sizeof(from), "%s/" STORE_FILE ".suspect", dir);
	unlink(from);
	return 0;
}

int store_open(const char *dir, struct store **ret, struct store_opened *info, struct error *err)
{
	struct store_opened own, *what = info ? info : &own;
	_cleanup_free_ char *path = NULL;
	struct store *s;
	int r;

	memset(what, 0, sizeof(*what));
	if (asprintf(&path, "%s/" STORE_FILE, dir) < 0)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	r = open_file(path, &s, &what->created, err);
	if (r == ERR_MALFORMED) {
		store_close(s);
		s = NULL;
		r = set_aside(dir, what, err);
		if (r == 0)
			r = open_file(path, &s, &what->created, err);
	}
	if (r < 0) {
		store_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	sql_forget(s);
	sqlite3_close(s->db);
	free(s->suspect_path);
	free(s);
}

static int commit(struct store *s, struct error *err)
{
	sqlite3_stmt *st = sql_get(s, "COMMIT");
	int r = sql_run(s, st, err);

	sql_done(st);
	return r;
}

static int transaction(struct store *s, int (*fn)(void *ctx), void *ctx, struct error *err)
{
	sqlite3_stmt *st = sql_get(s, "BEGIN IMMEDIATE");
	int r = sql_run(s, st, err);

	sql_done(st);
	if (r < 0)
		return r;
	r = fn(ctx);
	if (r == 0)
		r = commit(s, err);
	/* SQLite undoes by itself after some failures, as a full disk. */
	if (r < 0 && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

/* In a transaction of somebody else: what `fn` did is undone alone where it fails. */
static int part(struct store *s, int (*fn)(void *ctx), void *ctx, struct error *err)
{
	int r = exec(s, "SAVEPOINT part", err);

	if (r < 0)
		return r;
	r = fn(ctx);
	if (sqlite3_get_autocommit(s->db))
		return r < 0 ? r : ERR_IO;
	if (r < 0)
		sqlite3_exec(s->db, "ROLLBACK TO part", NULL, NULL, NULL);
	sqlite3_exec(s->db, "RELEASE part", NULL, NULL, NULL);
	return r;
}

int store_transaction(struct store *s, enum store_durability durability, int (*fn)(void *ctx),
	void *ctx, struct error *err)
{
	int r = 0;

	if (!sqlite3_get_autocommit(s->db))
		return part(s, fn, ctx, err);
	if (durability == STORE_DURABLE)
		r = exec(s, "PRAGMA synchronous = FULL", err);
	if (r == 0)
		r = transaction(s, fn, ctx, err);
	if (durability == STORE_DURABLE)
		sqlite3_exec(s->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
	return r;
}
