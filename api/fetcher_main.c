/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opensnitch-fetcher: fetches one list. The console's launcher starts it (api/fetcher.h); people do not. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <nss.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/fetcher.h"
#include "api/program.h"
#include "api/sandbox.h"
#include "api/transfer.h"
#include "lib/log.h"
#include "lib/syscalls.h"

/* What was given up before the program began stays so; dumping, an exec allows again. */
static int confine(const struct fetch_request *request, struct error *err)
{
	const struct rlimit memory = { LIMIT_FETCH_MEMORY, LIMIT_FETCH_MEMORY };
	const struct rlimit size = { request->max_bytes, request->max_bytes };
	struct sandbox_places places = { .any_port = true };
	int r = 0;

	places.n_readable = sandbox_resolver_files(places.readable);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_FSIZE, &size) < 0 ||
		(!SYSCALLS_UNDER_ASAN && setrlimit(RLIMIT_DATA, &memory) < 0))
		r = error_set(
			err, ERR_PERMISSION, NULL, "its limits cannot be set: %s", strerror(errno));
	if (r == 0)
		r = sandbox_confine(&places, err);
	return r < 0 ? r : sandbox_close_fetcher(err);
}

static void carry_out(const struct fetch_request *request, struct fetch_result *ret)
{
	struct error err = { 0 };

	/* Those that the C library has inside: others would be loaded later, when no code can be. */
	__nss_configure_lookup("hosts", "files dns");
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (transfer_init() < 0)
		fetch_fail(ret, "libcurl cannot be initialised");
	else if (confine(request, &err) < 0)
		fetch_fail(ret, "the sandbox cannot be closed: %s", err.message);
	else
		transfer_run(request, FETCHER_FD_FILE, ret);
}

int main(int argc, char **argv)
{
	struct fetch_request request;
	struct fetch_result result = { 0 };
	ssize_t n = -1;

	(void)argv;
	if (argc == 1)
		n = recv(FETCHER_FD_CHANNEL, &request, sizeof(request), MSG_WAITALL);
	if (n < 0 || fetch_check_request(&request, (size_t)n) < 0) {
		fprintf(stderr, "opensnitch-fetcher %s: started by opensnitch-console\n",
			PACKAGE_VERSION);
		return 2;
	}
	prctl(PR_SET_NAME, "opensnitch-get");
	if (fcntl(FETCHER_FD_JOURNAL, F_GETFD) >= 0)
		log_adopt_journal(FETCHER_FD_JOURNAL);
	log_init("fetcher", LOG_LEVEL_INFO, program_log_format());
	carry_out(&request, &result);
	/* All memory goes with the process: nothing is tidied up, by us or by a library. */
	_exit(send(FETCHER_FD_CHANNEL, &result, sizeof(result), MSG_NOSIGNAL) ==
				(ssize_t)sizeof(result)
			? 0
			: 1);
}
