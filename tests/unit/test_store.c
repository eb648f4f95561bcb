/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The database: opening, migrations, damage, settings and sessions. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/sessions.h"
#include "db/settings.h"
#include "db/sql.h"
#include "db/store.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/embedded.h"
#include "tests/unit/folder.h"

extern const struct embedded db_migrations[];

static struct store *open_store(const char *dir)
{
	struct error err = { 0 };
	struct store *s = NULL;

	if (store_open(dir, &s, NULL, &err) < 0)
		fail_msg("%s", err.message);
	return s;
}

static char *database_path(const struct folder *f)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/" STORE_FILE, f->path);
	return path;
}

/* One number from the file, as another program sees it. */
static int64_t number_of(const struct folder *f, const char *sql)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int64_t n = -1;

	assert_int_equal(sqlite3_open(database_path(f), &db), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
		sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

static void run_sql(const struct folder *f, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(database_path(f), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_new_file(void **state)
{
	struct folder *f = *state;
	struct store_opened info;
	struct store *s = NULL;
	struct stat st;

	assert_int_equal(store_open(f->path, &s, &info, NULL), 0);
	assert_true(info.created);
	assert_string_equal(info.set_aside, "");
	assert_int_equal(stat(database_path(f), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	store_close(s);
	assert_int_equal(number_of(f, "PRAGMA user_version"), store_schema_version());

	assert_int_equal(store_open(f->path, &s, &info, NULL), 0);
	assert_false(info.created);
	store_close(s);
}

static void test_missing_folder(void **state)
{
	struct error err = { 0 };
	struct store *s = NULL;

	(void)state;
	assert_int_equal(store_open("/nonexistent-folder", &s, NULL, &err), ERR_NOT_FOUND);
	assert_non_null(strstr(err.message, "/nonexistent-folder/" STORE_FILE));
	assert_null(s);
}

/* A file of every older version comes up to date, and keeps what stands in it. */
static void test_migrations(void **state)
{
	struct folder *f = *state;

	for (int have = 0; have <= store_schema_version(); have++) {
		char sql[64];
		struct store *s;

		folder_empty(f);
		for (int i = 0; i < have; i++)
			run_sql(f, (const char *)db_migrations[i].data);
		snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", have);
		run_sql(f, sql);
		if (have > 0)
			run_sql(f, "INSERT INTO settings VALUES ('kept', '1')");
		s = open_store(f->path);
		store_close(s);
		assert_int_equal(number_of(f, "PRAGMA user_version"), store_schema_version());
		assert_int_equal(number_of(f, "SELECT count(*) FROM settings"), have > 0);
		assert_int_equal(number_of(f, "SELECT count(*) FROM rules"), 0);
		assert_int_equal(number_of(f, "SELECT count(*) FROM connections"), 0);
	}
}

static void test_newer_is_refused(void **state)
{
	struct folder *f = *state;
	struct error err = { 0 };
	struct store *s = NULL;

	store_close(open_store(f->path));
	run_sql(f, "PRAGMA user_version = 9999");
	assert_int_equal(store_open(f->path, &s, NULL, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.message, "version 9999"));
	assert_int_equal(number_of(f, "PRAGMA user_version"), 9999);
}

static void write_over(const char *path, off_t at, size_t len)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	static const char junk[64] =
		"junk where a database page was, far from anything well-formed";

	assert_true(fd >= 0);
	for (size_t done = 0; done < len; done += sizeof(junk))
		assert_int_equal(pwrite(fd, junk, sizeof(junk), at + (off_t)done), sizeof(junk));
}

static void assert_set_aside(struct folder *f)
{
	struct store_opened info;
	struct store *s = NULL;
	char path[600];

	assert_int_equal(store_open(f->path, &s, &info, NULL), 0);
	assert_ptr_equal(strstr(info.set_aside, STORE_FILE ".corrupt-20"), info.set_aside);
	assert_true(info.created);
	snprintf(path, sizeof(path), "%s/%s", f->path, info.set_aside);
	assert_int_equal(access(path, F_OK), 0);
	store_close(s);
	assert_int_equal(number_of(f, "SELECT count(*) FROM settings"), 0);
}

static void test_corrupt_is_set_aside(void **state)
{
	struct folder *f = *state;

	/* No database at all. */
	store_close(open_store(f->path));
	write_over(database_path(f), 0, 8192);
	assert_set_aside(f);

	/* Sound at the front, damaged where a small table stands. */
	folder_empty(f);
	store_close(open_store(f->path));
	run_sql(f, "INSERT INTO settings VALUES ('a', hex(zeroblob(20000)))");
	write_over(database_path(f), number_of(f, "PRAGMA page_size") * 2,
		(size_t)(number_of(f, "PRAGMA page_count") - 2) * 4096);
	assert_set_aside(f);
}

/* Damage in the history is not looked for at each start, but it is after a run that met it. */
static void test_suspect_is_checked(void **state)
{
	struct folder *f = *state;
	char suspect[600];
	int64_t root;

	store_close(open_store(f->path));
	run_sql(f, "INSERT INTO settings VALUES ('a', '1')");
	root = number_of(f, "SELECT rootpage FROM sqlite_schema WHERE name = 'connections'");
	write_over(database_path(f), (root - 1) * 4096, 64);
	store_close(open_store(f->path));
	assert_int_equal(number_of(f, "SELECT count(*) FROM settings"), 1);
	snprintf(suspect, sizeof(suspect), "%s.suspect", database_path(f));
	close(open(suspect, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_set_aside(f);
	assert_int_equal(access(suspect, F_OK), -1);
}

static int collect(void *ctx, const char *name, const char *json)
{
	char *all = ctx;

	snprintf(all + strlen(all), 256 - strlen(all), "%s=%s;", name, json);
	return 0;
}

static int stop(void *ctx, const char *name, const char *json)
{
	(void)ctx, (void)name, (void)json;
	return 7;
}

static void test_settings(void **state)
{
	struct folder *f = *state;
	struct store *s = open_store(f->path);
	char all[256] = "";

	assert_int_equal(
		settings_set(s, (struct setting[]) { { "b", "\"x\"" }, { "a", "1" } }, 2), 0);
	assert_int_equal(settings_each(s, collect, all), 0);
	assert_string_equal(all, "a=1;b=\"x\";");
	assert_int_equal(settings_each(s, stop, NULL), 7);
	assert_int_equal(settings_set(s, (struct setting[]) { { "b", NULL }, { "a", "2" } }, 2), 0);
	store_close(s);

	s = open_store(f->path);
	all[0] = '\0';
	assert_int_equal(settings_each(s, collect, all), 0);
	assert_string_equal(all, "a=2;");
	store_close(s);
}

static void test_sessions(void **state)
{
	struct folder *f = *state;
	struct store *s = open_store(f->path);
	struct session_row rows[4], row = { .scopes = 5 };

	for (uint8_t i = 0; i < 4; i++) {
		row.hash[0] = i;
		row.created_us = 100 + i;
		row.expires_us = 1000 + i;
		assert_int_equal(sessions_add(s, &row), 0);
	}
	assert_true(sessions_add(s, &row) < 0);
	row.hash[0] = 2;
	assert_int_equal(sessions_delete(s, row.hash), 0);
	store_close(s);

	s = open_store(f->path);
	assert_int_equal(sessions_load(s, 1000, rows, 4), 2);
	assert_int_equal(rows[0].hash[0], 3);
	assert_int_equal(rows[0].expires_us, 1003);
	assert_int_equal(rows[0].scopes, 5);
	assert_int_equal(rows[1].hash[0], 1);
	assert_int_equal(sessions_load(s, 1000, rows, 1), 1);
	store_close(s);
	assert_int_equal(number_of(f, "SELECT count(*) FROM sessions"), 2);
}

/* A full disk refuses the change, whole, and the store works on when there is room again. */
static void test_full_disk(void **state)
{
	struct folder *f = *state;
	struct store *s = open_store(f->path);
	struct rlimit old, tight = { 0 };
	_cleanup_free_ char *big = malloc(100001);
	char all[256] = "";

	assert_non_null(big);
	memset(big, 'x', 100000);
	big[100000] = '\0';
	assert_int_equal(settings_set(s, &(struct setting) { "a", "1" }, 1), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight.rlim_cur = 16384;
	tight.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_int_equal(
		settings_set(s, (struct setting[]) { { "a", "2" }, { "b", big } }, 2), ERR_FULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(settings_each(s, collect, all), 0);
	assert_string_equal(all, "a=1;");
	assert_int_equal(settings_set(s, &(struct setting) { "b", "3" }, 1), 0);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_new_file, folder_setup, folder_teardown),
		cmocka_unit_test(test_missing_folder),
		cmocka_unit_test_setup_teardown(test_migrations, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(
			test_newer_is_refused, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(
			test_corrupt_is_set_aside, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(
			test_suspect_is_checked, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_settings, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_sessions, folder_setup, folder_teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, folder_setup, folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
