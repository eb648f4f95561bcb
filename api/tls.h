/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Certificate and key of the listeners that other machines reach.
 *
 * The files are root's: the engine opens them, also again whenever one changed, and sends the descriptors (IPC_TLS_FILE). What was
 * read and fits together is a pair; connections that began with one keep it, new ones take the newest.
 */
#ifndef API_TLS_H
#define API_TLS_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/ipc.h"
#include "lib/err.h"

#define TLS_WARN_DAYS 14 /* before a certificate ends */

/* For GnuTLS: TLS 1.2 and 1.3 with forward secrecy, no SHA-1. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-SHA1:%SERVER_PRECEDENCE"

struct tls_pair;

/* The two files as they come. */
struct tls_files {
	int fds[IPC_TLS_COUNT_]; /* owned; -1: none */
	int errnums[IPC_TLS_COUNT_];
};

void tls_files_init(struct tls_files *f);
void tls_files_done(struct tls_files *f);

/* Takes note of one of them; takes `fd` (or -1). True when both are there: tls_pair_load() is due. */
bool tls_files_add(struct tls_files *f, const struct ipc_tls_file *m, int fd);

/*
 * Reads and checks both. 0 with *ret (returned owned, one reference); ERR_INVALID with `err`: place is "tls.certificate" or "tls.key"; or
 * ERR_NOMEM.
 */
int tls_pair_load(const struct tls_files *f, struct tls_pair **ret, struct error *err);

/* Whether everybody on the machine may read the key. */
bool tls_key_is_open(const struct tls_files *f);

/* NULL is fine for both. */
struct tls_pair *tls_pair_ref(struct tls_pair *p);
void tls_pair_unref(struct tls_pair *p);

/* Lets a new session prove itself with the pair, which must outlive its handshake. 0 or a GnuTLS code. */
int tls_pair_use(const struct tls_pair *p, gnutls_session_t session);

/* Whether the certificate is for this host: a name or an address without brackets. */
bool tls_pair_is_for(const struct tls_pair *p, const char *host);

/* The first DNS name in the certificate that is no wildcard; "" when there is none. Borrowed. */
const char *tls_pair_name(const struct tls_pair *p);

/* When the first of the chain's certificates ends, CLOCK_REALTIME in microseconds; 0: never, or it is not known. */
uint64_t tls_pair_end_us(const struct tls_pair *p);

struct console;

/* Looks whether the certificate in use ends soon, or has, and tells so as an alert: once a day, and when it changes. Cheap: for a timer. */
void tls_check_end(struct console *c, uint64_t now_us);

/*
 * A file came from the engine (`fd` is borrowed, or -1). With the second, a pair that is good is taken for all connections to come; one that is
 * not is an alert, and the former stays.
 */
void tls_told(struct console *c, const struct ipc_tls_file *m, int fd);

/* For `opensnitch-console --check-tls`: checks what comes over IPC_FD_CHANNEL and tells a problem with its line. The exit status. */
int tls_check_main(void);

#endif
