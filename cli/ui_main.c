/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opensnitch-ui: the dashboard, opened in this user's browser and logged in. */
#include "config.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/browser.h"
#include "cli/client.h"
#include "cli/outcome.h"
#include "cli/password.h"
#include "lib/cleanup.h"

#define PROGRAM "opensnitch-ui"
#define RUNTIME_DIR "/run/opensnitchd"

static const char help[] =
	"usage: opensnitch-ui [OPTION...]\n"
	"\n"
	"Opens the dashboard in your browser, logged in.\n"
	"\n"
	"  --set-password      set the password of the log-in page: asks twice, or reads a line\n"
	"  --remove-password   take it away\n"
	"  --print             only print the URL; it works once, for a minute\n"
	"  --runtime-dir DIR   the daemon whose socket is DIR/api.sock [" RUNTIME_DIR "]\n"
	"  --help, --version\n";

struct ui_options {
	bool print, set_password, remove_password;
	const char *runtime_dir;
};

/* The exit code when the program is to end now, -1 to go on. */
static int parse(struct ui_options *o, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "print", no_argument, NULL, 'p' },
		{ "set-password", no_argument, NULL, 's' },
		{ "remove-password", no_argument, NULL, 'd' },
		{ "runtime-dir", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (c) {
		case 'p':
			o->print = true;
			break;
		case 's':
			o->set_password = true;
			break;
		case 'd':
			o->remove_password = true;
			break;
		case 'r':
			o->runtime_dir = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return OUTCOME_OK;
		case 'v':
			puts(PROGRAM " " PACKAGE_VERSION);
			return OUTCOME_OK;
		default:
			fputs("Try '" PROGRAM " --help'.\n", stderr);
			return OUTCOME_USAGE;
		}
	}
	if (optind < argc) {
		fputs(PROGRAM ": too many arguments\nTry '" PROGRAM " --help'.\n", stderr);
		return OUTCOME_USAGE;
	}
	if (o->print + o->set_password + o->remove_password > 1) {
		fputs(PROGRAM ": only one of --print, --set-password and --remove-password\n",
			stderr);
		return OUTCOME_USAGE;
	}
	return -1;
}

/* One request over the socket; with OUTCOME_OK the answer is in *ret, otherwise its reason was printed. */
static enum outcome call(const char *runtime_dir, const char *method, const char *path,
	const json_t *body, struct response *ret)
{
	struct client_target target = { .agent = PROGRAM "/" PACKAGE_VERSION };
	_cleanup_free_ char *socket_path = NULL;
	struct client *client = NULL;
	struct error e = { 0 };
	enum outcome outcome;
	int failed;

	if (asprintf(&socket_path, "%s/api.sock", runtime_dir) < 0)
		socket_path = NULL;
	if (!socket_path)
		return OUTCOME_FAILED;
	target.socket_path = socket_path;
	failed = client_new(&client, &target, &e);
	if (!failed)
		failed = client_call(client, method, path, body, ret, &e);
	client_free(client);
	if (failed) {
		outcome_error(stderr, PROGRAM, NULL, &e);
		return OUTCOME_FAILED;
	}
	outcome = outcome_of_status(ret->status);
	if (outcome != OUTCOME_OK)
		outcome_report(stderr, PROGRAM, NULL, ret);
	return outcome;
}

/* Asks the daemon for a URL with a fresh one-time code; *ret_url owned. */
static enum outcome get_url(const char *runtime_dir, char **ret_url)
{
	struct response r = { 0 };
	enum outcome outcome = call(runtime_dir, "POST", "/api/v1/session/codes", NULL, &r);
	const char *url = json_string_value(json_object_get(r.body, "url"));

	if (outcome == OUTCOME_OK && (!url || !browser_url_ok(url))) {
		fputs(PROGRAM ": the daemon's answer holds no URL\n", stderr);
		outcome = OUTCOME_FAILED;
	} else if (outcome == OUTCOME_OK) {
		*ret_url = strdup(url);
		outcome = *ret_url ? OUTCOME_OK : OUTCOME_FAILED;
	}
	response_done(&r);
	return outcome;
}

static enum outcome set_password(const char *runtime_dir)
{
	struct response r = { 0 };
	struct error e = { 0 };
	enum outcome outcome;
	char text[512];
	json_t *body;

	if (password_read(text, sizeof(text), &e) < 0) {
		outcome_error(stderr, PROGRAM, NULL, &e);
		return OUTCOME_FAILED;
	}
	body = json_pack("{s:s}", "password", text);
	explicit_bzero(text, sizeof(text));
	if (!body) {
		fputs(PROGRAM ": the password is not UTF-8 text\n", stderr);
		return OUTCOME_FAILED;
	}
	outcome = call(runtime_dir, "PUT", "/api/v1/password", body, &r);
	json_decref(body);
	response_done(&r);
	return outcome;
}

static enum outcome remove_password(const char *runtime_dir)
{
	struct response r = { 0 };
	enum outcome outcome = call(runtime_dir, "DELETE", "/api/v1/password", NULL, &r);

	response_done(&r);
	return outcome;
}

/* No browser here: the next best is the URL, to be opened by hand. */
static enum outcome tell(const char *url, const struct error *e)
{
	fprintf(stderr,
		PROGRAM ": %s\nOpen this URL in a browser within a minute; it works once.%s\n",
		e->message,
		strncmp(url, "https:", 6) == 0 ? ""
					       : " From another machine, forward the port first: "
						 "ssh -L 7373:localhost:7373 HOST");
	puts(url);
	return fflush(stdout) ? OUTCOME_FAILED : OUTCOME_OK;
}

int main(int argc, char **argv)
{
	struct ui_options o = { .runtime_dir = RUNTIME_DIR };
	struct desktop d = { 0 };
	struct error e = { 0 };
	_cleanup_free_ char *url = NULL;
	enum outcome outcome;
	int end = parse(&o, argc, argv);

	if (end >= 0)
		return end;
	if (o.set_password)
		return (int)set_password(o.runtime_dir);
	if (o.remove_password)
		return (int)remove_password(o.runtime_dir);
	outcome = get_url(o.runtime_dir, &url);
	if (outcome != OUTCOME_OK)
		return (int)outcome;
	if (o.print) {
		puts(url);
		return fflush(stdout) ? OUTCOME_FAILED : OUTCOME_OK;
	}
	if (desktop_find(&d, &e) || browser_open(&d, url, &e))
		outcome = tell(url, &e);
	desktop_done(&d);
	return (int)outcome;
}
