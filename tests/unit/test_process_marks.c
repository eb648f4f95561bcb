/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The script that an interpreter runs, and digests against the examples of their standards. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/process_marks.h"
#include "lib/process_flag.h"
#include "lib/sha1_md5.h"
#include "lib/sha256.h"

static void check_script(const char *path, const char *args, size_t len, const char *want)
{
	char *script = process_script(path, args, len, "/home/ann");

	if (want)
		assert_string_equal(script, want);
	else
		assert_null(script);
	free(script);
}

#define SCRIPT(path, args, want) check_script(path, args, sizeof(args), want)

static void scripts_are_found(void **state)
{
	(void)state;
	SCRIPT("/usr/bin/python3.11", "python3\0x.py", "/home/ann/x.py");
	SCRIPT("/usr/bin/python3.11", "python3\0-u\0/srv/x.py\0--flag", "/srv/x.py");
	SCRIPT("/usr/bin/bash", "/bin/bash\0/usr/local/bin/job", "/usr/local/bin/job");
	SCRIPT("/usr/bin/perl", "perl\0-w\0a.pl", "/home/ann/a.pl");
	/* Options with a word of their own. */
	SCRIPT("/usr/bin/python3", "python3\0-W\0ignore\0-X\0dev\0x.py\0-c", "/home/ann/x.py");
	SCRIPT("/usr/bin/python3", "python3\0-Wdefault\0x.py", "/home/ann/x.py");
	SCRIPT("/usr/bin/bash", "bash\0-euo\0pipefail\0x.sh", "/home/ann/x.sh");
	SCRIPT("/usr/bin/bash", "bash\0+O\0extglob\0--rcfile\0rc\0--posix\0x.sh", "/home/ann/x.sh");
	SCRIPT("/usr/bin/perl", "perl\0-I\0lib\0-Ilib2\0-T\0a.pl", "/home/ann/a.pl");
	SCRIPT("/usr/bin/node", "node\0--require\0./hook.js\0--inspect\0app.js",
		"/home/ann/app.js");
	SCRIPT("/usr/bin/php8.2", "php\0-d\0a=b\0-f\0a.php", "/home/ann/a.php");
	SCRIPT("/usr/bin/tclsh8.6", "tclsh\0-encoding\0utf-8\0a.tcl", "/home/ann/a.tcl");
	SCRIPT("/usr/bin/bash", "bash\0--\0x.sh", "/home/ann/x.sh");
}

static void what_is_no_script_is_none(void **state)
{
	(void)state;
	SCRIPT("/usr/bin/curl", "curl\0x.py", NULL);
	SCRIPT("/usr/bin/bash", "bash\0-c\0curl x", NULL);
	SCRIPT("/usr/bin/bash", "bash\0-lc\0curl x", NULL);
	SCRIPT("/usr/bin/python3", "python3\0-m\0http.server", NULL);
	SCRIPT("/usr/bin/python3", "python3\0-", NULL);
	SCRIPT("/usr/bin/python3", "python3\0-W\0ignore\0-c\0x", NULL);
	SCRIPT("/usr/bin/python3", "python3\0-X\0dev", NULL);
	SCRIPT("/usr/bin/node", "node\0-r\0hook\0-e\0x", NULL);
	SCRIPT("/usr/bin/python3", "python3", NULL);
	SCRIPT("/usr/bin/pythonic", "pythonic\0x", NULL);
	check_script("/usr/bin/bash", "", 0, NULL);
}

static void check_appimage(const char *path, const char *file, const char *want)
{
	char *name = process_appimage(path, file);

	if (want)
		assert_string_equal(name, want);
	else
		assert_null(name);
	free(name);
}

static void appimages_have_names(void **state)
{
	(void)state;
	check_appimage("/tmp/.mount_kritaAbC12x/usr/bin/krita", "/home/ann/krita-5.AppImage",
		"appimage:krita-5.AppImage");
	check_appimage("/tmp/.mount_kritaAbC12x/usr/bin/krita", NULL, "appimage:krita");
	check_appimage("/tmp/.mount_x/a", "no slash", "appimage:x");
	check_appimage("/tmp/.mount_/a", "/", "appimage:");
	check_appimage("/usr/bin/curl", "/home/ann/krita-5.AppImage", NULL);
}

static void flags_have_names(void **state)
{
	(void)state;
	assert_string_equal(process_flag_str(0), "deleted");
	assert_string_equal(process_flag_str(2), "other_root");
	assert_string_equal(process_flag_str(PROCESS_FLAG_COUNT), "?");
}

static void check_digests(const char *text, const char *want_sha1, const char *want_md5)
{
	uint8_t sha1[SHA1_LEN], md5[MD5_LEN];
	char hex[2 * SHA1_LEN + 1];

	/* In one piece, and byte by byte. */
	for (size_t step = strlen(text) + 1; step; step = step > 1 ? 1 : 0) {
		struct sha1_md5 h;

		sha1_md5_init(&h);
		for (size_t at = 0; at < strlen(text); at += step) {
			size_t left = strlen(text) - at;

			sha1_md5_update(&h, text + at, left < step ? left : step);
		}
		sha1_md5_final(&h, sha1, md5);
		hex_write(sha1, sizeof(sha1), hex);
		assert_string_equal(hex, want_sha1);
		hex_write(md5, sizeof(md5), hex);
		assert_string_equal(hex, want_md5);
	}
}

static void digests_are_those_of_the_standards(void **state)
{
	(void)state;
	check_digests(
		"", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "d41d8cd98f00b204e9800998ecf8427e");
	check_digests("abc", "a9993e364706816aba3e25717850c26c9cd0d89d",
		"900150983cd24fb0d6963f7d28e17f72");
	check_digests("12345678901234567890123456789012345678901234567890123456789012345678901234"
		      "567890",
		"50abf5706a150990a08b2c5ea40fa0e585554732", "57edf4a22be3c955ac49da2e2107b67a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_are_found),
		cmocka_unit_test(what_is_no_script_is_none),
		cmocka_unit_test(appimages_have_names),
		cmocka_unit_test(flags_have_names),
		cmocka_unit_test(digests_are_those_of_the_standards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
