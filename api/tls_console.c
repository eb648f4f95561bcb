/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two kinds of consoles do with the files of certificate and key: serve with them, or only check them. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/configuration.h"
#include "api/console.h"
#include "api/server.h"
#include "api/tls.h"
#include "lib/clock.h"
#include "lib/log.h"

#define CHECK_TIMEOUT_MS 10000
#define DAY_US (UINT64_C(86400) * 1000000)

static void take_pair(struct console *c)
{
	struct tls_pair *pair = NULL;
	struct error err = { 0 };

	if (tls_pair_load(c->tls, &pair, &err) < 0) {
		console_alert(c, ALERT_TLS_REFUSED, "%s: %s; %s", err.place, err.message,
			server_pair(c->server) ? "the former certificate stays in use"
					       : "nobody can connect over TLS");
		return;
	}
	console_alert_over(c, ALERT_TLS_REFUSED);
	log_info("TLS: the certificate%s%s is in use", *tls_pair_name(pair) ? " of " : "",
		tls_pair_name(pair));
	server_set_pair(c->server, pair);
	tls_pair_unref(pair);
	c->tls_end_told = 0;
	tls_check_end(c, clock_real_us());
}

static void tell_end(struct console *c, unsigned code, uint64_t end_us, uint64_t now_us)
{
	uint64_t days = now_us < end_us ? (end_us - now_us) / DAY_US : 0;
	char when[CLOCK_TEXT_LEN];

	clock_format(end_us, when);
	if (code == ALERT_TLS_EXPIRED)
		console_alert(c, code,
			"the TLS certificate ended at %.19sZ: clients refuse it; renew %s", when,
			config_get(c->config)->tls_certificate);
	else
		console_alert(c, code,
			"the TLS certificate ends at %.19sZ, in %llu day%s: renew %s", when,
			(unsigned long long)days, days == 1 ? "" : "s",
			config_get(c->config)->tls_certificate);
}

void tls_check_end(struct console *c, uint64_t now_us)
{
	const struct tls_pair *pair = server_pair(c->server);
	uint64_t end_us = pair ? tls_pair_end_us(pair) : 0;
	unsigned code = 0;

	if (end_us && end_us <= now_us)
		code = ALERT_TLS_EXPIRED;
	else if (end_us && end_us - now_us <= TLS_WARN_DAYS * DAY_US)
		code = ALERT_TLS_EXPIRES;
	if (code != ALERT_TLS_EXPIRES)
		console_alert_over(c, ALERT_TLS_EXPIRES);
	if (code != ALERT_TLS_EXPIRED)
		console_alert_over(c, ALERT_TLS_EXPIRED);
	/* A clock that was put back is as good as a day. */
	if (code && (code != c->tls_end_told || now_us - c->tls_end_told_us >= DAY_US)) {
		tell_end(c, code, end_us, now_us);
		c->tls_end_told_us = now_us;
	}
	c->tls_end_told = code;
}

void tls_told(struct console *c, const struct ipc_tls_file *m, int fd)
{
	if (!tls_files_add(c->tls, m, fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1))
		return;
	take_pair(c);
	if (tls_key_is_open(c->tls))
		console_alert(c, ALERT_TLS_KEY_OPEN,
			"everybody on this machine may read the TLS key: chmod 0600 %s",
			config_get(c->config)->tls_key);
	else
		console_alert_over(c, ALERT_TLS_KEY_OPEN);
	tls_files_done(c->tls);
}

/* ---- --check-tls */

/* Waits for both files. 0 or a code. */
static int receive_files(struct tls_files *f)
{
	_Alignas(8) uint8_t buf[LIMIT_IPC_MESSAGE];
	struct pollfd p = { .fd = IPC_FD_CHANNEL, .events = POLLIN };
	bool complete = false;

	while (!complete) {
		int fd = -1, n;

		n = poll(&p, 1, CHECK_TIMEOUT_MS);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_IO;
		n = ipc_receive(IPC_FD_CHANNEL, buf, &fd);
		if (n <= 0 || ((struct ipc_header *)buf)->type != IPC_TLS_FILE) {
			if (fd >= 0)
				close(fd);
			return n < 0 ? n : ERR_CLOSED;
		}
		complete = tls_files_add(f, (const void *)buf, fd);
	}
	return 0;
}

int tls_check_main(void)
{
	const char *path = getenv(IPC_ENV_CONFIG_PATH);
	struct tls_pair *pair = NULL;
	struct error err = { 0 };
	struct tls_files files;
	int r;

	tls_files_init(&files);
	r = receive_files(&files);
	if (r < 0) {
		log_error("certificate and key did not come: %s", err_str(r));
		return 1;
	}
	r = tls_pair_load(&files, &pair, &err);
	if (r < 0)
		fprintf(stderr, "%s:%u: %s: %s\n", path && *path ? path : "config",
			config_line_of(err.place), err.place, err.message);
	tls_pair_unref(pair);
	tls_files_done(&files);
	return r == 0 ? 0 : r == ERR_INVALID ? 2 : 1;
}
